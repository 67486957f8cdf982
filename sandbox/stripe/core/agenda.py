"""Agenda of an account: scheduled actions, run at their time of the account's clock.

An operation schedules an entry (``plan(call, at=…, kind=…, object_id=…)``) or removes it
(``cancel``). Entries are rows of the sandbox's file, so they survive a restart. ``agenda_runner``
runs them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from sqlite3 import Row

import orjson

from sandbox.common.store import Json, load
from sandbox.stripe.core.account_objects import AccountObjects


@dataclass(frozen=True)
class Due:
    """An agenda entry: time, kind, object and details."""

    at: int
    kind: str
    object_id: str
    details: Json = field(default_factory=dict)


def plan(
    call: AccountObjects, *, at: int, kind: str, object_id: str, details: Json | None = None
) -> None:
    """Schedules an entry; an existing entry of the same kind and object is moved.

    A time in the past counts as now.
    """
    call.store.execute(
        "INSERT OR REPLACE INTO agenda (account, at, kind, object, details) VALUES (?, ?, ?, ?, ?)",
        call.account.id,
        max(at, call.now),
        kind,
        object_id,
        orjson.dumps(details or {}).decode(),
    )


def cancel(call: AccountObjects, *, object_id: str, kind: str | None = None) -> int:
    """Removes an object's entries from the agenda, of one kind or all; returns their number."""
    cursor = call.store.execute(
        "DELETE FROM agenda WHERE account=? AND object=? AND kind=coalesce(?, kind)",
        call.account.id,
        object_id,
        kind,
    )
    return cursor.rowcount


def planned(
    call: AccountObjects, *, object_id: str | None = None, kind: str | None = None
) -> list[Due]:
    """Returns the agenda's entries, earliest first."""
    rows = call.store.rows(
        "SELECT * FROM agenda WHERE account=? AND object=coalesce(?, object)"
        " AND kind=coalesce(?, kind) ORDER BY at, position",
        call.account.id,
        object_id,
        kind,
    )
    return [entry_of(row) for row in rows]


def entry_of(row: Row) -> Due:
    """Returns the entry of a row."""
    return Due(row["at"], row["kind"], row["object"], load(row["details"]))
