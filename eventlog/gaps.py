"""Find what a reader misses because a partition of the log is detached.

In the place of a detached partition is a table of the events kept of it, with the newest one of
each stream. So a stream of which events are missing shows a gap in its versions.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

import psycopg
from psycopg.rows import TupleRow

from eventlog.errors import EventsDetached


class Range(NamedTuple):
    """Positions, both ends among them."""

    first: int
    last: int


class Versioned(Protocol):
    """An event as far as gaps are concerned."""

    @property
    def originator_version(self) -> int:
        """Version in its stream."""

    @property
    def position(self) -> int:
        """Position in the log."""


_DETACHED: Final = (
    "SELECT first_position, last_position FROM eventlog.detached_partitions"
    " WHERE last_position > %s AND first_position <= coalesce(%s::int8, 9223372036854775807)"
    " ORDER BY first_position LIMIT 1"
)
_NEWEST: Final = (
    "SELECT originator_version, position FROM eventlog.events WHERE originator_id = %s"
    " AND originator_version > %s ORDER BY originator_version LIMIT 1"
)


def missing_between(events: Sequence[Versioned], *, after_version: int) -> Range | None:
    """Return the positions between which events of a stream are missing, given in order.

    The bounds are those of the events around the gap: 0 where there is none before it.
    """
    if not events or events[-1].originator_version == after_version + len(events):
        return None
    version, position = after_version, 0
    for event in events:
        version += 1
        if event.originator_version != version:
            return Range(position, event.position)
        position = event.position
    return None


async def first_detached(
    connection: psycopg.AsyncConnection[TupleRow], *, after: int, up_to: int | None = None
) -> Range | None:
    """Return the first detached partition that has positions after one, and up to another."""
    row = await (await connection.execute(_DETACHED, [after, up_to])).fetchone()
    return None if row is None else Range(*row)


async def next_event(
    connection: psycopg.AsyncConnection[TupleRow], stream: object, *, after_version: int
) -> TupleRow | None:
    """Return version and position of a stream's first event after a version."""
    return await (await connection.execute(_NEWEST, [stream, after_version])).fetchone()


def refuse_detached(connection: psycopg.Connection[TupleRow]) -> None:
    """Raise EventsDetached if any partition is detached: for who reads the whole log."""
    row = connection.execute(_DETACHED, [0, None]).fetchone()
    if row is not None:
        raise EventsDetached(*row)
