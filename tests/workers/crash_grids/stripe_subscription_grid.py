"""Rows of the crash table of Stripe subscriptions: a death, a gap, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

from domain.core import ids
from domain.gateway.errors import GatewayUnavailable
from domain.inbox.provider_event import ProviderEvent
from domain.invoices.invoice import Invoice
from tests.workers.crash_grids.environment import Kill, Stand
from tests.workers.crash_grids.stripe_invoice_flows import Job, move, moved_for
from tests.workers.crash_points import STRIPE_GAPS, death_points
from tests.workers.stripe_harness import Bench

_EXPIRES: Final = timedelta(hours=23)
CREATE: Final = "post /v1/subscriptions"


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
        created = CREATE in self.steps[:point]
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
