"""A store in memory where others are faster on command."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any
from uuid import UUID

from eventsourcing.persistence import ApplicationRecorder, StoredEvent
from eventsourcing.popo import POPOApplicationRecorder, POPOFactory

from domain.billing import Billing


class ContendedRecorder(POPOApplicationRecorder):
    """Runs each entry of `others` once between a load and its save, as a concurrent writer."""

    def __init__(self) -> None:
        super().__init__()
        self.others: list[Callable[[], object]] = []
        self.offered: list[tuple[list[str], Any]] = []
        self.reads = 0

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        """Record after the next of the others has; keeps what was offered with which bodies."""
        self.offered.append(([event.topic for event in stored_events], kwargs.get("bodies")))
        if self.others:
            first, *rest = self.others
            self.others = []  # nobody overtakes those who overtake
            first()
            self.others = rest
        return super().insert_events(stored_events, **kwargs)

    def select_events(self, *args: Any, **kwargs: Any) -> Sequence[StoredEvent]:
        """Read a stream, and count that."""
        self.reads += 1
        return super().select_events(*args, **kwargs)

    def select_streams(self, streams: Collection[UUID]) -> dict[UUID, Sequence[StoredEvent]]:
        """Read several streams, and count that as one read."""
        self.reads += 1
        return {stream: super(ContendedRecorder, self).select_events(stream) for stream in streams}


class ContendedFactory(POPOFactory):
    """Makes the recorder above."""

    def application_recorder(self) -> ApplicationRecorder:
        """Make the recorder above."""
        return ContendedRecorder()


def contended_billing() -> tuple[Billing, ContendedRecorder]:
    """Make a Billing in memory, and the recorder that is told who overtakes."""
    topic = f"{ContendedFactory.__module__}:{ContendedFactory.__qualname__}"
    billing = Billing(env={"PERSISTENCE_MODULE": topic})
    recorder = billing.recorder
    assert isinstance(recorder, ContendedRecorder)
    return billing, recorder
