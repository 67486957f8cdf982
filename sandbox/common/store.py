"""Storage of the sandbox: one SQLite file, one transaction per request."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

Json = dict[str, Any]
"""A JSON object in its wire format; the providers' formats are not typed here."""

OPERATORS = frozenset({"=", "<", "<=", ">", ">=", "like", "in", "is", "is not"})
PATH = re.compile(r"\$(\.\w+)+")

Value = str | int | float | None

SCHEMA = Path(__file__).with_name("schema.sql")
UPGRADE = Path(__file__).with_name("upgrade.sql")

# The endpoints that an event was not delivered to yet.
PENDING_WEBHOOKS = (
    "(SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE account=objects.account"
    " AND event=objects.id GROUP BY endpoint HAVING NOT max(state='delivered')))"
)

# Fields of bodies that have a column, so that they can be found without parsing bodies, or that are
# counted when they are read.
COLUMNS = {
    "$.created": "created",
    "$.pending_webhooks": PENDING_WEBHOOKS,
    "$.payment_intent": "intent",
    "$.payment.payment_intent": "intent",
}


@dataclass(frozen=True)
class Filter:
    """A condition on a stored object: a JSON path of its body, an operator and a value."""

    path: str
    operator: str
    value: Value

    def sql(self) -> tuple[str, Value]:
        """Returns the condition and its parameter. ``in`` takes a list joined by commas."""
        if self.operator not in OPERATORS or not PATH.fullmatch(self.path):
            raise ValueError(f"not a filter: {self.path} {self.operator}")
        field = COLUMNS.get(self.path) or f"json_extract(body, '{self.path}')"
        if self.operator == "in":
            return f"instr(',' || ? || ',', ',' || {field} || ',') > 0", self.value
        return f"{field} {self.operator} ?", self.value


def equal(**fields: Value) -> list[Filter]:
    """Returns conditions for the fields that are given; ``a__b`` is field b of object a."""
    return [
        Filter("$." + name.replace("__", "."), "=", value)
        for name, value in fields.items()
        if value is not None
    ]


class Store:
    """Store of objects by account, kind and id, ordered by creation.

    Committed with ``synchronous=NORMAL`` in WAL mode: committed responses survive
    SIGKILL of the process, which tests send; only a power failure could lose the last commits.
    """

    def __init__(self, path: str | None) -> None:
        self._db = sqlite3.connect(path or ":memory:", isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        # Pages that a savepoint may restore; in files they cost a quarter of a statement's time.
        self._db.execute("PRAGMA temp_store=MEMORY")
        columns = {row["name"] for row in self.rows("PRAGMA table_info(objects)")}
        if columns and "created" not in columns:
            self._db.executescript(UPGRADE.read_text())
        self._db.executescript(SCHEMA.read_text())

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commits the block, or rolls it back if it raises."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    @contextmanager
    def savepoint(self, *, keeps: Callable[[BaseException], bool]) -> Iterator[None]:
        """Rolls back the block if it raises, unless ``keeps`` accepts the exception.

        The surrounding transaction stays open.
        """
        self._db.execute("SAVEPOINT step")
        try:
            yield
        except BaseException as fault:
            if not keeps(fault):
                self._db.execute("ROLLBACK TO step")
            self._db.execute("RELEASE step")
            raise
        self._db.execute("RELEASE step")

    def execute(self, sql: str, *parameters: Value) -> sqlite3.Cursor:
        """Runs one SQL statement, for modules that have their own tables."""
        return self._db.execute(sql, parameters)

    def rows(self, sql: str, *parameters: Value) -> list[sqlite3.Row]:
        """Returns all rows of a query."""
        return self._db.execute(sql, parameters).fetchall()

    def put(self, account: str, body: Json, *, owner: str | None) -> None:
        """Inserts or replaces an object; a replaced object keeps its position."""
        self._db.execute(
            "INSERT INTO objects (account, kind, id, owner, body, created, intent)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (account, kind, id) DO UPDATE SET"
            " owner=excluded.owner, body=excluded.body, created=excluded.created,"
            " intent=excluded.intent",
            (
                account,
                body["object"],
                body["id"],
                owner,
                orjson.dumps(body).decode(),
                body.get("created"),
                _intent(body),
            ),
        )

    def get(self, account: str, kind: str, object_id: str) -> Json | None:
        """Returns a stored object, or None."""
        row = self._db.execute(
            "SELECT body FROM objects WHERE account=? AND kind=? AND id=?",
            (account, kind, object_id),
        ).fetchone()
        return None if row is None else load(row["body"])

    def delete(self, account: str, kind: str, object_id: str) -> None:
        """Deletes an object."""
        self._db.execute(
            "DELETE FROM objects WHERE account=? AND kind=? AND id=?", (account, kind, object_id)
        )

    def position(self, account: str, kind: str, object_id: str) -> int | None:
        """Returns an object's position in creation order, or None."""
        row = self._db.execute(
            "SELECT position FROM objects WHERE account=? AND kind=? AND id=?",
            (account, kind, object_id),
        ).fetchone()
        return None if row is None else int(row["position"])

    def find(
        self,
        account: str,
        kind: str,
        *,
        owner: str | None = None,
        filters: Sequence[Filter] = (),
        after: int | None = None,
        before: int | None = None,
        newest_first: bool = False,
        limit: int = -1,
    ) -> list[Json]:
        """Returns objects of a kind in creation order, between two positions (exclusive)."""
        where, values = ["account=?", "kind=?"], [account, kind]
        parameters: list[Value] = [*values]
        for condition, value in (("owner=?", owner), ("position>?", after), ("position<?", before)):
            if value is not None:
                where.append(condition)
                parameters.append(value)
        for item in filters:
            condition, parameter = item.sql()
            where.append(condition)
            parameters.append(parameter)
        order = "DESC" if newest_first else "ASC"
        # Every part is a literal above or checked by Filter; values are bound.
        sql = f"SELECT body FROM objects WHERE {' AND '.join(where)}"  # noqa: S608
        sql += f" ORDER BY position {order} LIMIT ?"
        cursor = self._db.execute(sql, (*parameters, limit))
        return [load(row["body"]) for row in cursor]

    def count(self, account: str, kind: str, *, owner: str) -> int:
        """Counts an owner's objects of a kind."""
        row = self._db.execute(
            "SELECT count(*) FROM objects WHERE account=? AND kind=? AND owner=?",
            (account, kind, owner),
        ).fetchone()
        return int(row[0])


def _intent(body: Json) -> str | None:
    """Returns the payment intent of a charge, refund, dispute or invoice payment."""
    payment = body.get("payment")
    found = body.get("payment_intent") or (
        payment.get("payment_intent") if isinstance(payment, dict) else None
    )
    return found if isinstance(found, str) else None


def load(text: str) -> Json:
    """Parses a stored body."""
    body: Json = orjson.loads(text)
    return body
