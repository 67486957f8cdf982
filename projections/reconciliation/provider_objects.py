"""Queries of reconciliation: connections to call, and invoices by their provider's object."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, LiteralString
from uuid import UUID

from projections.invoices.search_terms import query_terms
from projections.work.sessions import SessionPool

_FIND: Final[LiteralString] = """
    SELECT provider_object_id, invoice_id FROM read.invoices
    WHERE app_id = %s AND connection = %s AND provider_object_id = ANY(%s)
"""
# The id of an earlier object of an invoice stays one of its search terms, which have no case.
_FIND_EARLIER: Final[LiteralString] = """
    SELECT wanted.id, invoice.invoice_id
    FROM unnest(%s::text[], %s::text[]) AS wanted (id, term)
    JOIN read.invoice_search_terms AS posting ON posting.app_id = %s AND posting.term = wanted.term
    JOIN read.invoices AS invoice ON invoice.invoice_id = posting.invoice_id
    WHERE invoice.connection = %s AND invoice.view -> 'objects' ? wanted.id
"""
# Of the newest invoices only: some have no customer, and none may have one.
_CUSTOMER: Final[LiteralString] = """
    SELECT customer FROM (
        SELECT customer, provider_object_id, created_at, invoice_id FROM read.invoices
        WHERE app_id = %s AND connection = %s
        ORDER BY created_at DESC, invoice_id DESC LIMIT 100
    ) AS newest
    WHERE customer IS NOT NULL AND provider_object_id IS NOT NULL
    ORDER BY created_at DESC, invoice_id DESC LIMIT 1
"""
# A connection whose circuit breaker is open rests.
_CONNECTIONS: Final[LiteralString] = """
    SELECT app_id, name FROM read.connections
    WHERE deleted_at IS NULL AND NOT EXISTS (
        SELECT FROM work.breakers
        WHERE app = app_id AND connection = name AND opened_at IS NOT NULL
    )
    ORDER BY app_id, name
"""


class ProviderObjectQueries:
    """Each query is a transaction and may raise WorkUnavailable."""

    def __init__(self, dsn: str, *, max_size: int = 4) -> None:
        """Use `open` before the first call."""
        self._sessions = SessionPool(
            dsn, application_name="billhook reconciliation", max_size=max_size
        )

    def open(self) -> None:
        """Allow sessions to be opened on demand."""
        self._sessions.open()

    def close(self) -> None:
        """Close the sessions."""
        self._sessions.close()

    def connections(self) -> list[tuple[UUID, str]]:
        """List the app and the name of each connection that is used and may be called."""
        with self._sessions.session() as session:
            return session.execute(_CONNECTIONS).fetchall()

    def newest_customer(self, app_id: UUID, connection: str) -> str | None:
        """Return the customer of the connection's newest invoice that has one at the provider."""
        with self._sessions.session() as session:
            found = session.execute(_CUSTOMER, [app_id, connection]).fetchone()
        return None if found is None else found[0]

    def find(self, app_id: UUID, connection: str, object_ids: Collection[str]) -> dict[str, UUID]:
        """Return the invoices' ids by the objects' ids; unknown objects are missing."""
        with self._sessions.session() as session:
            rows = session.execute(_FIND, [app_id, connection, list(object_ids)]).fetchall()
        return dict(rows)

    def find_earlier(
        self, app_id: UUID, connection: str, object_ids: Collection[str]
    ) -> dict[str, UUID]:
        """Return the ids of invoices that have newer objects, or further ones, than these."""
        terms = [query_terms(one)[0] for one in object_ids]
        with self._sessions.session() as session:
            values = [list(object_ids), terms, app_id, connection]
            return dict(session.execute(_FIND_EARLIER, values).fetchall())
