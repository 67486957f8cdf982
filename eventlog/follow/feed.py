"""Read the end of the log once for all followers of a process."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final

from eventlog.database.connect import connect_async
from eventlog.follow.leader import (
    HEARTBEAT_S,
    Connection,
    retry_lost_connections,
    until_beat_s,
)
from eventlog.follow.listen import Listener, topics_in
from eventlog.follow.read_on import read_on
from eventlog.process.supervise import supervise
from eventlog.reading import RecordedEvent, read_head

_QUERY_LIMIT: Final = 500
# The server ends a statement after 10 s.
_SILENCE_S: Final = 15.0
_MOST_EVENTS: Final = 5_000
_MOST_BYTES: Final = 8 * 2**20
# Followers are rarely further behind; decoded, an event takes some 3 kB.
_MOST_DECODED: Final = 1_000
# A busy log is read once in so long, not at each of its commits.
_BETWEEN_READS_S: Final = 0.005
# Events that no follower handles at once are read so much later.
_DEFERRED_READ_S: Final = 0.05
# Where others were read shortly before, so much later than those.
_BETWEEN_DEFERRED_READS_S: Final = 0.2


@dataclass(frozen=True, eq=False)
class _Waiter:
    topics: Collection[str] | None
    found: asyncio.Future[None]

    def wake(self, *_: object) -> None:
        """End the wait."""
        if not self.found.done():
            self.found.set_result(None)


class Feed:
    """Keeps the newest events in memory. It has no leader and no stored position.

    Followers read older events themselves, as they do while the feed has no connection, or had no
    answer for `max_age_s`: by then they may be on a standby that has other events.
    """

    def __init__(self, dsn: str, *, max_age_s: float = 3 * HEARTBEAT_S) -> None:
        self._dsn = dsn
        self._max_age_s = max_age_s
        self._read_at_s = 0.0
        self._head: int | None = None
        self._hurry_to: dict[str, int] = {}
        self._start = 0
        self._events: deque[RecordedEvent] = deque()
        self._bytes = 0
        self._waiters: set[_Waiter] = set()
        self._urgent: list[AbstractSet[str] | None] = []
        self._others: dict[str, Callable[[], None]] = {}
        self._listener: Listener | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Read new events until `stop` is set; replace lost connections."""
        await retry_lost_connections(lambda: self._follow(stop), name="feed", stop=stop)

    def read(
        self, after: int, *, limit: int, topics: Collection[str] | None
    ) -> tuple[int, list[RecordedEvent]] | None:
        """Return the newest known position and the first events after one, as `read_on` does.

        None where events after that position are no longer, or not yet, in memory, or too old.
        """
        if self._head is None or after < self._start:
            return None
        if asyncio.get_running_loop().time() - self._read_at_s > self._max_age_s:
            return None
        found: list[RecordedEvent] = []
        for index in range(len(self._events) - (self._head - after), len(self._events)):
            event = self._events[index]
            if topics is None or event.topic in topics:
                found.append(event)
                if len(found) == limit:
                    break
        return max(self._head, after), found

    async def wait(self, after: int, *, topics: Collection[str] | None, timeout_s: float) -> None:
        """Return once an event of the topics is behind a position, after a wake or the time-out."""
        known = self.read(after, limit=1, topics=topics)
        if known is not None and known[1]:
            return
        loop = asyncio.get_running_loop()
        waiter = _Waiter(topics, loop.create_future())
        timer = loop.call_later(timeout_s, waiter.wake)
        self._waiters.add(waiter)
        try:
            await waiter.found
        finally:
            timer.cancel()
            self._waiters.discard(waiter)

    @contextmanager
    def urgent(self, topics: AbstractSet[str] | None) -> Iterator[None]:
        """Read events of these topics at once, None for all, until exit."""
        self._urgent.append(topics)
        try:
            yield
        finally:
            self._urgent.remove(topics)

    def listen(self, channel: str, callback: Callable[[], None]) -> None:
        """Call back for each notification of another channel, and whenever some may have been lost.

        One session less: the database wakes each one that listens, to whatever, at each commit.
        """
        self._others[channel] = callback
        if self._listener is not None:
            self._listener.wake()

    def hurry_to(self, read_model: str | None) -> int:
        """Return the position for which a reader waits: deferred events up to it are due."""
        return self._hurry_to.get(read_model or "", 0)

    def _is_urgent(self, payload: str) -> bool:
        topics = topics_in(payload)
        if topics is None:
            return True
        return any(wanted is None or not wanted.isdisjoint(topics) for wanted in self._urgent)

    def wake(self) -> None:
        """End every wait."""
        for waiter in self._waiters:
            waiter.wake()

    async def _follow(self, stop: asyncio.Event) -> None:
        connection = await connect_async(
            self._dsn,
            application_name="billhook feed",
            settings={"statement_timeout": "10s"},
            silence_s=_SILENCE_S,
        )
        async with connection:
            self._listener = listener = Listener(connection)
            await listener.start(hurry=True)
            heard: set[str] = set()
            stopping = asyncio.ensure_future(stop.wait())
            stopping.add_done_callback(lambda _: listener.wake())
            try:
                while not stop.is_set():
                    for channel in self._others.keys() - heard:
                        await listener.start_other(channel, self._others[channel])
                        heard.add(channel)
                    read_at_s = asyncio.get_running_loop().time()
                    hurried = listener.take_hurried()
                    while await self._read_new(connection):
                        if stop.is_set():
                            return
                    self._hurry(hurried)
                    await listener.wait(
                        timeout_s=until_beat_s(asyncio.get_running_loop().time()),
                        wanted=self._is_urgent,
                        unwanted_s=_DEFERRED_READ_S,
                        unwanted_from_s=read_at_s + _BETWEEN_DEFERRED_READS_S,
                    )
                    await listener.rest_until(read_at_s + _BETWEEN_READS_S)
            finally:
                stopping.cancel()
                self._listener = None
                self._forget()

    def _hurry(self, read_models: Collection[str]) -> None:
        """Let followers handle at once what they have deferred until now."""
        if read_models:
            self._hurry_to |= dict.fromkeys(read_models, self._head or 0)
            self.wake()

    async def _read_new(self, connection: Connection) -> bool:
        """Keep new events and end the waits for them; True if there may be more."""
        if self._head is None:
            self._head = self._start = await read_head(connection)
            self.wake()
        head, events = await read_on(
            connection, self._head, limit=_QUERY_LIMIT, window=_QUERY_LIMIT
        )
        self._read_at_s = asyncio.get_running_loop().time()
        for event in events:
            event.share()
            self._events.append(event)
            self._bytes += len(event.state)
            if len(self._events) > _MOST_DECODED:
                self._events[-_MOST_DECODED - 1].forget_decoded()
        if events:
            self._head = events[-1].position
            self._wake_for(events)
        while len(self._events) > _MOST_EVENTS or self._bytes > _MOST_BYTES:
            oldest = self._events.popleft()
            self._bytes -= len(oldest.state)
            self._start = oldest.position
        return self._head < head

    def _forget(self) -> None:
        """Drop what was read: the next server may be a standby that lacks the newest commits.

        It records other events at their positions.
        """
        self._head, self._start, self._bytes = None, 0, 0
        self._hurry_to.clear()
        self._events.clear()

    def _wake_for(self, events: Sequence[RecordedEvent]) -> None:
        topics = {event.topic for event in events}
        for waiter in self._waiters:
            if waiter.topics is None or not topics.isdisjoint(waiter.topics):
                waiter.wake()


@asynccontextmanager
async def running_feed(dsn: str) -> AsyncIterator[Feed]:
    """Run a feed until exit."""
    feed, ended = Feed(dsn), asyncio.Event()
    running = supervise(feed.run(ended), name="feed", is_expected=ended.is_set)
    try:
        yield feed
    finally:
        ended.set()
        await running
