"""What must hold where an app has many invoices; their rows are made without a log."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.sql import SQL, Composed

from eventlog.database import connect
from projections.lists import page_query
from projections.pool import READ_SETTINGS
from projections.queries import InvoiceFilter
from projections.view_codec import to_json
from tests.projections.books import APP, issue, reading, requested
from tests.projections.facts import AT
from tests.support.postgres import Server

ROWS = 20_000
TENANT = UUID(int=17)
_FILL = """
INSERT INTO read.invoices (invoice_id, app_id, tenant_id, provider, mode, type, status, currency,
    total_minor, user_id, customer, subscription_id, created_at, paid_at, version, position, view)
SELECT gen_random_uuid(),
    CASE WHEN n %% 2 = 0 THEN %(app)s ELSE gen_random_uuid() END,
    lpad(to_hex(n %% 500), 32, '0')::uuid,
    CASE WHEN n %% 300 = 0 THEN 'mollie' ELSE 'stripe' END,
    CASE WHEN n %% 200 = 0 THEN 'live' ELSE 'test' END,
    CASE WHEN n %% 100 = 0 THEN 'subscription' ELSE 'payment' END,
    CASE WHEN n %% 50 = 0 THEN 'failed' WHEN n %% 7 = 0 THEN 'open' ELSE 'paid' END,
    CASE WHEN n %% 400 = 0 THEN 'usd' ELSE 'eur' END,
    n, 'user_' || n %% 1000, 'cus_' || n %% 1000, NULL,
    %(at)s::timestamptz + make_interval(secs => n),
    CASE WHEN n %% 7 <> 0 THEN %(at)s::timestamptz + make_interval(secs => n) END,
    3, n, %(view)s::jsonb
FROM generate_series(1, %(rows)s) AS n
"""


@pytest.fixture(scope="module")
def full(postgres_server: Server) -> Iterator[str]:
    """A database with 20,000 invoices, half of them one app's."""
    dbname = postgres_server.migrated_database()
    dsn = postgres_server.dsn(dbname)
    invoice = requested()
    issue(invoice)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            _FILL,
            {"app": APP, "at": AT, "rows": ROWS, "view": to_json(invoice.view).decode()},
        )
        connection.execute("ANALYZE")
    yield dsn
    postgres_server.drop(dbname)


def explained(dsn: str, query: Composed, parameters: dict[str, object]) -> dict[str, Any]:
    """The plan that readers' sessions have, with what it really did."""
    with connect(dsn, application_name="test", settings=READ_SETTINGS) as connection:
        explain = SQL("EXPLAIN (ANALYZE, TIMING off, FORMAT json) ") + query
        found = connection.execute(explain, parameters).fetchone()
    assert found is not None
    plan: dict[str, Any] = found[0][0]["Plan"]
    return plan


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def read_at_most(plan: dict[str, Any]) -> int:
    return max(
        int(node["Actual Rows"]) + int(node.get("Rows Removed by Filter", 0))
        for node in nodes(plan)
    )


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"tenant_id": TENANT},
        {"status": ("failed",)},
        {"status": ("failed", "open")},
        {"provider": "mollie"},
        {"mode": "live"},
        {"type": "subscription"},
        {"currency": "usd"},
        {"user_id": "user_16"},
        {"customer": "cus_16"},
        {
            "created_from": AT + timedelta(seconds=15_000),
            "created_to": AT + timedelta(seconds=15_100),
        },
        {"paid_from": AT + timedelta(seconds=15_000), "paid_to": AT + timedelta(seconds=15_100)},
        {"tenant_id": TENANT, "status": ("paid",), "mode": "test"},
    ],
    ids=lambda asked: "+".join(asked) or "all",
)
@pytest.mark.parametrize("sort", ["-createdAt", "createdAt", "-totalMinor"])
def test_no_list_reads_the_whole_table(full: str, asked: dict[str, Any], sort: Any) -> None:
    query, parameters = page_query(InvoiceFilter(APP, **asked, sort=sort))
    plan = explained(full, query, parameters)
    assert not [n for n in nodes(plan) if n["Node Type"] == "Seq Scan" and "Relation Name" in n]
    # The total is counted up to its cap; a page alone reads little.
    assert read_at_most(plan) <= 10_001


def test_the_next_page_is_read_from_its_place_on(full: str) -> None:
    async def first_cursor() -> str | None:
        async with reading(full) as books:
            page = await books.invoices.list_invoices(InvoiceFilter(APP))
            return page.next_cursor

    cursor = asyncio.run(first_cursor())
    query, parameters = page_query(InvoiceFilter(APP, cursor=cursor))
    plan = explained(full, query, parameters)
    limits = [node for node in nodes(plan) if node["Node Type"] == "Limit"]
    assert sorted(read_at_most(limit) for limit in limits) == [21, 10_000]


def test_totals_are_exact_up_to_ten_thousand_and_say_so_beyond(full: str) -> None:
    async def scenario() -> None:
        async with reading(full) as books:
            page = await books.invoices.list_invoices(InvoiceFilter(APP))
            assert (page.total, page.total_is_exact) == (10_000, True)
            page = await books.invoices.list_invoices(InvoiceFilter(APP, limit=100, page=99))
            assert (len(page.rows), page.total, page.next_cursor) == (100, 10_000, None)

    with psycopg.connect(full, autocommit=True) as connection:
        asyncio.run(scenario())
        one_more = {"app": APP, "at": AT - timedelta(days=1), "rows": 2, "view": "{}"}
        connection.execute(_FILL, one_more)

    async def beyond() -> None:
        async with reading(full) as books:
            page = await books.invoices.list_invoices(InvoiceFilter(APP))
            assert (page.total, page.total_is_exact) == (10_000, False)
            page = await books.invoices.list_invoices(InvoiceFilter(APP, status=("failed",)))
            assert page.total_is_exact

    asyncio.run(beyond())
