"""Test webhooks of a subscription that arrive during our own calls about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.core import ids
from domain.inbox.provider_event import ProviderEvent
from domain.invoices.invoice import Invoice
from domain.invoices.outcome import first_outcome
from domain.subscriptions.subscription import Subscription
from eventlog.reading import RecordedEvent
from tests.workers.stripe_harness import Bench
from tests.workers.subscriptions.test_stripe_subscriptions import monthly, subscribed

_KINDS = ("invoice.", "customer.subscription.")


class Meanwhile:
    """The gateway; once one of its verbs has its answer, something happens before we have it."""

    def __init__(self, gateway: Any, verb: str, happens: Callable[[], object]) -> None:
        self._gateway = gateway
        self._verb = verb
        self._happens: Callable[[], object] | None = happens

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._gateway, name)
        happens = self._happens
        if name != self._verb or happens is None:
            return verb

        def late(*args: Any, **kwargs: Any) -> Any:
            self._happens = None
            answer = verb(*args, **kwargs)
            happens()
            return answer

        return late


def apply_webhooks(bench: Bench) -> list[RecordedEvent]:
    """Apply all webhooks not applied yet, in their order."""
    received = []
    for event in bench.events(*_KINDS):
        known = ids.for_provider_event(bench.connection_id, "test", event["id"])
        if bench.billing.find(ProviderEvent, known) is None:
            received.append(bench.receive(event))
    bench.apply(*received)
    for one in received:
        bench.fetch(one)
    return received


@pytest.mark.parametrize("verb", ["create_subscription", "fetch_invoice", "fetch_subscription"])
def test_a_first_invoice_reported_before_our_answer_is_recorded_once(
    bench: Bench, verb: str
) -> None:
    bench.gateway = Meanwhile(bench.gateway, verb, lambda: apply_webhooks(bench))
    invoice_id = subscribed(bench)
    view = bench.invoice(invoice_id).view
    assert (view.status, view.origin, view.in_progress) == ("paid", "request", False)
    at_provider = str(view.provider_object_id)
    taken_in = ids.for_provider_object(bench.app_id, bench.connection_id, "test", at_provider)
    assert bench.billing.find(Invoice, taken_in) is None
    running = bench.subscription(invoice_id)
    assert (running.view.status, running.view.invoice_id) == ("active", invoice_id)
    assert (running.view.origin, running.view.tenant_id) == ("request", view.tenant_id)
    topics = [recorded.topic for recorded in bench.log.stream(running.id)]
    assert topics.count("subscription.started") == 1
    assert topics.count("subscription.activated") == 1
    assert bench.account.charged() == [1999]


@pytest.mark.parametrize("verb", ["end_subscription", "fetch_subscription"])
def test_a_decline_is_recorded_even_if_webhooks_report_void_first(bench: Bench, verb: str) -> None:
    bench.gateway = Meanwhile(bench.gateway, verb, lambda: apply_webhooks_where_possible(bench))
    invoice_id = subscribed(bench, "declined")
    reported = first_outcome(bench.invoice_events(invoice_id))
    assert reported is not None
    assert reported.status == "failed"
    assert reported.failure is not None
    assert reported.failure.code == "card_declined"
    assert bench.invoice(invoice_id).view.status == "void"
    assert bench.account.charged() == []
    for invoice in bench.account.v1.invoices.list().data:
        assert invoice.status == "void"


def apply_webhooks_where_possible(bench: Bench) -> list[RecordedEvent]:
    """Apply webhooks that need no fetch."""
    received = [bench.receive(event) for event in bench.events(*_KINDS)]
    bench.apply(*received)
    return received


def test_a_late_answer_does_not_undo_a_newer_state_of_the_same_second(bench: Bench) -> None:
    bench.account.admin.set_clock(frozen=True)
    invoice_id = subscribed(bench)
    apply_webhooks(bench)
    at_provider = str(bench.invoice(invoice_id).view.subscription_id)
    v1 = bench.account.v1

    def pause(behavior: str) -> None:
        change: Any = {"pause_collection": {"behavior": behavior} if behavior else ""}
        v1.subscriptions.update(at_provider, change)

    def go_on() -> None:
        pause("")
        apply_webhooks(bench)

    pause("void")
    bench.gateway = Meanwhile(bench.gateway, "fetch_subscription", go_on)
    apply_webhooks(bench)
    assert bench.subscription(invoice_id).view.status == "active"


def test_a_subscription_of_another_app_is_not_imported(bench: Bench) -> None:
    subscribed(bench)
    other = Bench(bench.log, bench.billing, bench.account)
    reported = other.events(*_KINDS)
    bench.account.admin.set_clock(advance_s=32 * 86400)  # events are kept for 30 days
    reported += [event for event in other.events(*_KINDS) if event["type"] != "invoice.upcoming"]
    reasons = {event["data"]["object"].get("billing_reason") for event in reported}
    assert {"subscription_create", "subscription_cycle"} <= reasons
    received = [other.receive(event) for event in reported]
    other.apply(*received)
    for one in received:
        entry = other.entry(one)
        parked = other.log.stream(UUID(str(one.originator_id)))[-1]
        assert (entry.applied, parked.topic) == (False, "provider_event.parked")
        assert b"belongs elsewhere" in bytes(parked.state)
        found = ids.for_provider_object(
            other.app_id, other.connection_id, "test", entry.received.object_id
        )
        assert other.billing.find(Invoice, found) is None
        assert other.billing.find(Subscription, found) is None


def test_a_renewal_is_not_mistaken_for_the_requested_invoice(bench: Bench) -> None:
    invoice_id = subscribed(bench, metadata={"order": "7"})
    first = bench.topics(invoice_id)
    bench.account.admin.set_clock(advance_s=32 * 86400)
    apply_webhooks(bench)
    renewal = bench.account.v1.invoices.list().data[0]
    parent: Any = renewal.parent
    assert parent.subscription_details.metadata["billhook_invoice"] == str(invoice_id)
    assert bench.imported(renewal.id).view.origin == "renewal"
    new = bench.topics(invoice_id)[len(first) :]
    assert set(new) <= {"invoice.provider_state_confirmed"}


def test_an_answer_that_was_lost_starts_no_second_subscription(bench: Bench) -> None:
    invoice_id = bench.subscribe(bench.add_tenant(), monthly(bench), invoice_id=uuid4())
    bench.account.admin.add_fault("lose_answer", path="/v1/subscriptions", method="POST")
    bench.charge(invoice_id)
    assert bench.invoice(invoice_id).view.status == "paid"
    assert len(bench.account.v1.subscriptions.list({"status": "all"}).data) == 1
    assert bench.account.charged() == [1999]
