"""What a provider's customer owes and no tenant has, for the job that hands it to its tenant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, LiteralString
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow, class_row
from psycopg_pool import ConnectionPool, PoolTimeout

from eventlog.database.connect import conninfo
from projections.work.table import WorkUnavailable

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
    """Ids of what is no tenant's yet, oldest first."""

    invoices: list[UUID]
    subscriptions: list[UUID]


class UnassignedQueries:
    """Questions of a job; each is its own transaction and may raise WorkUnavailable."""

    def __init__(self, dsn: str, *, max_size: int = 2) -> None:
        """Connect nothing yet; use `open`."""
        self._pool = ConnectionPool(
            conninfo(dsn, application_name="billhook unassigned"),
            kwargs={"autocommit": True},
            check=ConnectionPool.check_connection,
            min_size=0,
            max_size=max_size,
            open=False,
        )

    def open(self) -> None:
        """Let sessions be opened when they are needed."""
        self._pool.open()

    def close(self) -> None:
        """Close the sessions."""
        self._pool.close()

    def reached(self, position: int) -> bool:
        """Tell whether what was recorded up to a position can be found."""
        with self._session() as connection:
            row = connection.execute(_REACHED, [position]).fetchone()
        return row is not None and bool(row[0])

    def find(self, app_id: UUID, connection: str, customer: str) -> Unassigned:
        """Find what a connection's customer has and no tenant."""
        asked = {"app": app_id, "connection": connection, "customer": customer}
        with self._session() as session:
            cursor = session.cursor(row_factory=class_row(Unassigned))
            cursor.execute(_FIND, asked)
            found = cursor.fetchone()
        assert found is not None, "a SELECT without FROM has one row"  # noqa: S101 - STYLE: assert what must hold
        return found

    @contextmanager
    def _session(self) -> Iterator[psycopg.Connection[TupleRow]]:
        try:
            with self._pool.connection() as connection:
                yield connection
        except (psycopg.Error, PoolTimeout) as error:
            raise WorkUnavailable(type(error).__name__) from error
