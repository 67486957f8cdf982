"""Flows of Stripe subscriptions for the crash tests, with their expected end states."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from domain.core import ids
from domain.gateway.errors import GatewayUnavailable
from domain.inbox.provider_event import ProviderEvent
from domain.invoices.invoice import Invoice
from domain.subscriptions.commands import (
    CancelSubscription,
    ChangeSubscription,
    SubscriptionCommand,
)
from domain.subscriptions.items import RequestedPrice
from domain.tenants.tenant import Tenant
from tests.workers.crash_grids.environment import Kill, Stand
from tests.workers.crash_grids.stripe_invoice_flows import Job, move, moved_for
from tests.workers.crash_points import STRIPE_GAPS, death_points
from tests.workers.stripe_harness import Bench

_EXPIRES: Final = timedelta(hours=23)
_CREATE: Final = "post /v1/subscriptions"


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


@dataclass(frozen=True)
class Ending:
    """Final state: our rows, and the provider's objects and payments.

    `there`: the statuses of the customer's subscriptions. `payable`: how many of its invoices
    could still be paid. `agrees`: plan and end are in our row as they are there.
    """

    invoice: str
    subscription: str
    moved: tuple[int, ...]
    there: tuple[str, ...]
    payable: int = 0
    renewals: tuple[str, ...] = ()
    agrees: bool = True


@dataclass(frozen=True)
class SubscriptionFlow:
    """A kind of work. `expired`: its end where a day passes after the provider started it.

    From the point `decided` on, what it ends as is recorded, and the day makes no difference.
    """

    name: str
    prepare: Callable[[Bench], Job]
    end: Ending
    steps: list[str] = field(hash=False)
    expired: Ending | None = None
    decided: int | None = None

    def ending(self, point: int, gap: timedelta) -> Ending:
        """Expected final state of a row."""
        created = _CREATE in self.steps[:point]
        decided = self.decided is not None and point >= self.decided
        if self.expired is None or gap < _EXPIRES or not created or decided:
            return self.end
        return self.expired


def row(stand: Stand, flow: SubscriptionFlow, point: int, gap: str, kill: Kill) -> list[Ending]:
    """Kill a flow's job at a point, let time pass, run it again, let the provider tell all.

    Gives how it had ended after the job, and after what was told. Where `gap` says so, the
    provider tells what it has done by then before the job runs again.
    """
    name, is_delivered = gap.removesuffix(DELIVERED), gap.endswith(DELIVERED)
    bench = stand.bench(flow.name)
    since_ = int(bench.account.admin.clock()["now"])
    job = flow.prepare(bench)
    kill(bench, job, point)
    move(bench, STRIPE_GAPS[name])
    if is_delivered:
        deliver_webhooks(bench, job, since=since_)
    job.run(bench)
    after = look(bench, job)
    deliver_webhooks(bench, job, since=since_)
    ends = [after, look(bench, job)]
    _tidy(bench, job)
    return ends


DELIVERED: Final = ", told"
ROW_GAPS: Final = (*STRIPE_GAPS, *(f"{gap}{DELIVERED}" for gap in STRIPE_GAPS))


def deliver_webhooks(bench: Bench, job: Job, *, since: int) -> None:
    """Deliver what the provider has to tell of a customer, as far as it can be taken in."""
    received = []
    for event in bench.events("invoice.", "customer.subscription.", since=since):
        entry = ids.for_provider_event(bench.connection_id, "test", event["id"])
        if event["data"]["object"].get("customer") != job.customer:
            continue
        known = bench.billing.find(ProviderEvent, entry)
        if known is None:
            received.append(bench.receive(event))
        elif not known.applied:
            received.append(bench.log.stream(entry)[0])
    bench.apply(*received)
    for one in received:
        with suppress(GatewayUnavailable):  # a step is at work: its own answer comes first
            bench.fetch(one)


def look(bench: Bench, job: Job) -> Ending:
    """Read our rows and the provider's."""
    assert job.customer is not None
    v1 = bench.account.v1
    view = bench.invoice(job.invoice_id).view
    there = v1.subscriptions.list({"customer": job.customer, "status": "all"}).data
    invoices = v1.invoices.list({"customer": job.customer, "limit": 100}).data
    known = bench.subscription(job.invoice_id).view
    standing = bench.gateway.fetch_subscription(known.provider_subscription_id)
    plan = {(item.price, item.quantity) for item in standing.items}
    end = None if known.cancel_at is None else int(known.cancel_at.timestamp())
    renewals = [
        bench.billing.find(Invoice, _stream_of(bench, invoice.id)) for invoice in invoices[:-1]
    ]
    return Ending(
        invoice=view.status,
        subscription=known.status,
        moved=tuple(amount for _, amount in moved_for(bench.account, job.customer)),
        there=tuple(str(subscription.status) for subscription in there),
        payable=sum(invoice.status in ("open", "draft") for invoice in invoices),
        renewals=tuple(renewal.view.status for renewal in renewals if renewal is not None),
        agrees=plan == {(item.price, item.quantity) for item in known.items}
        and end == standing.cancel_at
        and (known.scheduled is not None) == _waits(bench, known.provider_subscription_id),
    )


def _waits(bench: Bench, subscription: str) -> bool:
    """Return whether the provider's schedule has another phase to come."""
    named = bench.account.v1.subscriptions.retrieve(subscription).schedule
    if named is None:
        return False
    schedule = bench.account.v1.subscription_schedules.retrieve(str(named))
    present = schedule.current_phase
    return present is not None and present.end_date < schedule.phases[-1].end_date


def _stream_of(bench: Bench, invoice: str) -> UUID:
    return ids.for_provider_object(bench.app_id, bench.connection_id, "test", invoice)


def _tidy(bench: Bench, job: Job) -> None:
    """End what would renew while the clock goes on for other rows."""
    v1 = bench.account.v1
    for subscription in v1.subscriptions.list({"customer": job.customer or ""}).data:
        if subscription.status in ("active", "incomplete"):
            v1.subscriptions.cancel(subscription.id)


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
_START: Final = [*_LOOK_UP, _CREATE, "append", "get /v1/invoices/*"]
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


def checked_rows(
    stand: Stand, flow: SubscriptionFlow, kill: Kill
) -> Iterator[tuple[str, list[tuple[bool, Ending]]]]:
    """Kill one flow's job at each point; tells for each gap whether it ended right, and how."""
    for point, step in death_points(flow.steps):
        ends = []
        for gap in ROW_GAPS:
            after, is_delivered = row(stand, flow, point, gap, kill)
            ends.append((is_right(flow, point, gap, after, is_delivered), is_delivered))
        yield f"after {point} {step}", ends


def is_right(
    flow: SubscriptionFlow, point: int, gap: str, after: Ending, is_delivered: Ending
) -> bool:
    """Return whether a row ended as it must.

    What happens by itself once a job has ended is not that job's to know: that is told.
    """
    ending = flow.ending(point, STRIPE_GAPS[gap.removesuffix(DELIVERED)])
    return is_delivered == ending and (after == ending or ending != flow.end)
