import asyncio
import random
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from psycopg.rows import DictRow

from projections.engine.pool import ReadPool
from projections.invoices.lists.export import PLACE, Export, place_of
from projections.invoices.lists.list_plan import FEW, SOME
from projections.invoices.lists.list_reader import ListReader
from projections.invoices.queries import InvoiceFilter
from tests.projections.harness import APP, ids, issue, paid_invoices, projecting, requested
from tests.projections.invoices.lists.assorted_invoices import (
    DAY,
    FILTERS,
    HOUR,
    SORTS,
    assorted,
    combination,
)
from tests.projections.random_events import AT

EXPORT = Export(["id", PLACE], "mark")


@pytest.mark.parametrize(("few", "some"), [(0, 0), (0, SOME), (3, SOME), (FEW, SOME)])
def test_any_combination_gives_exactly_the_invoices_that_fit(
    database: str, few: int, some: int
) -> None:
    chance = random.Random(few)  # noqa: S311 - chooses filters

    async def scenario() -> None:
        async with projecting(database) as books:
            made = [*assorted(), *paid_invoices(3, occurred_at=AT + 200 * DAY)]
            await books.append_and_project(*made)
            reader = ListReader(books.pool, few=few, some=some)
            for _ in range(40):
                given, rules = combination(chance)
                sort: Any = chance.choice(["createdAt", "-createdAt", "totalMinor", "-totalMinor"])
                fitting = [
                    i.view.id
                    for i in sorted(made, key=lambda i: SORTS[sort.strip("-")](i.view))
                    if i.view.app_id == APP and all(rule(i.view) for rule in rules)
                ]
                expected = fitting[::-1] if sort.startswith("-") else fitting
                filters = InvoiceFilter(APP, **given, sort=sort, limit=4)
                first = await reader.page(filters)
                assert first.total == len(expected) or not first.total_is_exact, filters
                chunks = [rows async for rows in reader.chunks(filters, EXPORT, rows=4)]
                found = [one for rows in chunks for one in invoices_of(rows)]
                assert found == expected, filters
                assert [row["invoice_id"] for row in first.rows] == expected[:4]
                second = await reader.page(replace(filters, page=1))
                assert [row["invoice_id"] for row in second.rows] == expected[4:8]

    asyncio.run(scenario())


class Counting:
    """Counts the statements of a pool."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool
        self.statements = 0

    async def fetch(
        self, query: Any, parameters: Any = (), *, is_generic: bool = False
    ) -> list[DictRow]:
        self.statements += 1
        return await self._pool.fetch(query, parameters, is_generic=is_generic)

    async def copy_csv(self, query: Any, parameters: Any = ()) -> list[bytes]:
        return await self._pool.copy_csv(query, parameters)


@pytest.mark.parametrize("given", [{}, {"mode": "test"}, {"created_from": AT}])
def test_a_short_list_of_a_tenant_is_one_statement_and_has_the_page_of_a_long_one(
    database: str, given: dict[str, Any]
) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            made = assorted()
            await books.append_and_project(*made)
            tenant = next(i.view.tenant_id for i in made if i.view.app_id == APP)
            filters = InvoiceFilter(APP, tenant_id=tenant, limit=1, **given)
            pages = []
            for few in (FEW, 0):
                pool = Counting(books.pool)
                page = await ListReader(pool, few=few).page(filters)
                assert (pool.statements == 1) == (few == FEW)
                pages.append((page.rows[0]["invoice_id"], page.total, page.next_cursor))
            assert pages[0] == pages[1]

    asyncio.run(scenario())


def invoices_of(lines: list[bytes]) -> list[UUID]:
    return [place_of(line, mark=EXPORT.mark).invoice_id for line in lines]


@pytest.mark.parametrize("few", [0, 2_000])
def test_a_whole_list_has_invoices_that_get_a_new_combination_of_values_meanwhile(
    database: str, few: int
) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            made = paid_invoices(5)
            last = requested(occurred_at=AT + 9 * DAY)
            await books.append_and_project(*made, last)
            found: list[UUID] = []
            reader = ListReader(books.pool, few=few)
            filters = InvoiceFilter(APP, created_from=AT - DAY, sort="createdAt")
            async for rows in reader.chunks(filters, EXPORT, rows=2):
                found += invoices_of(rows)
                if len(found) == 2:
                    issue(last, currency="usd")
                    await books.append_and_project(last)
            assert found == ids([*made, last])

    asyncio.run(scenario())


def test_a_page_at_any_depth_is_a_slice_of_what_the_provider_has(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            made = []
            for number in range(23):
                invoice = requested(occurred_at=AT + (number // 4) * DAY + number % 3 * HOUR)
                if number % 5:
                    issue(invoice)
                made.append(invoice)
            await books.append_and_project(*made)
            views = sorted((i.view for i in made), key=SORTS["createdAt"], reverse=True)
            expected = [view.id for view in views if view.provider_object_id is not None]
            for limit in (1, 3, 7, 100):
                for page in range(25):
                    rows = await books.invoices.list_at_provider(
                        APP, "main", page=page, limit=limit
                    )
                    start = page * limit
                    assert [row.view.id for row in rows] == expected[start : start + limit]
            assert await books.invoices.list_at_provider(APP, "main", page=10**9, limit=100) == []
            assert await books.invoices.list_at_provider(APP, "other", page=0, limit=100) == []

    asyncio.run(scenario())


def test_each_filter_and_order_gives_exactly_the_apps_invoices_that_fit(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            made = assorted()
            await books.append_and_project(*made)
            for given, rule in FILTERS:
                for sort, key in SORTS.items():
                    fitting = [i.view for i in made if i.view.app_id == APP and rule(i.view)]
                    expected = sorted(fitting, key=key)
                    for order, views in ((sort, expected), (f"-{sort}", expected[::-1])):
                        filters = InvoiceFilter(APP, **given, sort=order)  # type: ignore[arg-type]
                        page = await books.invoices.list_invoices(filters)
                        assert [row.view for row in page.rows] == views, filters
                        assert (page.total, page.total_is_exact) == (len(views), True)
                        assert page.next_cursor is None

    asyncio.run(scenario())
