"""Test the plan of lists of facets alone, which a session keeps."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg.rows import DictRow, dict_row

from eventlog.database.connect import conninfo
from projections.engine.pool import READ_SETTINGS
from projections.invoices.lists.list_reader import ListReader
from projections.invoices.queries import InvoiceFilter
from tests.projections.harness import APP
from tests.projections.invoices.lists.many_invoices import fill_invoices
from tests.support.postgres import Server
from tests.support.temporary_postgres import temporary_postgres

_ROWS = 20_000
# So many that the app's order is read, where most invoices fit.
_EMPTY_FACETS = (
    "INSERT INTO read.invoice_facets SELECT app_id, number, provider, connection, mode, type,"
    " origin, status, currency, at_provider, assigned, paid, 0, position"
    " FROM (SELECT * FROM read.invoice_facets WHERE app_id = %s AND mode = 'test' LIMIT 1)"
    " AS known, generate_series(1, 40) AS number"
)
_FETCHED = (
    "SELECT coalesce(sum(idx_tup_fetch + seq_tup_read), 0)::int AS rows"
    " FROM pg_stat_xact_user_tables WHERE relname = 'invoices'"
)


@dataclass
class Session:
    """Runs statements by plans that it keeps."""

    connection: psycopg.Connection[DictRow]

    async def fetch(
        self, query: Any, parameters: Any = (), *, is_generic: bool = False
    ) -> list[DictRow]:
        assert is_generic
        return self.connection.execute(query, parameters, prepare=True).fetchall()

    async def copy_csv(self, query: Any, parameters: Any = ()) -> list[bytes]:
        raise NotImplementedError


@pytest.fixture
def dsn() -> Iterator[str]:
    """A database whose kept plans nothing makes anew: no statistics, no other test's tables."""
    with temporary_postgres(autovacuum="off") as embedded:
        server = Server(embedded.dsn("postgres"))
        yield server.dsn(server.migrated_database())
        server.drop_all()


def test_a_plan_made_while_there_are_no_invoices_reads_a_page_only(dsn: str) -> None:
    settings = dict(READ_SETTINGS) | {"plan_cache_mode": "force_generic_plan"}
    reading = conninfo(dsn, application_name="test", settings=settings)
    sorts: Any = ["-createdAt", "createdAt", "-totalMinor", "totalMinor"]
    lists = [
        InvoiceFilter(APP, mode=mode, sort=sort, limit=limit)
        for mode in (None, "test", "live")
        for sort in sorts
        for limit in (20, 100)
    ]
    with (
        psycopg.connect(reading, row_factory=dict_row) as session,
        psycopg.connect(dsn, autocommit=True) as filling,
    ):
        reader = ListReader(Session(session))
        for filters in lists:
            page = asyncio.run(reader.page(filters))
            assert (page.rows, page.total, page.total_is_exact) == ([], 0, True)
        session.execute("SELECT pg_stat_force_next_flush()")
        session.commit()
        fill_invoices(filling, rows=_ROWS)
        filling.execute(_EMPTY_FACETS, [APP])
        for filters in lists:
            page = asyncio.run(reader.page(filters))
            assert len(page.rows) == min(filters.limit, page.total)
            (fetched,) = session.execute(_FETCHED).fetchall()
            # The page's rows, and those before it or of each facet's range.
            most = 15 if filters.mode == "live" else 3
            assert fetched["rows"] <= most * (filters.limit + 1), filters
            session.execute("SELECT pg_stat_force_next_flush()")
            session.commit()
