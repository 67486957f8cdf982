"""Helpers of setup tests: request one, run its job, act as its customer, send webhooks."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from domain.core import ids
from domain.payment_methods.commands import RequestSetup
from domain.payment_methods.setup import MethodSetup
from tests.workers.stripe_harness import Bench
from workers.payments.setup_method import SetupDeps, set_up_method

RETURN_URL = "https://shop.example.org/saved"


def request_setup(bench: Bench, tenant_id: UUID) -> UUID:
    command = RequestSetup(
        setup_id=uuid4(),
        app_id=bench.app_id,
        tenant_id=tenant_id,
        provider="stripe",
        connection=bench.connection,
        connection_id=bench.connection_id,
        mode="test",
        redirect_url=RETURN_URL,
        request_hash="hash",
        actor="key:test",
    )
    bench.billing.save(MethodSetup.request(command, occurred_at=bench.clock()))
    return command.setup_id


def do(bench: Bench, setup_id: UUID) -> MethodSetup:
    """Run the job that is due, if one is."""
    deps = SetupDeps(
        billing=bench.billing,
        gateway=bench.gateway,
        customers=bench.deps().customers,
        now=bench.clock,
        heartbeat=lambda: None,
        keys=bench.keys,
    )
    set_up_method(setup_id, deps)
    return known(bench, setup_id)


def known(bench: Bench, setup_id: UUID) -> MethodSetup:
    return bench.billing.get(MethodSetup, setup_id)


def opened(bench: Bench, tenant_id: UUID) -> MethodSetup:
    """A setup whose page waits for its customer."""
    return do(bench, request_setup(bench, tenant_id))


def leave(bench: Bench, setup: MethodSetup, card: str = "pm_card_mastercard") -> None:
    """Be the customer, who leaves a card."""
    assert setup.view.session_id is not None
    bench.account.admin.complete_checkout(setup.view.session_id, card)


def events_of(bench: Bench, setup_id: UUID) -> list[dict[str, Any]]:
    """Return Stripe's events about a setup's pages, oldest first."""
    return [
        event
        for event in bench.events("checkout.session.")
        if event["data"]["object"]["metadata"].get("billhook_setup") == str(setup_id)
    ]


def deliver_events(bench: Bench, setup_id: UUID) -> MethodSetup:
    """Deliver what Stripe tells of a setup and has not told before."""
    for event in events_of(bench, setup_id):
        entry = ids.for_provider_event(bench.connection_id, "test", event["id"])
        if not bench.log.stream(entry):
            bench.apply(bench.receive(event))
    return known(bench, setup_id)


def default_of(bench: Bench, customer: str) -> str | None:
    """Return the customer's default payment method at Stripe."""
    settings = bench.account.v1.customers.retrieve(customer).invoice_settings
    assert settings is not None
    method = settings.default_payment_method
    return None if method is None else str(method)
