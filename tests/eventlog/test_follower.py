import asyncio
from collections.abc import Sequence

import psycopg

from eventlog.database import connect_async
from eventlog.follower import Cursor, Follower
from eventlog.follower_table import FollowerState, follower_states
from eventlog.log import Log
from eventlog.reading import Recorded
from tests.eventlog.factory import stored
from tests.eventlog.waiting import until


class Rows:
    """A handler that keeps what it was handed as rows, and fails on demand."""

    def __init__(self, *, raise_on: str | None = None) -> None:
        self.raise_on = raise_on
        self.batches: list[list[int]] = []

    async def __call__(self, cursor: Cursor, batch: Sequence[Recorded]) -> None:
        for event in batch:
            if event.topic == self.raise_on:
                raise ValueError("a secret of a tenant")
            await cursor.execute("INSERT INTO seen VALUES (%s)", [event.position])
        self.batches.append([event.position for event in batch])


def make_table(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE seen (position bigint PRIMARY KEY)")


def seen(database: str) -> list[int]:
    with psycopg.connect(database, autocommit=True) as connection:
        rows = connection.execute("SELECT position FROM seen ORDER BY position")
        return [position for (position,) in rows]


async def state_of(database: str) -> FollowerState | None:
    connection = await connect_async(database, application_name="test")
    async with connection:
        states = await follower_states(connection)
        return states[0] if states else None


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


def test_rows_and_position_arrive_together_and_nothing_is_left_out(database: str) -> None:
    make_table(database)

    async def scenario() -> None:
        log = await Log.open_async(database)
        await log.append_async([stored() for _ in range(25)])
        rows = Rows()
        follower = Follower(database, "rows", rows, batch=10)
        async with Running(follower):
            await until(lambda: sum(map(len, rows.batches)) == 25)
            await log.append_async([stored()])
            await until(lambda: rows.batches[-1] == [26])
        state = await state_of(database)
        assert state is not None
        assert (state.position, state.head, state.lag_events, state.lag_ms) == (26, 26, 0, 0)
        assert not state.is_failing
        await log.close_async()

    asyncio.run(scenario())
    assert seen(database) == list(range(1, 27))
