"""Check appends before they join a batch, and translate the database's refusals."""

from collections.abc import Iterable, Sequence

import psycopg
from eventsourcing.persistence import DatabaseError, DataError, StoredEvent

from eventlog.append.session import stream_of
from eventlog.bodies import Body

_LARGEST_VERSION = 2**63 - 1


def no_positions(bodies: Sequence[Body]) -> list[int]:
    """Return the positions of an append without events, which may have no bodies either."""
    if bodies:
        raise ValueError("a body is recorded with the event that holds its hash")
    return []


def check_events(events: Iterable[StoredEvent]) -> None:
    """Refuse what cannot be sent, before it spoils a batch of others."""
    for event in events:
        stream_of(event)
        if "\x00" in event.topic or not event.topic.isascii():
            raise DataError(f"a topic is ASCII without NUL, not {event.topic!r}")
        if not -_LARGEST_VERSION <= event.originator_version <= _LARGEST_VERSION:
            raise DataError(f"no version is as large as {event.originator_version}")
        if not isinstance(event.state, bytes):
            raise DataError("an event's state is bytes")


def refusal_of(error: psycopg.Error) -> DatabaseError:
    """Translate an error that is about this append alone; its text may quote values, so cut it."""
    kind = DataError if isinstance(error, psycopg.DataError) else DatabaseError
    return kind(f"the database refused the append: {type(error).__name__} ({error.sqlstate})")
