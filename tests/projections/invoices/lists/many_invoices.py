"""Insert very many invoices without a log, and read their lists with the rows that are read."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row

from projections.engine.view_codec import to_json
from projections.invoices.lists.list_reader import ListReader, ListRows
from projections.invoices.queries import InvoiceFilter
from tests.projections.harness import APP, issue, requested
from tests.projections.query_plans import explained, nodes, read_at_most
from tests.projections.random_events import AT
from tests.support.postgres import Server

ROWS = 100_000
_FILL = """
INSERT INTO read.invoices (invoice_id, app_id, tenant_id, provider, mode, type, status, currency,
    total_minor, user_id, customer, subscription_id, created_at, paid_at, connection,
    origin, provider_object_id, at_provider, version, position, view, facet)
SELECT made.*, hashtextextended(concat_ws('|', provider, connection, mode, type, origin, status,
    currency, at_provider, tenant_id IS NULL, paid_at IS NULL), 0)
FROM (SELECT md5(n::text)::uuid AS invoice_id,
    CASE WHEN n %% 2 = 0 THEN %(app)s ELSE md5((n %% 10)::text)::uuid END AS app_id,
    CASE WHEN n %% 600 <> 0 THEN lpad(to_hex(n %% 500), 32, '0')::uuid END
        AS tenant_id,
    CASE WHEN n %% 300 = 0 THEN 'mollie' ELSE 'stripe' END AS provider,
    CASE WHEN n %% 200 = 0 THEN 'live' ELSE 'test' END AS mode,
    CASE WHEN n %% 100 = 0 THEN 'subscription' ELSE 'payment' END AS type,
    CASE WHEN n %% 50 = 0 THEN 'failed' WHEN n %% 7 = 0 THEN 'open' ELSE 'paid' END
        AS status,
    CASE WHEN n %% 400 = 0 THEN 'usd' ELSE 'eur' END AS currency,
    n, 'user_' || n %% 1000, 'cus_' || n %% 1000,
    CASE WHEN n %% 100 = 0 THEN 'sub_' || n %% 1000 END,
    %(at)s::timestamptz + make_interval(secs => n),
    CASE WHEN n %% 7 <> 0 THEN %(at)s::timestamptz + make_interval(secs => n) END AS paid_at,
    CASE WHEN n %% 300 = 0 THEN 'second' ELSE 'main' END AS connection,
    CASE WHEN n %% 250 = 0 THEN 'import' ELSE 'request' END AS origin, 'in_' || n,
    n %% 3 <> 1 AS at_provider,
    3, n, %(view)s::jsonb
FROM generate_series(1, %(rows)s) AS n) AS made
"""
_FILL_COUNTS = """
INSERT INTO read.invoice_facets SELECT app_id, facet, provider, connection, mode, type, origin,
    status, currency, at_provider, tenant_id IS NOT NULL, paid_at IS NOT NULL, count(*),
    max(position)
FROM read.invoices GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12;
INSERT INTO read.invoice_days SELECT app_id, connection, (created_at AT TIME ZONE 'UTC')::date,
    count(*), max(position) FROM read.invoices WHERE at_provider GROUP BY 1, 2, 3
"""
_FILL_SEARCH_TERMS = """
INSERT INTO read.invoice_search_terms (app_id, term, created_at, invoice_id, position)
SELECT app_id, word, created_at, invoice_id, position FROM read.invoices,
    unnest(ARRAY[provider_object_id, customer, 'a-' || position, 'a', position::text]) AS word
"""
_FILL_EMAILS = """
INSERT INTO read.tenant_email_terms (app_id, tenant_id, term, position)
SELECT %(app)s, lpad(to_hex(n), 32, '0')::uuid, 'in' || n || '@shop.example', n
FROM generate_series(0, 499) AS n
"""
_FILL_TIMELINE = """
INSERT INTO read.timeline (subject_id, position, app_id, kind, type, occurred_at, actor, data)
SELECT invoice_id, position, app_id, 'invoice', 'invoice.requested', created_at, 'worker', '{}'
FROM read.invoices
"""
_FILL_SUMS = """
INSERT INTO read.invoice_sums
SELECT %(app)s, 'test', 'eur', 'stripe', connection, kind, unit, n / size, sum(n),
    count(*) FILTER (WHERE n >= 30000), max(n)
FROM generate_series(0, 33000) AS n, unnest(ARRAY['collected', 'refunded', 'outstanding']) AS kind,
    unnest(ARRAY['main', 'second']) AS connection,
    (VALUES ('quarter', 1), ('hour', 4), ('day', 96), ('week', 672)) AS units (unit, size)
GROUP BY connection, kind, unit, n / size
"""
_FILL_TOTALS = """
INSERT INTO read.invoice_totals
SELECT app_id, mode, currency, provider, connection, kind, sum(amount_minor), sum(items),
    max(position)
FROM read.invoice_sums WHERE unit = 'week'
GROUP BY app_id, mode, currency, provider, connection, kind
"""


def fill_invoices(connection: psycopg.Connection[Any], *, rows: int) -> None:
    """Insert invoices, half of them one app's, and their facets; no terms, no bitmaps."""
    invoice = requested()
    issue(invoice)
    view = to_json(invoice.view).decode()
    connection.execute(_FILL, {"app": APP, "at": AT, "rows": rows, "view": view})
    connection.execute(_FILL_COUNTS)


@contextmanager
def many_invoices(postgres_server: Server) -> Iterator[str]:
    """Fill a database with 100,000 invoices, half of them one app's; yield its DSN."""
    dbname = postgres_server.migrated_database()
    dsn = postgres_server.dsn(dbname)
    with psycopg.connect(dsn, autocommit=True) as connection:
        fill_invoices(connection, rows=ROWS)
        connection.execute(_FILL_SEARCH_TERMS)
        connection.execute("SELECT read.fill_invoice_bitmaps('read_invoices_g1')")
        connection.execute(_FILL_EMAILS, {"app": APP})
        connection.execute(_FILL_TIMELINE)
        connection.execute(_FILL_SUMS, {"app": APP})
        connection.execute(_FILL_TOTALS)
        connection.execute("VACUUM ANALYZE")
    yield dsn
    postgres_server.drop(dbname)


@dataclass
class Explained:
    """A session that explains each statement, and counts the rows that it reads."""

    dsn: str
    most_rows: list[int] = field(default_factory=list)

    async def fetch(
        self, query: Any, parameters: Any = (), *, is_generic: bool = False
    ) -> list[DictRow]:
        with psycopg.connect(self.dsn, row_factory=dict_row) as connection:
            rows = connection.execute(query, parameters, prepare=is_generic).fetchall()
        if "QUERY PLAN" not in (rows[0] if rows else {}):
            plan = explained(self.dsn, query, parameters)
            scans = [n for n in nodes(plan) if n["Node Type"] == "Seq Scan"]
            assert not [n for n in scans if "Relation Name" in n]
            self.most_rows.append(read_at_most(plan))
        return rows

    async def copy_csv(self, query: Any, parameters: Any = ()) -> list[bytes]:
        raise NotImplementedError


def read_by(dsn: str, filters: InvoiceFilter) -> tuple[ListRows, int]:
    """Read a page; the most rows that a step of any of its statements read."""
    session = Explained(dsn)
    page = asyncio.run(ListReader(session).page(filters))
    return page, max(session.most_rows)
