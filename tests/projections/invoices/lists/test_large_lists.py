"""Test lists of many invoices."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg.sql import SQL

from projections.invoices.event_feed import CHANGES
from projections.invoices.lists import list_plan
from projections.invoices.lists.export import PLACE, Export, place_of
from projections.invoices.lists.list_reader import ListReader
from projections.invoices.queries import BY_PROVIDER_ID, InvoiceFilter
from projections.reports.queries import (
    REVENUE,
    SUMMARY,
    ReportFilter,
    revenue_parameters,
    summary_parameters,
)
from tests.projections.harness import APP, reading
from tests.projections.invoices.lists.many_invoices import ROWS, Explained, many_invoices, read_by
from tests.projections.query_plans import explained, nodes, read_at_most
from tests.projections.random_events import AT
from tests.support.postgres import Server

pytestmark = pytest.mark.extended

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONTH = timedelta(days=30)
_DAYS = [_EPOCH + timedelta(days=n) for n in range(30)]
_LOCAL = [day - timedelta(hours=2) for day in _DAYS]
_REPORT = ReportFilter(app_id=APP)
_REPORT_OF_ONE = ReportFilter(app_id=APP, connection="second")
_EXPORT = Export(["id", PLACE], "mark")
TENANT = UUID(int=16)


@pytest.fixture(scope="module")
def full(postgres_server: Server) -> Iterator[str]:
    with many_invoices(postgres_server) as dsn:
        yield dsn


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
