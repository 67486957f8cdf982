"""A handler that writes the positions that it was handed as rows, and what a test reads of them."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence

import psycopg

from eventlog.database.connect import connect_async
from eventlog.follow.follower import Follower
from eventlog.follow.handler import Cursor
from eventlog.follow.positions import FollowerState, follower_states
from eventlog.reading import RecordedEvent
from tests.support.wait_until import until_async


class Rows:
    """A handler that keeps what it was handed as rows, and fails on demand."""

    def __init__(self, *, raise_on: str | None = None) -> None:
        self.raise_on = raise_on
        self.batches: list[list[int]] = []

    async def __call__(self, cursor: Cursor, batch: Sequence[RecordedEvent]) -> None:
        for event in batch:
            await cursor.execute("INSERT INTO seen VALUES (%s)", [event.position])
            if event.topic == self.raise_on:
                raise ValueError("a secret of a tenant")
        self.batches.append([event.position for event in batch])

    @property
    def handled(self) -> list[int]:
        return [position for batch in self.batches for position in batch]


def seen(database: str) -> list[int]:
    with psycopg.connect(database, autocommit=True) as connection:
        rows = connection.execute("SELECT position FROM seen ORDER BY position")
        return [position for (position,) in rows]


async def state_of(database: str) -> FollowerState:
    """Read the only follower's state, once it has entered itself."""
    async with await connect_async(database, application_name="test") as connection:
        found: list[FollowerState] = []

        async def entered() -> bool:
            found[:] = await follower_states(connection)
            return bool(found)

        await until_async(entered)
        return found[0]


class Running:
    """Followers that run in the background of a test."""

    def __init__(self, *followers: Follower) -> None:
        self._followers = followers

    async def __aenter__(self) -> None:
        self._stop = asyncio.Event()
        self._tasks = [asyncio.create_task(f.run(self._stop)) for f in self._followers]

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)


def run(scenario: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(scenario())
