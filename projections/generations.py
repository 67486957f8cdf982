"""Which generations there are, and the followers that fill them."""

from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg.rows import TupleRow, class_row

from eventlog.follower import Follower
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
    """One filling of a projection's tables."""

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
    """Forget a generation. Raises LockNotAvailable while a reader is still in it."""
    async with connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = '500ms'")
        await connection.execute(
            "SELECT read.drop_generation(%s, %s)", [generation.projection, generation.number]
        )


def follower_of(dsn: str, generation: Generation) -> Follower:
    """Make the follower that fills a generation."""
    projection = PROJECTIONS[generation.projection]
    return Follower(
        dsn,
        generation.follower,
        projection.handler(generation.schema),
        topics=projection.topics,
    )
