"""Replay a recorded scenario in memory: in any order, doubled, with late answers.

The applier and the jobs are the real ones; the log is in memory, the provider answers from the
recording.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Literal, Self, cast

from domain.gateway.errors import GatewayRejected, GatewayUnavailable
from domain.gateway.objects import ProviderInvoice, RefundsAndDisputes
from domain.invoices.view import Dispute, InvoiceView, Refund
from eventlog import persistence
from eventlog.log import Log
from eventlog.reading import RecordedEvent
from tests.support.memory_log import MemoryLog
from tests.workers.event_orders.recording import JobRun, ObservedEvent, Recording
from tests.workers.stripe_harness import Bench
from workers.runtime import open_billing
from workers.webhooks.apply import Applier

# What a fetch sees: how things stood when its event was made, or how they stand by now.
Sight = Literal["then", "now"]
_DEEPEST = 3
# `make test` replays one story in so many orders; the extended tests replay all stories.
FEW_ORDERS: Final = 4
_LONGEST = 5000


@dataclass(frozen=True)
class Refetch:
    """The job that asks the provider what a delivery is about."""

    received: RecordedEvent
    moment: int


Item = ObservedEvent | JobRun | Refetch | RecordedEvent


class Stage:
    """Replay one recording repeatedly: a log in memory, the applier and the jobs."""

    def __init__(self, story: Recording) -> None:
        self.story = story
        self.memory = MemoryLog()
        log, recorded = cast("Log", self.memory), story.bench
        self.bench = Bench(log, open_billing(log, name="retelling"), recorded.account)
        self.bench.app_id, self.bench.connection_id = recorded.app_id, recorded.connection_id
        self.bench.clock = recorded.clock
        self.applier = Applier(log, now=self.bench.clock)
        self.runner = asyncio.Runner()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.runner.close()
        persistence.register("retelling", None)


class Retelling:
    """A replay: `queue` holds the remaining items, the next one last."""

    def __init__(self, stage: Stage, *, order: Random | None, sight: Sight) -> None:
        self._stage = stage
        self._story = stage.story
        self._bench = stage.bench
        self._order = order
        self._sight = sight
        self._now = 0
        self._answered_at: int | None = None
        self._answers: dict[str, object] = {}
        self._depth = 0
        self._steps = 0
        self.queue: list[Item] = []

    def run(self) -> InvoiceView:
        """Replay everything; return the resulting row."""
        self._stage.memory.reset(self._story.base)
        self._bench.gateway = self
        self.queue = list(reversed(self._arranged()))
        while self.queue:
            self._next()
        return self._bench.invoice(self._story.invoice_id).view

    def _arranged(self) -> list[Item]:
        story: list[Item] = [*self._story.done, *self._story.events]
        story.sort(key=lambda item: cast("ObservedEvent | JobRun", item).moment)
        if self._order is None:
            return story
        sampled = self._order.sample(self._story.events, k=min(4, len(self._story.events)))
        twins = [ObservedEvent(_twin(one.event), one.moment) for one in sampled]
        self._order.shuffle(shuffled := [*story, *twins])
        return shuffled

    def _next(self) -> None:
        self._steps += 1
        assert self._steps < _LONGEST, "it goes round and round"
        item = self.queue.pop()
        match item:
            case ObservedEvent():
                self._now = max(self._now, item.moment)
                self._receive(item)
            case JobRun():
                self._now = max(self._now, item.moment)
                self._do(item)
            case Refetch():
                self._refetch(item)
            case RecordedEvent():
                self._apply(item)

    def _receive(self, observed: ObservedEvent) -> None:
        received = self._bench.receive(observed.event)
        self._apply(received)
        entry = self._bench.entry(received)
        if not entry.applied:
            self._put(Refetch(received, observed.moment))
        if self._order is not None and self._order.random() < 0.2:
            self._put(received)

    def _apply(self, received: RecordedEvent) -> None:
        self._stage.runner.run(self._stage.applier.handle([received]))

    def _do(self, done: JobRun) -> None:
        self._answers = done.answers
        try:
            done.job.run(self._bench)
        except GatewayUnavailable:
            self._put(done)

    def _refetch(self, refetch: Refetch) -> None:
        before, self._answered_at = self._answered_at, refetch.moment
        try:
            self._bench.fetch(refetch.received)
        except GatewayUnavailable:
            self.queue.insert(0, refetch)
        finally:
            self._answered_at = before

    def _put(self, item: Item) -> None:
        """Queue something as the next, or as a later one."""
        occurred_at = len(self.queue)
        self.queue.insert(
            occurred_at if self._order is None else self._order.randint(0, occurred_at), item
        )

    # The gateway.

    def __getattr__(self, verb: str) -> Any:
        answers = self.__dict__.get("_answers", {})
        if verb not in answers:
            raise AttributeError(verb)
        answer = answers[verb]

        def answered(*_: object, **__: object) -> object:
            self._wait()
            if isinstance(answer, GatewayRejected):
                raise answer
            return answer

        return answered

    def fetch_invoice(self, _: str) -> ProviderInvoice:
        """Answer how things stand, or stood; other things happen until the answer is here."""
        moment = self._story.moments[self._seen()]
        self._wait()
        return moment.invoice

    def fetch_refunds_and_disputes(self, _: str) -> RefundsAndDisputes:
        """Answer what went back."""
        moment = self._story.moments[self._seen()]
        self._wait()
        return moment.back

    def find_invoice_of(self, _: str) -> str:
        """Answer which invoice a payment is for."""
        return self._story.moments[0].invoice.id

    def _seen(self) -> int:
        if self._sight == "then" and self._answered_at is not None:
            return self._answered_at
        return self._now

    def _wait(self) -> None:
        """Apply the next item before the pending answer."""
        if self._order is None or self._depth >= _DEEPEST:
            return
        self._depth += 1
        before = self._answered_at, self._answers
        for _ in range(self._order.randint(0, 2)):
            if self.queue and not isinstance(self.queue[-1], JobRun):
                self._next()
        self._answered_at, self._answers = before
        self._depth -= 1


def _twin(event: dict[str, Any]) -> dict[str, Any]:
    """Another event that tells the same, as a provider sometimes sends."""
    twin = deepcopy(event)
    twin["id"] += "_twin"
    return twin


def row(view: InvoiceView) -> dict[str, Any]:
    """Return the state that must not depend on the order."""
    return {
        "status": view.status,
        "paid": view.amount_paid_minor,
        "refunded": view.amount_refunded_minor,
        "disputed": view.amount_disputed_minor,
        "overpaid": view.amount_overpaid_minor,
        "dispute": view.dispute_status,
        "failure": view.failure,
        "next": view.next_action,
        "paid at": view.paid_at,
        "at work": (view.in_progress, view.pending_request),
        "refunds": sorted(_money(view.refunds)),
        "disputes": sorted(_money(view.disputes)),
        "total": (view.total_minor, view.tax_minor, view.currency, view.number),
    }


def _money(entries: Sequence[Refund | Dispute]) -> list[tuple[str, str, int]]:
    return [(str(entry.id), entry.status, entry.amount_minor) for entry in entries]
