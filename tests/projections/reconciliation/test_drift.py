"""Test the read model of drift: rows, filters, pages, sums."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from domain.reconciliation.compare import Difference
from domain.reconciliation.drift import Drift
from projections.engine.errors import BadCursor
from projections.engine.keyset import cursor_after
from projections.reconciliation.queries import (
    DriftFilter,
    DriftQueries,
    DriftRow,
    DriftSums,
    page_query,
)
from tests.projections.generations.rebuilds import rebuilt
from tests.projections.harness import APP, Reading, append, projecting
from tests.projections.query_plans import explained, nodes, read_at_most
from tests.projections.random_events import AT
from tests.support.drift_examples import drifted
from tests.support.postgres import Server

SINCE = int(AT.timestamp())


async def folded(books: Reading, *drifts: Drift) -> None:
    position = await append(books.log, *drifts)
    assert await books.invoices.wait_for("drift", position, 10)


async def listed(books: Reading, **given: Any) -> list[DriftRow]:
    page = await DriftQueries(books.pool).list_drift(DriftFilter(app_id=APP, **given))
    return page.rows


async def summed(books: Reading, **given: Any) -> list[DriftSums]:
    return await DriftQueries(books.pool).sums(DriftFilter(app_id=APP, **given))


def at(seconds: int) -> Any:
    return AT + timedelta(seconds=seconds)


def test_a_difference_is_open_until_resolved_and_can_be_reopened(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            drift = drifted(occurred_at=at(60), since=SINCE, field="refunds.re_1")
            await folded(books, drift)
            (row,) = await listed(books)
            assert (row.state, row.field, row.since, row.heal_ms) == (
                "open",
                "refunds.re_1",
                AT,
                None,
            )
            drift.resolve(actor="t", occurred_at=at(90))
            await folded(books, drift)
            (row,) = await listed(books)
            assert (row.state, row.resolved_at, row.heal_ms) == ("resolved", at(90), 90_000)

            again = Difference(field="object", ours=None, theirs="invoice.paid", since=SINCE + 100)
            drift.reopen(
                again, found_by="audit", reason="unknown invoice", actor="t", occurred_at=at(120)
            )
            await folded(books, drift)
            (row,) = await listed(books)
            assert (row.state, row.reason, row.detected_at, row.resolved_at, row.heal_ms) == (
                "open",
                "unknown invoice",
                at(120),
                None,
                None,
            )
            assert (await rebuilt(database, "drift")).differing == 0
            assert await listed(books) == [row]

    asyncio.run(scenario())


def ten_drifts() -> list[Drift]:
    """Return ten drifts of two fields, two sources and two connections; the last one is open."""
    drifts = []
    for number in range(10):
        drift = drifted(
            occurred_at=at(number),
            since=SINCE - 10 * number,
            field=("status", "refunds.re_1")[number % 2],
            found_by=("event_catch_up", "audit")[number % 2],
            object_id=f"in_{number}",
            connection=("main", "other")[number // 5],
        )
        if number != 9:
            drift.resolve(actor="t", occurred_at=at(number))
        drifts.append(drift)
    return drifts


async def assert_filters_narrow(books: Reading, newest: list[UUID]) -> None:
    for given, expected in (
        ({"found_by": "audit"}, newest[0::2]),
        ({"field_root": "refunds"}, newest[0::2]),
        ({"connection": "main"}, newest[5:]),
        ({"object_id": "in_3"}, [newest[6]]),
        ({"state": ("open",)}, [newest[0]]),
        ({"state": ("open", "resolved")}, newest),
        ({"detected_from": at(2), "detected_to": at(4)}, newest[6:8]),
        ({"mode": "live"}, []),
        ({"provider": "stripe"}, newest),
    ):
        assert [row.id for row in await listed(books, **given)] == expected, given


async def assert_pages_have_all(books: Reading, newest: list[UUID]) -> None:
    """Read the list in pages and as a stream of chunks; each has every row once."""
    queries, seen, cursor = DriftQueries(books.pool), [], None
    while True:
        page = await queries.list_drift(DriftFilter(app_id=APP, limit=3, cursor=cursor))
        assert (page.total, page.total_is_exact) == (10, True)
        seen += [row.id for row in page.rows]
        if (cursor := page.next_cursor) is None:
            break
    assert seen == newest
    streamed = [
        row.id
        async for chunk in queries.stream_drift(DriftFilter(app_id=APP), chunk=3)
        for row in chunk
    ]
    assert streamed == newest
    with pytest.raises(BadCursor):
        await listed(books, cursor="no cursor")


async def assert_sums_are_by_connection_and_source(books: Reading) -> None:
    sums = {(one.connection, one.found_by): one for one in await summed(books)}
    assert sums["main", "event_catch_up"] == DriftSums(
        connection="main",
        mode="test",
        found_by="event_catch_up",
        detected=3,
        unresolved=0,
        p50_ms=22_000,
        p95_ms=44_000,
        max_ms=44_000,
    )
    assert (sums["other", "audit"].detected, sums["other", "audit"].unresolved) == (3, 1)
    assert await summed(books, mode="live") == []


def test_filters_pages_and_sums_agree(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            drifts = ten_drifts()
            await folded(books, *drifts, drifted(occurred_at=AT, app_id=drifts[0].id))
            newest = [drift.id for drift in reversed(drifts)]
            assert [row.id for row in await listed(books)] == newest
            await assert_filters_narrow(books, newest)
            await assert_pages_have_all(books, newest)
            await assert_sums_are_by_connection_and_source(books)

    asyncio.run(scenario())


_FILL = """
INSERT INTO read.drift
SELECT md5(n::text)::uuid,
    CASE WHEN n %% 2 = 0 THEN %(app)s ELSE md5((n %% 10)::text)::uuid END,
    CASE WHEN n %% 300 = 0 THEN 'second' ELSE 'main' END, 'stripe', 'test', 'invoice', 'in_' || n,
    NULL, 'status', CASE WHEN n %% 200 = 0 THEN 'refunds' ELSE 'status' END, 'open', 'paid',
    CASE WHEN n %% 400 = 0 THEN 'audit' ELSE 'event_catch_up' END, NULL,
    CASE WHEN n %% 500 = 0 THEN 'open' ELSE 'resolved' END, at, at, at, n, n
FROM generate_series(1, 50000) AS n, LATERAL (
    SELECT %(at)s::timestamptz + make_interval(secs => n) AS at
) AS known
"""


@pytest.fixture
def full(postgres_server: Server) -> Iterator[str]:
    """A database with 50,000 differences, half of them one app's."""
    dbname = postgres_server.migrated_database()
    dsn = postgres_server.dsn(dbname)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_FILL, {"app": APP, "at": AT})
        connection.execute("ANALYZE")
    yield dsn
    postgres_server.drop(dbname)


@pytest.mark.extended
def test_a_page_of_each_filter_reads_an_index_and_no_more_than_the_page(full: str) -> None:
    for given in (
        {},
        {"state": ("open",)},
        {"connection": "second"},
        {"found_by": "audit"},
        {"field_root": "refunds"},
        {"object_id": "in_40000"},
    ):
        first: dict[str, Any] = given
        deep = DriftFilter(app_id=APP, **first)
        cursor = cursor_after(at(25_000), APP, name=deep.list_name)
        for filters in (deep, DriftFilter(app_id=APP, cursor=cursor, **first)):
            plan = explained(full, *page_query(filters))
            assert not any(node["Node Type"] == "Seq Scan" for node in nodes(plan)), given
            assert read_at_most(plan) <= 10_001, given
