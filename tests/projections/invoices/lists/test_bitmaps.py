"""Test lists of several filters that are read by bitmaps; their rows are inserted without a log."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import DictRow, dict_row

from projections.engine.keyset import cursor_after
from projections.invoices.lists.bitmaps.block_periods import Blocks, Period, choose
from projections.invoices.lists.list_reader import ListReader
from projections.invoices.queries import InvoiceFilter
from tests.projections.harness import APP, confirm, issue, projecting, requested
from tests.projections.invoices.lists.numbered_invoices import (
    CHANGED,
    EXPECTED,
    NUMBER,
    ROWS,
    Session,
    fits,
    numbered_invoices,
    pages,
    random_filters,
)
from tests.projections.random_events import AT
from tests.support.postgres import Server

pytestmark = pytest.mark.extended


@pytest.fixture(scope="module")
def numbered(postgres_server: Server) -> Iterator[psycopg.Connection[DictRow]]:
    with numbered_invoices(postgres_server) as connection:
        yield connection


def test_blocks_of_one_time_do_not_overlap_others(numbered: psycopg.Connection[DictRow]) -> None:
    blocks = numbered.execute(
        "SELECT from_at::text AS start, min(first_at)::text AS first, max(last_at)::text AS last,"
        " sum(items)::int AS items FROM read.invoice_blocks GROUP BY from_at ORDER BY from_at"
    ).fetchall()
    assert len(blocks) == 3
    assert blocks[0]["start"] == "-infinity"
    for block, following in pairwise(blocks):
        assert block["last"] < following["start"] <= following["first"]


def test_pages_by_bitmaps_are_those_of_the_rows(numbered: psycopg.Connection[DictRow]) -> None:
    rows = numbered.execute(EXPECTED).fetchall()
    session, chance = Session(numbered), Random(5)  # noqa: S311 - no secret
    reader = ListReader(session, few=60)
    for _ in range(50):
        sort: Any = chance.choice(["-createdAt", "createdAt", "-totalMinor", "totalMinor"])
        filters = InvoiceFilter(
            APP, sort=sort, limit=chance.choice([5, 60]), **random_filters(chance)
        )
        column = "created_at" if sort.endswith("createdAt") else "total_minor"
        expected = sorted(
            (row for row in rows if fits(row, filters)),
            key=lambda row: (row[column], row["invoice_id"]),
            reverse=sort.startswith("-"),
        )
        assert pages(reader, filters, most=3) == [
            row["invoice_id"] for row in expected[: 3 * filters.limit]
        ], filters
        page = asyncio.run(reader.page(filters))
        assert page.total == len(expected) or not page.total_is_exact, filters
    assert session.counted > 30
    assert session.found > 30


def test_a_first_page_reads_all_blocks_of_its_time(
    numbered: psycopg.Connection[DictRow],
) -> None:
    (several,) = numbered.execute(
        "SELECT max(last_at) AS last FROM read.invoice_blocks GROUP BY from_at HAVING count(*) > 1"
    ).fetchall()
    filters = InvoiceFilter(
        APP, q="number", paid_from=AT, paid_to=AT + timedelta(days=60), created_to=several["last"]
    )
    found = [row for row in numbered.execute(EXPECTED).fetchall() if fits(row, filters)]
    expected = sorted(found, key=lambda row: row["created_at"], reverse=True)[: filters.limit]
    session = Session(numbered)
    page = asyncio.run(ListReader(session).page(filters))
    assert [row["invoice_id"] for row in page.rows] == [row["invoice_id"] for row in expected]
    assert session.found == 1


def test_a_word_is_read_by_bitmaps_where_its_first_invoices_are_not_of_the_facets(
    numbered: psycopg.Connection[DictRow],
) -> None:
    session = Session(numbered)
    reader = ListReader(session)
    page = asyncio.run(reader.page(InvoiceFilter(APP, q="blue", type="payment")))
    assert (page.rows, page.total, page.total_is_exact) == ([], 0, True)
    assert session.counted == 1
    red = InvoiceFilter(APP, q="red", type="payment")
    expected = sorted(
        (row for row in numbered.execute(EXPECTED).fetchall() if fits(row, red)),
        key=lambda row: row["created_at"],
        reverse=True,
    )
    assert pages(reader, red, most=3) == [row["invoice_id"] for row in expected[:60]]
    assert session.counted == 1


def test_a_total_of_few_invoices_of_several_filters_is_exact(
    numbered: psycopg.Connection[DictRow],
) -> None:
    reader = ListReader(Session(numbered), few=900)
    expected = sum(n % 3 == 0 and n % 4 == 1 and n % 7 == 0 for n in range(1, ROWS + 1))
    changed = sum(
        n % 3 == 0 and n % 4 == 1 and n % 7 == 0 and n % 999 == 1 for n in range(1, ROWS + 1)
    )
    page = asyncio.run(reader.page(InvoiceFilter(APP, q="blue table", status=("open",))))
    assert (page.total, page.total_is_exact) == (expected - changed, True)
    page = asyncio.run(reader.page(InvoiceFilter(APP, q="blue green")))
    assert (page.rows, page.total, page.total_is_exact) == ([], 0, True)


def test_a_total_is_exact_where_bits_tell_all_invoices_that_fit(
    numbered: psycopg.Connection[DictRow],
) -> None:
    rows = numbered.execute(EXPECTED).fetchall()
    start = AT + timedelta(days=3)
    exact: list[dict[str, Any]] = [
        {"q": "blue table"},
        {"q": "red", "status": ("paid", "void"), "tenant_id": UUID(int=3)},
        {"user_id": "user_4", "paid_from": start, "paid_to": start + timedelta(days=9)},
        {"user_id": "user_5", "tenant_id": UUID(int=4), "sort": "-totalMinor"},
    ]
    for given in exact:
        filters = InvoiceFilter(APP, **given)
        page = asyncio.run(ListReader(Session(numbered), few=60).page(filters))
        expected = sum(fits(row, filters) for row in rows)
        assert (page.total, page.total_is_exact) == (expected, True), filters


def test_periods_that_exclude_each_other_read_no_invoice_in_the_order_of_totals(
    numbered: psycopg.Connection[DictRow],
) -> None:
    session = Session(numbered)
    reader = ListReader(session, few=60)
    filters = InvoiceFilter(
        APP,
        sort="totalMinor",
        paid_to=AT + timedelta(days=4),
        created_from=AT + timedelta(days=18),
    )
    page = asyncio.run(reader.page(filters))
    assert (page.rows, page.total, page.total_is_exact) == ([], 0, True)
    assert (session.counted, session.found) == (1, 1)


@dataclass
class Renumbering(Session):
    """Gives some invoices other ordinals before it finds the first ones by their places."""

    async def fetch(self, query: Any, parameters: Any = (), **options: Any) -> list[DictRow]:
        if "most_found" in query.as_string(None) and not self.found:
            self.connection.execute(CHANGED, [503])
            self.connection.execute(NUMBER, [APP])
        return await super().fetch(query, parameters, **options)


def test_bits_are_read_again_where_invoices_have_got_other_ordinals(
    numbered: psycopg.Connection[DictRow],
) -> None:
    filters = InvoiceFilter(APP, q="blue table", limit=60)
    found = [row for row in numbered.execute(EXPECTED).fetchall() if fits(row, filters)]
    expected = sorted(found, key=lambda row: row["created_at"], reverse=True)[:60]
    session = Renumbering(numbered)
    page = asyncio.run(ListReader(session, few=100).page(filters))
    assert [row["invoice_id"] for row in page.rows] == [row["invoice_id"] for row in expected]
    assert (page.total, session.counted, session.found) == (len(found), 2, 2)


@dataclass
class Freeing(Session):
    """Takes the ordinals of some invoices away before it finds the first ones by their places."""

    async def fetch(self, query: Any, parameters: Any = (), **options: Any) -> list[DictRow]:
        if "most_found" in query.as_string(None) and not self.found:
            self.connection.execute(CHANGED, [251])
        return await super().fetch(query, parameters, **options)


def test_a_total_is_not_exact_where_invoices_have_lost_their_ordinals_since_it_was_counted(
    numbered: psycopg.Connection[DictRow],
) -> None:
    reader = ListReader(Freeing(numbered), few=100)
    filters = InvoiceFilter(APP, q="blue table")
    page = asyncio.run(reader.page(filters))
    assert not page.total_is_exact
    found = sum(fits(row, filters) for row in numbered.execute(EXPECTED).fetchall())
    page = asyncio.run(reader.page(filters))
    assert (page.total, page.total_is_exact) == (found, True)
    numbered.execute(NUMBER, [APP])


def test_a_word_of_an_email_beside_another_common_word_is_looked_up_by_the_invoice(
    numbered: psycopg.Connection[DictRow],
) -> None:
    filters = InvoiceFilter(APP, q="ada orange", limit=60)
    found = [row for row in numbered.execute(EXPECTED).fetchall() if fits(row, filters)]
    expected = sorted(found, key=lambda row: row["created_at"], reverse=True)[:180]
    found_ids = pages(ListReader(Session(numbered), few=60), filters, most=3)
    assert found_ids == [row["invoice_id"] for row in expected]


def test_a_cursor_at_the_last_moment_has_no_end_behind_it() -> None:
    filters = InvoiceFilter(APP)
    last = datetime.max.replace(tzinfo=UTC)
    cursor = cursor_after(last, UUID(int=1), name=filters.list_name)
    chosen = choose(replace(filters, cursor=cursor), [Blocks(None, 9)], rows=5)
    assert chosen.period == Period()


def test_a_period_that_ends_within_a_block_counts_those_behind_it() -> None:
    blocks = [Blocks(AT + timedelta(days=2), 9), Blocks(AT + timedelta(days=1), 9), Blocks(None, 9)]
    filters = InvoiceFilter(APP, created_to=AT + timedelta(days=3))
    chosen = choose(filters, blocks, rows=5)
    assert (chosen.period, chosen.items) == (Period(AT + timedelta(days=1), None), 18)
    up = InvoiceFilter(APP, sort="createdAt", created_from=AT)
    chosen = choose(up, blocks[::-1], rows=5)
    assert (chosen.period, chosen.items) == (Period(None, AT + timedelta(days=2)), 18)


def test_followed_invoices_are_numbered_and_freed_by_a_change(database: str) -> None:
    made = [requested(occurred_at=AT + timedelta(seconds=n)) for n in range(300)]

    async def scenario() -> None:
        async with projecting(database) as books:
            await books.append_and_project(*made)
            issue(made[7])
            confirm(made[8])
            await books.append_and_project(made[7], made[8])

    asyncio.run(scenario())
    with psycopg.connect(database, row_factory=dict_row) as connection:
        known = connection.execute("SELECT * FROM read.invoice_ordinals").fetchall()
        of_status = connection.execute(
            "SELECT value, bit_count(bits) AS items FROM read.invoice_bitmaps"
            " WHERE value LIKE 'status=%' OR value = 'numbered'"
        ).fetchall()
    places = {row["invoice_id"]: row["ordinal"] for row in known}
    assert len(places) == 300
    assert places[made[7].id] is None
    assert places[made[8].id] is not None  # nothing that lists are filtered by has changed
    ordinals = [one for one in places.values() if one is not None]
    assert len(set(ordinals)) == len(ordinals) >= 255
    items = {row["value"]: row["items"] for row in of_status}
    assert items.pop("numbered") == len(ordinals)
    assert sum(items.values()) == len(ordinals) + 1
