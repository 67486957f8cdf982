"""Test lists of many invoices; their rows are inserted without a log."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import DictRow, dict_row
from psycopg.sql import SQL

from projections.engine.view_codec import to_json
from projections.invoices import list_plan
from projections.invoices.event_feed import CHANGES
from projections.invoices.export import PLACE, Export, place_of
from projections.invoices.list_reader import ListReader, ListRows
from projections.invoices.queries import BY_PROVIDER_ID, InvoiceFilter
from projections.reports.queries import (
    REVENUE,
    SUMMARY,
    ReportFilter,
    revenue_parameters,
    summary_parameters,
)
from tests.projections.harness import APP, issue, reading, requested
from tests.projections.query_plans import explained, nodes, read_at_most
from tests.projections.random_events import AT
from tests.support.postgres import Server

pytestmark = pytest.mark.extended

ROWS = 100_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONTH = timedelta(days=30)
_DAYS = [_EPOCH + timedelta(days=n) for n in range(30)]
_LOCAL = [day - timedelta(hours=2) for day in _DAYS]
_REPORT = ReportFilter(app_id=APP)
_REPORT_OF_ONE = ReportFilter(app_id=APP, connection="second")
_EXPORT = Export(["id", PLACE], "mark")
TENANT = UUID(int=16)
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


@pytest.fixture(scope="module")
def full(postgres_server: Server) -> Iterator[str]:
    """A database with 100,000 invoices, half of them one app's."""
    dbname = postgres_server.migrated_database()
    dsn = postgres_server.dsn(dbname)
    invoice = requested()
    issue(invoice)
    with psycopg.connect(dsn, autocommit=True) as connection:
        view = to_json(invoice.view).decode()
        connection.execute(_FILL, {"app": APP, "at": AT, "rows": ROWS, "view": view})
        connection.execute(_FILL_COUNTS)
        connection.execute(_FILL_SEARCH_TERMS)
        connection.execute("SELECT read.fill_invoice_bitmaps('read_invoices_g1')")
        connection.execute(_FILL_EMAILS, {"app": APP})
        connection.execute(_FILL_TIMELINE)
        connection.execute(_FILL_SUMS, {"app": APP})
        connection.execute(_FILL_TOTALS)
        connection.execute("VACUUM ANALYZE")
    yield dsn
    postgres_server.drop(dbname)


_RARE: list[dict[str, Any]] = [
    {"tenant_id": TENANT},
    {"status": ("failed",)},
    {"status": ("failed", "void", "draft")},
    {"provider": "mollie"},
    {"mode": "live"},
    {"type": "subscription"},
    {"currency": "usd"},
    {"user_id": "user_16"},
    {"customer": "cus_16"},
    {"subscription_id": "sub_100"},
    {"origin": "import"},
    {"unassigned": True},
    {"connection": "second", "at_provider": True},
    {"currency": "eur", "amount_min": 60_000, "amount_max": 60_100},
    {"created_from": AT + timedelta(seconds=70_000), "created_to": AT + timedelta(seconds=70_100)},
    {"paid_from": AT + timedelta(seconds=70_000), "paid_to": AT + timedelta(seconds=70_100)},
    {"tenant_id": TENANT, "status": ("paid",), "mode": "test"},
    {"q": "in_4711"},
    {"q": "cus_16 a-77"},
    {"q": "in16@shop.example"},
]
_COMMON: list[dict[str, Any]] = [
    {},
    {"status": ("failed", "open")},
    {"mode": "test"},
    {"currency": "eur", "amount_min": 10},
    {"connection": "main", "at_provider": True},
    {"q": "in_"},
    {"q": "a cus_16"},
    {"q": "in"},
]


def label(filters: dict[str, Any]) -> str:
    return "+".join(f"{name}={filters[name]}" if name == "q" else name for name in filters) or "all"


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


@pytest.mark.parametrize("filters", _RARE, ids=label)
@pytest.mark.parametrize("sort", ["-createdAt", "createdAt", "-totalMinor", "totalMinor"])
def test_what_is_rare_is_found_without_reading_the_rest(
    full: str, filters: dict[str, Any], sort: Any
) -> None:
    page, most_rows = read_by(full, InvoiceFilter(APP, **filters, sort=sort))
    assert page.rows
    assert page.total_is_exact
    assert most_rows <= 2_500


@pytest.mark.parametrize("sort", ["-createdAt", "totalMinor"])
def test_a_status_without_payments_is_not_read_for_a_period_of_payment(
    full: str, sort: Any
) -> None:
    filters = InvoiceFilter(APP, status=("open",), paid_from=AT, sort=sort)
    page, most_rows = read_by(full, filters)
    assert (page.rows, page.total, page.total_is_exact) == ([], 0, True)
    assert most_rows <= 2_500


@pytest.mark.parametrize("filters", _COMMON, ids=label)
@pytest.mark.parametrize("sort", ["-createdAt", "createdAt", "-totalMinor", "totalMinor"])
def test_what_is_common_is_read_for_one_page_only(
    full: str, filters: dict[str, Any], sort: Any
) -> None:
    page, most_rows = read_by(full, InvoiceFilter(APP, **filters, sort=sort))
    assert page.next_cursor is not None
    assert most_rows <= 10_001


def test_filters_that_exclude_each_other_read_nothing(full: str) -> None:
    never: list[dict[str, Any]] = [
        {"provider": "mollie", "connection": "main"},
        {"currency": "usd", "status": ("failed",), "mode": "test", "type": "payment"},
        {"origin": "import", "status": ("open", "paid"), "mode": "live"},
    ]
    for filters in never:
        page, most_rows = read_by(full, InvoiceFilter(APP, **filters))
        assert (page.rows, page.total, page.total_is_exact) == ([], 0, True)
        assert most_rows <= 100


def test_a_deep_page_is_read_from_its_day_on(full: str) -> None:
    session = Explained(full)
    filters = InvoiceFilter(APP, connection="main", page=300, limit=100)
    rows = asyncio.run(ListReader(session).nth_page(filters))
    assert len(rows) == 100
    of_first_day = 24 * 3600 // 2
    assert session.most_rows[0] <= of_first_day


def test_the_next_page_is_read_from_its_place_on(full: str) -> None:
    page, _ = read_by(full, InvoiceFilter(APP))
    _, most_rows = read_by(full, InvoiceFilter(APP, cursor=page.next_cursor))
    assert most_rows <= 21 * list_plan.MOST_RANGES


@pytest.mark.parametrize(
    ("query", "parameters", "most"),
    [
        (CHANGES, {"app_id": APP, "after": 50_000, "limit": 100}, 110),
        (CHANGES, {"app_id": APP, "after": ROWS, "limit": 100}, 10),
        (BY_PROVIDER_ID, {"app_id": APP, "provider_object_id": "in_4712"}, 1),
        # Of a year and its edges: two connections' weeks, and smaller units before now.
        (SUMMARY, summary_parameters(_REPORT, now=AT, first=None, end=None), 200),
        (
            SUMMARY,
            summary_parameters(_REPORT, now=AT, first=_EPOCH, end=_EPOCH + _MONTH),
            2 * 2 * 30 + 200,
        ),
        (REVENUE, revenue_parameters(_REPORT, _DAYS, end=_EPOCH + _MONTH), 2 * 3 * 30 + 10),
        (
            REVENUE,
            revenue_parameters(_REPORT_OF_ONE, _DAYS, end=_EPOCH + _MONTH),
            3 * 30 + 10,
        ),
        (
            REVENUE,
            revenue_parameters(_REPORT, _LOCAL, end=_LOCAL[-1] + timedelta(days=1)),
            2 * 2 * 30 * 24 + 10,
        ),
    ],
    ids=[
        "changes",
        "no-changes",
        "by-provider-id",
        "summary",
        "summary-of-a-month",
        "revenue-of-a-month",
        "revenue-of-a-connection",
        "revenue-by-local-day",
    ],
)
def test_no_other_question_reads_more_than_its_answer_needs(
    full: str, query: SQL, parameters: dict[str, object], most: int
) -> None:
    plan = explained(full, query, parameters)
    read = [node for node in nodes(plan) if "Relation Name" in node]
    small = {"generations", "followers", "invoice_totals", "subscription_sums"}
    assert not [n for n in read if n["Node Type"] == "Seq Scan" and n["Relation Name"] not in small]
    assert read_at_most(plan) <= most


def test_totals_are_exact_up_to_ten_thousand_and_marked_as_inexact_beyond(full: str) -> None:
    def up_to(seconds: int, **more: Any) -> InvoiceFilter:
        return InvoiceFilter(APP, created_to=AT + timedelta(seconds=seconds), **more)

    async def scenario() -> None:
        async with reading(full) as books:
            page = await books.invoices.list_invoices(up_to(20_001))
            assert (page.total, page.total_is_exact) == (10_000, True)
            page = await books.invoices.list_invoices(up_to(20_001, limit=100, page=99))
            assert (len(page.rows), page.total, page.next_cursor) == (100, 10_000, None)
            page = await books.invoices.list_invoices(up_to(20_003))
            assert (page.total, page.total_is_exact) == (10_000, False)
            page = await books.invoices.list_invoices(InvoiceFilter(APP, status=("failed",)))
            assert page.total_is_exact

    asyncio.run(scenario())


def test_a_whole_list_is_streamed_a_chunk_at_a_time(full: str) -> None:
    async def scenario() -> None:
        async with reading(full) as books:
            filters = InvoiceFilter(APP, status=("failed",), sort="totalMinor", page=3)
            chunks = [
                rows async for rows in books.invoices.stream_invoices(filters, _EXPORT, chunk=300)
            ]
            assert [len(rows) for rows in chunks] == [300] * 6 + [200]
            lines = [line for rows in chunks for line in rows]
            keys = [place_of(line, mark=_EXPORT.mark).key for line in lines]
            assert keys == sorted(set(keys))
            filters = InvoiceFilter(APP, q="in16@shop.example a-1")
            streamed = books.invoices.stream_invoices(filters, _EXPORT)
            found = [row async for rows in streamed for row in rows]
            assert 0 < len(found) < 200

    asyncio.run(scenario())
