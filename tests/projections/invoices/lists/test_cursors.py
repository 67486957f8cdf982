"""Pages of a list by cursor and by number: each row once, and no cursor of another list."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.engine import cursors
from projections.engine.errors import BadCursor
from projections.invoices.queries import InvoiceFilter
from tests.projections.harness import APP, ids, issue, paid_invoices, projecting, requested
from tests.projections.invoices.lists.assorted_invoices import HOUR, OTHER_APP, SORTS, TENANT
from tests.projections.invoices.lists.list_pages import all_pages
from tests.projections.random_events import AT


@pytest.mark.parametrize("sort", ["createdAt", "-createdAt", "totalMinor", "-totalMinor"])
def test_a_cursor_shows_each_row_once_while_rows_are_added(database: str, sort: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            # All at one moment and with two totals: only the id tells them apart.
            made = [requested() for _ in range(23)]
            for invoice in made[::2]:
                issue(invoice)
            await books.append_and_project(*made)

            async def add() -> None:
                newer = requested(occurred_at=AT + HOUR)
                issue(newer)
                await books.append_and_project(newer, requested(occurred_at=AT - HOUR))

            found = await all_pages(books, {"sort": sort, "limit": 4}, add)
            assert len(found) == len(set(found))
            assert set(ids(made)) <= set(found)
            expected = sorted(made, key=lambda i: SORTS[sort.strip("-")](i.view))
            expected = expected[::-1] if sort.startswith("-") else expected
            assert [one for one in found if one in set(ids(made))] == ids(expected)

    asyncio.run(scenario())


def test_pages_by_number_share_the_total_and_leave_nothing_out(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            made = paid_invoices(11)
            await books.append_and_project(*made)
            found: list[UUID] = []
            for number in range(4):
                page = await books.invoices.list_invoices(InvoiceFilter(APP, limit=4, page=number))
                found += [row.view.id for row in page.rows]
                assert page.total == 11
                assert (page.next_cursor is None) == (number >= 2)
            assert found == ids(made)[::-1]
            with pytest.raises(BadCursor):
                await books.invoices.list_invoices(InvoiceFilter(APP, limit=100, page=10**18))

    asyncio.run(scenario())


def test_a_cursor_of_another_list_is_refused(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            await books.append_and_project(*paid_invoices(3))
            page = await books.invoices.list_invoices(InvoiceFilter(APP, limit=1))
            foreign = [
                InvoiceFilter(OTHER_APP, cursor=page.next_cursor),
                InvoiceFilter(APP, cursor=page.next_cursor, tenant_id=TENANT),
                InvoiceFilter(APP, cursor=page.next_cursor, status=("paid",)),
                InvoiceFilter(APP, cursor=page.next_cursor, sort="createdAt"),
                InvoiceFilter(APP, cursor=page.next_cursor, created_from=AT),
            ]
            for filters in foreign:
                with pytest.raises(BadCursor):
                    await books.invoices.list_invoices(filters)
            longer = InvoiceFilter(APP, cursor=page.next_cursor, limit=50)
            assert len((await books.invoices.list_invoices(longer)).rows) == 2

    asyncio.run(scenario())


@given(text=st.text(max_size=400))
def test_a_malformed_cursor_is_refused(text: str) -> None:
    with pytest.raises(BadCursor):
        cursors.read(text, list_name="one")


@pytest.mark.parametrize("value", [True, None, 1.5, "1", 2**63, [1]])
def test_a_cursor_with_anything_but_a_place_is_refused(value: Any) -> None:
    broken = cursors.write(cursors.PageKey(value, uuid4()), list_name="one")
    with pytest.raises(BadCursor):
        cursors.read(broken, list_name="one")


def test_a_moment_beyond_the_calendar_is_refused() -> None:
    assert cursors.from_microseconds(cursors.to_microseconds(AT)) == AT
    with pytest.raises(BadCursor):
        cursors.from_microseconds(2**62)
