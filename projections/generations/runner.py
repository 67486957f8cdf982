"""List generations and run the followers that fill them."""

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Final

import psycopg
import structlog
from psycopg.errors import LockNotAvailable
from psycopg.rows import TupleRow, class_row

from eventlog.follow.feed import Feed, running_feed
from eventlog.follow.follower import Follower, FollowerGroup, follower_sessions
from eventlog.follow.leader import LeaderSession, retry_lost_connections, until_beat_s
from projections.registry import PROJECTIONS

Connection = psycopg.AsyncConnection[TupleRow]

# A generation whose time is over is followed no more. Every process has seen that some seconds
# later, and only then is it dropped.
_FILLED: Final = """
SELECT projection, number, state, follower, schema,
    coalesce(retire_at <= clock_timestamp(), false) AS is_over,
    coalesce(retire_at + interval '3 s' <= clock_timestamp(), false) AS may_be_dropped
FROM read.generations WHERE state IN ('following', 'active', 'retiring') ORDER BY projection, number
"""


@dataclass(frozen=True)
class Generation:
    """A generation of a projection: its tables as one rebuild filled them."""

    projection: str
    number: int
    state: str
    follower: str
    schema: str
    is_over: bool
    may_be_dropped: bool


async def filled_generations(connection: Connection) -> list[Generation]:
    """Return the generations that have been filled, also those whose time is over."""
    async with connection.cursor(row_factory=class_row(Generation)) as cursor:
        await cursor.execute(_FILLED)
        return await cursor.fetchall()


async def drop(connection: Connection, generation: Generation) -> None:
    """Drop a generation. Raises LockNotAvailable while a reader still uses it."""
    async with connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = '500ms'")
        await connection.execute(
            "SELECT read.drop_generation(%s, %s)", [generation.projection, generation.number]
        )


def follower_of(
    dsn: str, generation: Generation, *, group: FollowerGroup | None = None
) -> Follower:
    """Make the follower that fills a generation."""
    projection = PROJECTIONS[generation.projection]
    return Follower(
        dsn,
        generation.follower,
        projection.handler(generation.schema),
        topics=projection.topics,
        batch=projection.batch,
        group=group,
        deferred=projection.deferred,
        defer_s=projection.defer_s,
        between_deferred_s=projection.between_deferred_s,
        read_model=projection.name,
    )


# The process that keeps every generation of every projection up to date.

_log = structlog.get_logger("billhook.projections")

# A follower whose generation was dropped may write its row once more.
_LOOKS_PER_CLEARING: Final = 10


class RunningFollower:
    """A follower at work in a task of its own."""

    def __init__(self, follower: Follower) -> None:
        self._stop = asyncio.Event()
        self.task = asyncio.ensure_future(follower.run(self._stop))

    async def end(self) -> None:
        """Stop after the current batch. Raises the follower's exception."""
        self._stop.set()
        await self.task


class Projections:
    """Follows what there is to follow, takes up new generations, drops those that are over."""

    def __init__(self, dsn: str, *, feed: Feed | None = None) -> None:
        """Store where the log is; `feed` is one that runs already."""
        self._dsn = dsn
        self._feed = feed
        self._sessions = follower_sessions(dsn, application_name="billhook projections")
        self._running: dict[str, RunningFollower] = {}
        self._filled: list[Generation] = []
        self._looks = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop`. Raises what a follower fails with, other than a lost connection."""
        async with (
            running_feed(self._dsn) if self._feed is None else nullcontext(self._feed) as feed
        ):
            try:
                await retry_lost_connections(
                    lambda: self._look(feed, stop), name="projections", stop=stop
                )
            finally:
                ending = [running.end() for running in self._running.values()]
                await asyncio.gather(*ending, return_exceptions=True)

    async def _look(self, feed: Feed, stop: asyncio.Event) -> None:
        stopping = asyncio.ensure_future(stop.wait())
        try:
            async with self._sessions.join() as session:
                while not stop.is_set():
                    await self._tend(session, feed)
                    await asyncio.wait(
                        [stopping, *(running.task for running in self._running.values())],
                        timeout=until_beat_s(asyncio.get_running_loop().time()),
                        return_when=asyncio.FIRST_COMPLETED,
                    )
        finally:
            stopping.cancel()

    async def _tend(self, session: LeaderSession, feed: Feed) -> None:
        session.use(now_s=asyncio.get_running_loop().time())
        async with session.turn:
            filled = await filled_generations(session.connection)
        generations = [one for one in filled if one.projection in PROJECTIONS]
        wanted = {known.follower: known for known in generations if not known.is_over}
        for name in self._running.keys() - wanted.keys():
            await _end(name, self._running.pop(name))
        for name, generation in wanted.items():
            if name not in self._running:
                _log.info("following", generation=name, state=generation.state)
                self._running[name] = RunningFollower(self._follower(generation, feed))
            elif self._running[name].task.done():
                await self._running.pop(name).end()
        has_changed = filled != self._filled or any(one.may_be_dropped for one in generations)
        if has_changed or self._looks % _LOOKS_PER_CLEARING == 0:
            await self._clear(session, generations)
        self._filled = filled
        self._looks += 1

    async def _clear(self, session: LeaderSession, generations: Sequence[Generation]) -> None:
        """Drop generations that nobody uses, and rows of followers without a generation."""
        async with session.turn:
            for generation in generations:
                if generation.may_be_dropped:
                    await _drop(session.connection, generation)
            await session.connection.execute("SELECT read.delete_stray_followers()")

    def _follower(self, generation: Generation, feed: Feed) -> Follower:
        is_busy = PROJECTIONS[generation.projection].is_busy
        group = FollowerGroup(feed, None if is_busy else self._sessions)
        return follower_of(self._dsn, generation, group=group)


async def _end(name: str, running: RunningFollower) -> None:
    """Stop following a generation that is over, whatever state its tables are in by now."""
    try:
        await running.end()
    except Exception as error:  # noqa: BLE001 - its tables may be gone already
        _log.warning("generation.failed", generation=name, error=type(error).__name__)
    else:
        _log.info("ended", generation=name)


async def _drop(connection: Connection, generation: Generation) -> None:
    try:
        await drop(connection, generation)
    except LockNotAvailable:
        _log.info("generation.in_use", generation=generation.follower)
    else:
        _log.info("dropped", generation=generation.follower)
