"""Record an invoice's events, the state at each of them, and the answers of calls."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from domain.gateway.errors import GatewayRejected
from domain.gateway.objects import ProviderInvoice, RefundsAndDisputes
from eventlog.reading import RecordedEvent
from tests.workers.crash_grids.stripe_invoice_flows import Job
from tests.workers.stripe_harness import Bench
from workers.providers.stripe.event_types import APPLIED_TYPES, FETCH_TYPES

_ASIDE: Final = 2  # seconds between two moments
_TYPES: Final = frozenset((*APPLIED_TYPES, *FETCH_TYPES))

Json = dict[str, Any]


@dataclass(frozen=True)
class Moment:
    """The provider's state after one action."""

    invoice: ProviderInvoice
    back: RefundsAndDisputes


@dataclass(frozen=True)
class ObservedEvent:
    """An event, and the moment that it tells of."""

    event: Json
    moment: int


@dataclass(frozen=True)
class JobRun:
    """A job of ours: what its calls were answered, and the moment that it led to."""

    job: Job
    answers: dict[str, object]
    moment: int


class RecordingGateway:
    """The real gateway, remembering what verbs that change something answered or raised."""

    def __init__(self, gateway: Any) -> None:
        self._gateway = gateway
        self.answers: dict[str, object] = {}

    def __getattr__(self, name: str) -> Callable[..., Any]:
        verb = getattr(self._gateway, name)

        def remembered(*args: Any, **kwargs: Any) -> Any:
            try:
                answer = verb(*args, **kwargs)
            except GatewayRejected as rejection:
                self.answers[name] = rejection
                raise
            self.answers[name] = answer
            return answer

        return remembered


@dataclass
class Recording:
    """Records an invoice's story from `start_recording` on."""

    bench: Bench
    same_second: bool
    invoice_id: UUID
    base: list[RecordedEvent] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    events: list[ObservedEvent] = field(default_factory=list)
    done: list[JobRun] = field(default_factory=list)

    @property
    def at_provider(self) -> str:
        """The provider's id of the invoice."""
        return str(self.bench.invoice(self.invoice_id).view.provider_object_id)

    def start_recording(self) -> None:
        """Save the log as the base: all later events may be replayed in any order."""
        self.base = self.bench.log.stream(self.invoice_id)
        self.look()

    def do(self, job: Job) -> None:
        """Run one of our own jobs."""
        real = self.bench.gateway
        self.bench.gateway = recording_gateway = RecordingGateway(real)
        job.run(self.bench)
        self.bench.gateway = real
        self.look()
        self.done.append(JobRun(job, recording_gateway.answers, len(self.moments) - 1))

    def act(self, action: Callable[[], object]) -> None:
        """Run an action of another person at the provider."""
        action()
        self.look()

    def look(self) -> None:
        """Record the provider's state and the events since the last look; advance the clock."""
        gateway, at_provider = self.bench.gateway, self.at_provider
        self.moments.append(
            Moment(
                gateway.fetch_invoice(at_provider), gateway.fetch_refunds_and_disputes(at_provider)
            )
        )
        known = {events.event["id"] for events in self.events}
        new = [event for event in self.bench.events("") if event["id"] not in known]
        moment = len(self.moments) - 1
        self.events += [
            ObservedEvent(deepcopy(event), moment) for event in new if event["type"] in _TYPES
        ]
        if not self.same_second:
            self.bench.account.admin.set_clock(advance_s=_ASIDE)
