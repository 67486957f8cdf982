"""Read what follows a position, in a number of events and bytes that fits into memory."""

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Final

from eventlog.reading import Connection, RecordedEvent

MOST_BYTES: Final = 16 * 2**20
"""Events of one read stop behind so many bytes; smaller reads are bounded by their number."""
_SMALL_READ: Final = 500
# The columns of `event` are those of a RecordedEvent; they are null where there is none.
_HEAD_AND_EVENTS = """
SELECT log.head, event.*
FROM (SELECT coalesce(max(position), 0) AS head FROM eventlog.events) AS log
LEFT JOIN (
    SELECT originator_id, originator_version, topic, state, position FROM eventlog.events
    WHERE position > %s AND position <= %s AND (%s::text[] IS NULL OR topic = ANY(%s::text[]))
    ORDER BY position LIMIT %s
) AS event ON true
ORDER BY event.position
"""
# As above, without those before which there are `most_bytes` already: large batches are to fit
# into memory whatever their events are. The sizes alone do not read what is stored out of line.
_HEAD_AND_EVENTS_BY_SIZE = """
SELECT log.head, event.*
FROM (SELECT coalesce(max(position), 0) AS head FROM eventlog.events) AS log
LEFT JOIN (
    SELECT originator_id, originator_version, topic, state, position FROM (
        SELECT *, sum(octet_length(state)) OVER (ORDER BY position) - octet_length(state) AS before
        FROM (
            SELECT originator_id, originator_version, topic, state, position FROM eventlog.events
            WHERE position > %s AND position <= %s
              AND (%s::text[] IS NULL OR topic = ANY(%s::text[]))
            ORDER BY position LIMIT %s
        ) AS next
    ) AS sized
    WHERE before < %s
) AS event ON true
ORDER BY event.position
"""


async def read_on(
    connection: Connection,
    after_position: int,
    *,
    limit: int,
    window: int,
    topics: Collection[str] | None = None,
) -> tuple[int, list[RecordedEvent]]:
    """Return the newest position, and the first events among the next `window` positions.

    One query, so one snapshot: every event up to that position is in it. Where `is_cut` of the
    events, there may be more of them in the window.
    """
    wanted = None if topics is None else _text_array(frozenset(topics))
    values = [after_position, after_position + window, wanted, wanted, limit]
    query = _HEAD_AND_EVENTS
    if limit > _SMALL_READ:
        query, values = _HEAD_AND_EVENTS_BY_SIZE, [*values, MOST_BYTES]
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(query, values)
        rows = await cursor.fetchall()
    return rows[0][0], [RecordedEvent(*event) for _, *event in rows if event[-1] is not None]


def is_cut(events: Sequence[RecordedEvent], *, limit: int) -> bool:
    """Return whether a read of at most `limit` events may have ended before its window did."""
    if len(events) >= limit:
        return True
    return limit > _SMALL_READ and sum(len(event.state) for event in events) >= MOST_BYTES


@lru_cache(maxsize=64)
def _text_array(topics: frozenset[str]) -> str:
    """Write topics as an array's text, once for all reads of a follower."""
    return "{" + ",".join(f'"{topic}"' for topic in sorted(topics)) + "}"
