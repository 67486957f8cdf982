"""Test pages of lists that are read from the blocks or from the index that have them."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import DictRow

from projections.invoices.lists.amount_groups import has_wide_amounts
from projections.invoices.lists.bitmaps import bitmap_reader
from projections.invoices.lists.bitmaps.bit_sets import BitSet, read_bit_set
from projections.invoices.lists.bitmaps.list_bitmaps import Looked
from projections.invoices.lists.list_reader import ListReader
from projections.invoices.queries import InvoiceFilter
from tests.projections.harness import APP
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
_SORTS: list[Any] = ["-createdAt", "createdAt"]
# A customer without a paid invoice.
_OF_OPEN = """
WITH changed AS (
    UPDATE read.invoices SET customer = 'cus_open' WHERE status = 'open' RETURNING invoice_id
)
UPDATE read.invoice_ordinals AS known SET block = NULL, ordinal = NULL FROM changed
WHERE changed.invoice_id = known.invoice_id
"""


@pytest.fixture(scope="module")
def numbered(postgres_server: Server) -> Iterator[psycopg.Connection[DictRow]]:
    with numbered_invoices(postgres_server) as connection:
        connection.execute(CHANGED, [401])
        yield connection
        connection.execute(NUMBER, [APP])


def expected_ids(rows: list[DictRow], filters: InvoiceFilter) -> list[UUID]:
    """Return the ids of all rows that fit, in the list's order."""
    found = [row for row in rows if fits(row, filters)]
    by_creation = filters.sort.endswith("createdAt")
    found.sort(
        key=lambda row: (
            row["created_at"] if by_creation else row["total_minor"] or 0,
            row["invoice_id"],
        ),
        reverse=filters.sort.startswith("-"),
    )
    return [row["invoice_id"] for row in found]


def test_a_page_by_its_number_is_that_of_the_rows_at_any_depth(
    numbered: psycopg.Connection[DictRow],
) -> None:
    rows, chance = numbered.execute(EXPECTED).fetchall(), Random(3)  # noqa: S311 - no secret
    session = Session(numbered)
    reader = ListReader(session, few=60)
    lists: list[dict[str, Any]] = [
        {"tenant_id": UUID(int=3), "type": "payment"},
        {"tenant_id": UUID(int=4), "status": ("paid", "open")},
        {"status": ("paid",), "currency": "eur", "q": "blue"},
        {"user_id": "user_5", "type": "payment"},
        {"type": "payment", "q": "ada red"},
        {"type": "payment", "q": "red", "created_from": AT + timedelta(days=9)},
    ]
    for given in lists:
        for sort in _SORTS:
            expected = expected_ids(rows, InvoiceFilter(APP, sort=sort, **given))
            last = len(expected) // 20
            for page in {26, 30, chance.randrange(26, last), last - 1, last, last + 1}:
                filters = InvoiceFilter(APP, sort=sort, page=page, **given)
                found = asyncio.run(reader.page(filters))
                start = 20 * page
                assert [row["invoice_id"] for row in found.rows] == expected[start : start + 20]
                assert found.total == len(expected) or not found.total_is_exact, filters
                assert (found.next_cursor is None) == (start + 20 >= len(expected)), filters
    assert session.deep > 30


def test_a_page_from_the_first_blocks_is_that_of_the_rows(
    numbered: psycopg.Connection[DictRow],
) -> None:
    rows, chance = numbered.execute(EXPECTED).fetchall(), Random(4)  # noqa: S311 - no secret
    session = Session(numbered)
    reader = ListReader(session, few=60, first_blocks=1)
    for _ in range(30):
        start = AT + timedelta(minutes=chance.randrange(ROWS // 2))
        given: dict[str, Any] = {
            "type": chance.choice(["payment", "subscription"]),
            "status": chance.choice([("paid",), ("open",), ("open", "void")]),
            "currency": chance.choice(["eur", "usd"]),
        } | chance.choice(
            [
                {"tenant_id": UUID(int=chance.randrange(23))},
                {"created_from": start, "created_to": start + timedelta(days=6)},
                {"amount_min": 20, "amount_max": 90_000},
            ]
        )
        filters = InvoiceFilter(APP, sort=chance.choice(_SORTS), limit=20, **given)
        expected = expected_ids(rows, filters)
        assert pages(reader, filters, most=4) == expected[:80], filters
        page = asyncio.run(reader.page(filters))
        assert (page.total, page.total_is_exact) in ((len(expected), True), (10_000, False))
    assert session.of_first > 10


def test_a_page_and_its_number_from_a_sample_of_blocks(
    numbered: psycopg.Connection[DictRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bitmap_reader, "COUNTED_EXACTLY", 100)
    rows, chance = numbered.execute(EXPECTED).fetchall(), Random(8)  # noqa: S311 - no secret
    session = Session(numbered)
    reader = ListReader(session, few=60, sample=Looked(first=1, spread=2))
    estimated = 0
    for _ in range(60):
        sort = chance.choice([*_SORTS, "totalMinor", "-totalMinor"])
        filters = InvoiceFilter(APP, sort=sort, limit=20, **random_filters(chance))
        expected = expected_ids(rows, filters)
        assert pages(reader, filters, most=4) == expected[:80], filters
        page = asyncio.run(reader.page(filters))
        assert page.total == len(expected) or not page.total_is_exact, filters
        estimated += not page.total_is_exact
    assert session.of_sample > 60
    assert estimated > 10


def test_a_sample_tells_about_how_many_invoices_a_list_has(
    numbered: psycopg.Connection[DictRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    sampled: list[int] = []

    def read(found: list[DictRow], **given: Any) -> BitSet:
        bits = read_bit_set(found, **given)
        if not bits.is_whole:
            sampled.append(bits.items)
        return bits

    monkeypatch.setattr(bitmap_reader, "read_bit_set", read)
    rows = numbered.execute(EXPECTED).fetchall()
    reader = ListReader(Session(numbered), few=60, sample=Looked(first=1, spread=2))
    lists: list[dict[str, Any]] = [
        {"q": "blue chair", "currency": "eur"},
        {"q": "red", "customer": "cus_4"},
        {"type": "payment", "user_id": "user_3", "paid_to": AT + timedelta(days=20)},
    ]
    for given in lists:
        for sort in _SORTS:
            filters = InvoiceFilter(APP, sort=sort, limit=20, **given)
            expected = len(expected_ids(rows, filters))
            page = asyncio.run(reader.page(filters))
            assert (page.total, page.total_is_exact) == (expected, True)
            assert sampled.pop() == pytest.approx(expected, rel=0.25), filters
            assert not sampled


def test_a_short_list_is_counted_whatever_its_sample_tells(
    numbered: psycopg.Connection[DictRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bitmap_reader, "COUNTED_EXACTLY", 0)
    rows = numbered.execute(EXPECTED).fetchall()
    session = Session(numbered)
    reader = ListReader(session, sample=Looked(first=1, spread=2))
    for sort in [*_SORTS, "-totalMinor"]:
        for day in range(24):
            start = AT + timedelta(days=day)
            end = start + timedelta(days=2)
            filters = InvoiceFilter(APP, sort=sort, user_id="user_3", paid_from=start, paid_to=end)
            expected = expected_ids(rows, filters)
            page = asyncio.run(reader.page(filters))
            assert (page.total, page.total_is_exact) == (len(expected), True), filters
            assert [row["invoice_id"] for row in page.rows] == expected[:20], filters
    assert session.of_sample > 20


def test_an_id_whose_first_invoices_do_not_fit_is_read_by_bitmaps(
    numbered: psycopg.Connection[DictRow],
) -> None:
    session = Session(numbered)
    reader = ListReader(session, few=60)
    page = asyncio.run(reader.page(InvoiceFilter(APP, customer="cus_4", status=("paid",))))
    assert len(page.rows) == 20
    assert session.counted == 0
    with numbered.transaction(force_rollback=True):
        numbered.execute(_OF_OPEN)
        numbered.execute(NUMBER, [APP])
        for sort in _SORTS:
            filters = InvoiceFilter(APP, customer="cus_open", status=("paid",), sort=sort)
            page = asyncio.run(reader.page(filters))
            assert (page.rows, page.total, page.total_is_exact) == ([], 0, True)
    assert session.counted == 2


def test_a_range_of_amounts_is_that_of_the_rows(
    numbered: psycopg.Connection[DictRow],
) -> None:
    rows, chance = numbered.execute(EXPECTED).fetchall(), Random(6)  # noqa: S311 - no secret
    reader = ListReader(Session(numbered), few=60)
    start = AT + timedelta(minutes=ROWS // 4)
    period: dict[str, Any] = {"created_from": start, "created_to": start + timedelta(days=6)}
    for _ in range(60):
        least = chance.randrange(90_000)
        within = chance.choice([dict[str, Any](), period])
        filters = InvoiceFilter(
            APP,
            sort=chance.choice([*_SORTS, "totalMinor", "-totalMinor"]),
            currency=chance.choice(["eur", "usd"]),
            amount_min=least,
            amount_max=least + chance.choice([90, 9_000, 90_000]),
            limit=chance.choice([5, 60]),
            page=chance.choice([None, 0, 2]),
            **within,
        )
        expected = expected_ids(rows, filters)
        page = asyncio.run(reader.page(filters))
        skipped = (filters.page or 0) * filters.limit
        found = expected[skipped : skipped + filters.limit]
        assert [row["invoice_id"] for row in page.rows] == found, filters
        most = (10_000, False) if len(expected) > 10_000 else (len(expected), True)
        if not within or not has_wide_amounts(filters):
            assert (page.total, page.total_is_exact) in (most, (len(expected), True)), filters
