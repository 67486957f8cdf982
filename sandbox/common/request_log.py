"""Log of an account's requests, used by tests to count calls. Card data is redacted."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from sandbox.common.store import Json, Store, load

SECRET = frozenset({"number", "cvc", "iban", "source"})


@dataclass(frozen=True)
class Entry:
    """A logged request. ``status`` is None if the connection was closed before execution."""

    at: int
    method: str
    path: str
    idempotency_key: str | None
    params: Json
    status: int | None
    replayed: bool
    fault: str | None
    request_id: str


def write(store: Store, account: str, entry: Entry) -> None:
    """Appends an entry."""
    line = vars(entry) | {"params": _without_secrets(entry.params)}
    store.execute(
        "INSERT INTO requests (account, entry) VALUES (?, ?)", account, orjson.dumps(line).decode()
    )


def _without_secrets(node: object) -> object:
    if isinstance(node, dict):
        return {
            key: "…" if key in SECRET else _without_secrets(value) for key, value in node.items()
        }
    return [_without_secrets(item) for item in node] if isinstance(node, list) else node


def read(store: Store, account: str) -> list[Json]:
    """Returns the entries, oldest first."""
    rows = store.rows("SELECT entry FROM requests WHERE account=? ORDER BY position", account)
    return [load(row["entry"]) for row in rows]


def clear(store: Store, account: str) -> None:
    """Deletes the entries."""
    store.execute("DELETE FROM requests WHERE account=?", account)
