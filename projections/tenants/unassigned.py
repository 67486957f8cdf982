"""Invoices and subscriptions of a provider's customer that have no tenant yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, LiteralString
from uuid import UUID

from psycopg.rows import class_row

from projections.work.sessions import SessionPool

_REACHED: Final[LiteralString] = """
    SELECT bool_and(position >= %s) FROM read.positions
    WHERE projection IN ('invoices', 'subscriptions')
"""
_FIND: Final[LiteralString] = """
    SELECT ARRAY(
        SELECT invoice_id FROM read.invoices
        WHERE app_id = %(app)s AND customer = %(customer)s AND connection = %(connection)s
          AND tenant_id IS NULL
        ORDER BY created_at, invoice_id
    ) AS invoices, ARRAY(
        SELECT subscription_id FROM read.subscriptions
        WHERE app_id = %(app)s AND customer = %(customer)s AND connection = %(connection)s
          AND tenant_id IS NULL
        ORDER BY created_at, subscription_id
    ) AS subscriptions
"""


@dataclass(frozen=True, kw_only=True)
class Unassigned:
    """Ids without a tenant, oldest first."""

    invoices: list[UUID]
    subscriptions: list[UUID]


class UnassignedQueries:
    """Queries of a job; each is a transaction and may raise WorkUnavailable."""

    def __init__(self, dsn: str, *, max_size: int = 2) -> None:
        """Use `open` before the first call."""
        self._sessions = SessionPool(dsn, application_name="billhook unassigned", max_size=max_size)

    def open(self) -> None:
        """Allow sessions to be opened on demand."""
        self._sessions.open()

    def close(self) -> None:
        """Close the sessions."""
        self._sessions.close()

    def reached(self, position: int) -> bool:
        """Return whether the read model contains the events up to a position."""
        with self._sessions.session() as connection:
            row = connection.execute(_REACHED, [position]).fetchone()
        return row is not None and bool(row[0])

    def find(self, app_id: UUID, connection: str, customer: str) -> Unassigned:
        """Find the invoices and subscriptions of a connection's customer without a tenant."""
        parameters = {"app": app_id, "connection": connection, "customer": customer}
        with self._sessions.session() as session:
            cursor = session.cursor(row_factory=class_row(Unassigned))
            cursor.execute(_FIND, parameters)
            found = cursor.fetchone()
        assert found is not None, "a SELECT without FROM has one row"  # noqa: S101 - STYLE: assert what must hold
        return found
