"""Objects at the providers whose state is not final: a table that a follower folds from the log.

An object that was not reported is due after 10 minutes, an hour, six hours, and then every day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg import AsyncCursor
from psycopg.rows import TupleRow, class_row

from projections.work.sessions import SessionPool

DELAYS: Final = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))
EVERY: Final = timedelta(days=1)
WHOLE: Final = ""
"""The part that stands for the object itself."""
CAPTURE: Final = "capture"
"""The part of an authorized payment: checked around its deadline, whenever it was reported."""


@dataclass(frozen=True, kw_only=True)
class ItemOpened:
    """A subject, or a part of it such as a refund, is not final; it was reported then."""

    subject: UUID
    reported_at: datetime
    part: str = WHOLE


@dataclass(frozen=True, kw_only=True)
class ItemConfirmed:
    """A subject was confirmed; its open parts were reported then."""

    subject: UUID
    reported_at: datetime


@dataclass(frozen=True, kw_only=True)
class ItemClosed:
    """A subject or a part of it is final."""

    subject: UUID
    part: str = WHOLE


ItemChange = ItemOpened | ItemConfirmed | ItemClosed


@dataclass(frozen=True, kw_only=True)
class OpenItem:
    """An open item that is due. `checks`: since it was last reported."""

    subject: UUID
    part: str
    connection: UUID | None
    reported_at: datetime
    checks: int


_OPEN: Final[LiteralString] = """
    INSERT INTO work.open_items (subject, part, reported_at, due_at) VALUES (%s, %s, %s, %s)
    ON CONFLICT (subject, part) DO UPDATE
        SET reported_at = excluded.reported_at, due_at = excluded.due_at, checks = 0
"""
_CONFIRMED: Final[LiteralString] = """
    UPDATE work.open_items SET reported_at = %s, due_at = %s, checks = 0
    WHERE subject = %s AND part <> 'capture'
"""
_CLOSE: Final[LiteralString] = "DELETE FROM work.open_items WHERE subject = %s AND part = %s"
_CLOSE_ALL: Final[LiteralString] = """
    DELETE FROM work.open_items AS item
    USING unnest(%s::uuid[], %s::text[]) AS closed (subject, part)
    WHERE item.subject = closed.subject AND item.part = closed.part
"""
_ITEMS: Final[LiteralString] = (
    "SELECT subject, part, connection, reported_at, checks FROM work.open_items "
)
_DUE: Final[LiteralString] = (
    _ITEMS + "WHERE connection = %s AND due_at <= %s ORDER BY due_at LIMIT %s"
)
_UNPLACED: Final[LiteralString] = _ITEMS + "WHERE connection IS NULL LIMIT %s"
_PLACE: Final[LiteralString] = (
    "UPDATE work.open_items SET connection = %s WHERE subject = %s AND connection IS NULL"
)
# An item that was reported meanwhile keeps its own time.
_CHECKED: Final[LiteralString] = """
    UPDATE work.open_items SET checks = %s, due_at = %s
    WHERE subject = %s AND part = %s AND reported_at = %s
"""


def next_check(reported_at: datetime, checks: int, *, now: datetime) -> datetime:
    """Return the time of the next check after so many since the object was reported."""
    for delay in DELAYS[checks:]:
        if reported_at + delay > now:
            return reported_at + delay
    return now + EVERY


async def apply_item_changes(cursor: AsyncCursor[TupleRow], changes: Sequence[ItemChange]) -> None:
    """Apply changes in order, in the follower's transaction; an item's last one counts."""
    last: dict[tuple[UUID, str | None], ItemChange] = {}
    for change in changes:
        part = None if isinstance(change, ItemConfirmed) else change.part
        last.pop((change.subject, part), None)
        last[change.subject, part] = change
    opened = [_opened(one) for one in last.values() if isinstance(one, ItemOpened)]
    confirmed = [_confirmed(one) for one in last.values() if isinstance(one, ItemConfirmed)]
    closed = [(one.subject, one.part) for one in last.values() if isinstance(one, ItemClosed)]
    if closed:
        await cursor.execute(_CLOSE_ALL, [list(column) for column in zip(*closed, strict=True)])
    for query, rows in ((_OPEN, opened), (_CONFIRMED, confirmed)):
        if rows:
            await cursor.executemany(query, rows)


def _opened(change: ItemOpened) -> tuple[Any, ...]:
    return change.subject, change.part, change.reported_at, change.reported_at + DELAYS[0]


def _confirmed(change: ItemConfirmed) -> tuple[Any, ...]:
    return change.reported_at, change.reported_at + DELAYS[0], change.subject


class OpenItems:
    """Due items; each call is a transaction and may raise WorkUnavailable."""

    def __init__(self, dsn: str, *, max_size: int = 4) -> None:
        """Use `open` before the first call."""
        self._sessions = SessionPool(dsn, application_name="billhook open items", max_size=max_size)

    def open(self) -> None:
        """Allow sessions to be opened on demand."""
        self._sessions.open()

    def close(self) -> None:
        """Close the sessions."""
        self._sessions.close()

    def due(self, connection: UUID, *, now: datetime, limit: int) -> list[OpenItem]:
        """List a connection's items that are due, the oldest first."""
        return self._list(_DUE, [connection, now, limit])

    def unplaced(self, *, limit: int) -> list[OpenItem]:
        """List items whose connection is not known yet."""
        return self._list(_UNPLACED, [limit])

    def place(self, subject: UUID, connection: UUID) -> None:
        """Record the connection of a subject's items."""
        self._sessions.execute(_PLACE, [connection, subject])

    def mark_checked(self, item: OpenItem, *, now: datetime) -> None:
        """Move an item to its next check."""
        checks = item.checks + 1
        due_at = next_check(item.reported_at, checks, now=now)
        parameters = [checks, due_at, item.subject, item.part, item.reported_at]
        self._sessions.execute(_CHECKED, parameters)

    def _list(self, query: LiteralString, parameters: Sequence[Any]) -> list[OpenItem]:
        with self._sessions.session() as session:
            cursor = session.cursor(row_factory=class_row(OpenItem))
            cursor.execute(query, parameters)
            return cursor.fetchall()

    def remove(self, item: OpenItem) -> None:
        """Delete an item that is final."""
        self._sessions.execute(_CLOSE, [item.subject, item.part])
