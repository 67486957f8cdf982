"""Events as the log's tail reports them, and those who wait for one."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from eventlog.reading import RecordedEvent


class EventHeader(NamedTuple):
    """Position and stream of an event, without its data."""

    position: int
    originator_id: UUID
    topic: str


@dataclass(slots=True, eq=False)
class Waiter:
    """A wait for the first event of some topics in a stream, after a position.

    `collect` is given each whole event of the stream that is read while it waits.
    """

    topics: Collection[str]
    after_position: int
    found: asyncio.Future[int]
    collect: Callable[[RecordedEvent], object] | None = None

    def receive(self, event: EventHeader, whole: RecordedEvent | None = None) -> None:
        """Take an event of the stream; end the wait if it is a wanted one."""
        if whole is not None and self.collect is not None:
            self.collect(whole)
        wanted = event.position > self.after_position and event.topic in self.topics
        if wanted and not self.found.done():
            self.found.set_result(event.position)
