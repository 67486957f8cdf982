"""Flows of Stripe subscriptions for the crash tests, with their expected end states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from domain.core import ids
from domain.subscriptions.commands import (
    CancelSubscription,
    ChangeSubscription,
    SubscriptionCommand,
)
from domain.subscriptions.items import RequestedPrice
from domain.tenants.tenant import Tenant
from tests.workers.crash_grids.stripe_invoice_flows import Job, move
from tests.workers.crash_grids.stripe_subscription_grid import CREATE, Ending, SubscriptionFlow
from tests.workers.stripe_harness import Bench


@dataclass(frozen=True)
class Change(Job):
    """Carry out what is asked of a subscription."""

    subscription_id: UUID | None = None

    def run(self, bench: Bench) -> None:
        """Do it, to its end."""
        assert self.subscription_id is not None
        bench.change_subscription(self.subscription_id)


@dataclass(frozen=True)
class TakeIn(Job):
    """Fetch the object of a webhook, and apply it."""

    entry: UUID | None = None

    def run(self, bench: Bench) -> None:
        """Do it, to its end."""
        assert self.entry is not None
        bench.fetch(bench.log.stream(self.entry)[0])


def _monthly(bench: Bench, amount: int = 1999) -> str:
    return bench.account.add_price(amount, recurring={"interval": "month"})


def _start(card: str | None) -> Callable[[Bench], Job]:
    def prepare(bench: Bench) -> Job:
        tenant_id = bench.add_tenant(card)
        tenant = bench.billing.get(Tenant, ids.for_tenant(bench.app_id, tenant_id))
        invoice_id = bench.subscribe(
            tenant_id, _monthly(bench), tax_rate_id=bench.account.tax_rate, quantity=2
        )
        return Job(invoice_id, str(tenant.customers[bench.connection]))

    return prepare


def _started(bench: Bench) -> Job:
    job = _start("succeeds")(bench)
    job.run(bench)
    return job


def _request(
    kind: type[SubscriptionCommand], *, at_period_end: bool, amount: int | None = None
) -> Callable[[Bench], Job]:
    def prepare(bench: Bench) -> Job:
        job = _started(bench)
        known = bench.subscription(job.invoice_id)
        more: dict[str, Any] = {}
        if amount is not None:
            more = {"lines": [RequestedPrice(_monthly(bench, amount), 1)]}
        command = kind(
            subscription_id=known.id,
            request_id=uuid4(),
            at_period_end=at_period_end,
            request_hash="hash",
            actor="key:test",
            **more,
        )
        bench.billing.request_subscription_action(command, occurred_at=bench.clock())
        return Change(job.invoice_id, job.customer, subscription_id=UUID(str(known.id)))

    return prepare


def _renewed(bench: Bench) -> Job:
    job = _started(bench)
    move(bench, timedelta(days=32))
    renewal = next(
        event
        for event in bench.events("invoice.paid")
        if event["data"]["object"]["billing_reason"] == "subscription_cycle"
        and event["data"]["object"]["customer"] == job.customer
    )
    received = bench.receive(renewal)
    bench.apply(received)
    return TakeIn(job.invoice_id, job.customer, entry=UUID(str(received.originator_id)))


_LOOK_UP: Final = ["get /v1/customers/*", "get /v1/prices/*", "append"]
_START: Final = [*_LOOK_UP, CREATE, "append", "get /v1/invoices/*"]
_RECORD: Final = ["get /v1/subscriptions/*", "append"]
_PAID: Final = Ending("paid", "active", (4838,), ("active",))
_GONE: Final = Ending("void", "incomplete_expired", (), ("incomplete_expired",))
_OUT_OF_TIME: Final = replace(_GONE, invoice="expired")
_WAITS: Final = Ending("requires_action", "incomplete", (), ("incomplete",), payable=1)
_CANCEL: Final = CancelSubscription
_CHANGE: Final = ChangeSubscription
SUBSCRIPTION_FLOWS: Final = (
    SubscriptionFlow("subscribe, paid", _start("succeeds"), _PAID, [*_START, *_RECORD, "append"]),
    SubscriptionFlow(
        "subscribe, declined",
        _start("declined"),
        _GONE,
        [
            *_START,
            "append",
            "delete /v1/subscriptions/*",
            "get /v1/invoices/*",
            *_RECORD,
            "append",
        ],
        _OUT_OF_TIME,
        decided=len(_START) + 1,
    ),
    SubscriptionFlow(
        "subscribe, authentication required",
        _start("needs_authentication"),
        _WAITS,
        [*_START, *_RECORD, "append"],
        _OUT_OF_TIME,
    ),
    SubscriptionFlow(
        "subscribe, no method",
        _start(None),
        replace(_WAITS, invoice="open"),
        [*_START, *_RECORD, "append"],
        _OUT_OF_TIME,
    ),
    SubscriptionFlow(
        "cancel now",
        _request(_CANCEL, at_period_end=False),
        replace(_PAID, subscription="canceled", there=("canceled",)),
        ["append", "delete /v1/subscriptions/*", *_RECORD],
    ),
    SubscriptionFlow(
        "cancel at the period's end",
        _request(_CANCEL, at_period_end=True),
        _PAID,
        ["append", "get /v1/subscriptions/*", "post /v1/subscriptions/*", *_RECORD],
    ),
    SubscriptionFlow(
        "change now",
        _request(_CHANGE, at_period_end=False, amount=2999),
        _PAID,
        [
            "append",
            "get /v1/subscriptions/*",
            "get /v1/subscriptions/*",
            "post /v1/subscriptions/*",
            *_RECORD,
        ],
    ),
    SubscriptionFlow(
        "change at the period's end",
        _request(_CHANGE, at_period_end=True, amount=2999),
        _PAID,
        [
            "append",
            "get /v1/subscriptions/*",
            "get /v1/subscriptions/*",
            "post /v1/subscription_schedules",
            "post /v1/subscription_schedules/*",
            "get /v1/subscriptions/*",
            *_RECORD,
        ],
    ),
    SubscriptionFlow(
        "import a renewal",
        _renewed,
        replace(_PAID, moved=(4838, 4838), renewals=("paid",)),
        [
            "get /v1/invoices/*",
            "get /v1/invoice_payments",
            "get /v1/refunds",
            "get /v1/disputes",
            "get /v1/credit_notes",
            "append",
            "append",
        ],
    ),
)
