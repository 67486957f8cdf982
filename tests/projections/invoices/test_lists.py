import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.invoices.invoice import Invoice
from domain.invoices.view import InvoiceView
from projections.engine import cursors
from projections.engine.errors import BadCursor
from projections.invoices.export import PLACE, Export, place_of
from projections.invoices.list_plan import FEW, SOME
from projections.invoices.list_reader import ListReader
from projections.invoices.queries import InvoiceFilter
from projections.invoices.search_terms import index_terms, term_sources
from tests.projections.harness import (
    APP,
    Reading,
    ids,
    imported,
    issue,
    paid_invoices,
    pay,
    projecting,
    requested,
)
from tests.projections.random_events import AT

OTHER_APP, TENANT = UUID(int=2), UUID(int=3)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
EXPORT = Export(["id", PLACE], "mark")
COLORS, THINGS = ("blue", "red", "bleak"), ("chair", "table", "lamp", "tab")

Rule = Callable[[InvoiceView], bool]


def assorted() -> list[Invoice]:
    """Invoices that differ in all that can be filtered by, an hour apart."""
    facts: list[dict[str, Any]] = [
        {},
        {"tenant_id": TENANT},
        {"provider": "mollie"},
        {"mode": "live"},
        {"type": "subscription"},
        {"user_id": "u1"},
        {"tenant_id": TENANT, "user_id": "u1", "mode": "live"},
        {"app_id": OTHER_APP},
        {"app_id": OTHER_APP, "tenant_id": TENANT},
    ]
    made = []
    for index, one in enumerate(facts * 2):
        occurred_at = AT + index * HOUR
        words = {"order": f"{COLORS[index % 3]} {THINGS[index % 4]} {index:05d}"}
        invoice = requested(**{"app_id": APP} | one, occurred_at=occurred_at, metadata=words)
        if index % 3 > 0:
            currency = "usd" if index % 2 else "eur"
            issue(
                invoice,
                occurred_at=occurred_at,
                total_minor=100 * (index % 5),
                currency=currency,
                customer=f"cus_{index % 2}",
            )
        if index % 3 > 1:
            pay(invoice, occurred_at=occurred_at + HOUR)
        made.append(invoice)
    return [*made, imported(occurred_at=AT - HOUR), imported(OTHER_APP, occurred_at=AT - HOUR)]


FILTERS: list[tuple[dict[str, Any], Rule]] = [
    ({}, lambda _: True),
    ({"tenant_id": TENANT}, lambda v: v.tenant_id == TENANT),
    ({"provider": "mollie"}, lambda v: v.provider == "mollie"),
    ({"status": ("paid",)}, lambda v: v.status == "paid"),
    ({"status": ("paid", "open")}, lambda v: v.status in ("paid", "open")),
    ({"type": "subscription"}, lambda v: v.type == "subscription"),
    ({"mode": "live"}, lambda v: v.mode == "live"),
    ({"currency": "usd"}, lambda v: v.currency == "usd"),
    ({"user_id": "u1"}, lambda v: v.user_id == "u1"),
    ({"customer": "cus_1"}, lambda v: v.customer == "cus_1"),
    ({"subscription_id": "sub_1"}, lambda v: v.subscription_id == "sub_1"),
    ({"connection": "main"}, lambda v: v.connection == "main"),
    ({"connection": "main", "at_provider": True}, lambda v: v.provider_object_id is not None),
    ({"at_provider": True}, lambda v: v.provider_object_id is not None),
    (
        {"currency": "usd", "amount_min": 100, "amount_max": 300},
        lambda v: v.currency == "usd" and 100 <= (v.total_minor or 0) <= 300,
    ),
    (
        {"currency": "eur", "amount_min": 201},
        lambda v: v.currency == "eur" and (v.total_minor or 0) > 200,
    ),
    ({"currency": "eur", "amount_max": 0}, lambda v: v.currency == "eur" and not v.total_minor),
    ({"created_from": AT + 5 * HOUR}, lambda v: v.created_at >= AT + 5 * HOUR),
    ({"created_to": AT + 5 * HOUR}, lambda v: v.created_at < AT + 5 * HOUR),
    ({"paid_from": AT + 6 * HOUR}, lambda v: v.paid_at is not None and v.paid_at >= AT + 6 * HOUR),
    ({"paid_to": AT + 6 * HOUR}, lambda v: v.paid_at is not None and v.paid_at < AT + 6 * HOUR),
    (
        {"tenant_id": TENANT, "mode": "live", "status": ("requested", "open")},
        lambda v: v.tenant_id == TENANT and v.mode == "live" and v.status in ("requested", "open"),
    ),
]
SORTS: dict[str, Callable[[InvoiceView], Any]] = {
    "createdAt": lambda view: (view.created_at, view.id),
    "totalMinor": lambda view: (view.total_minor or 0, view.id),
}


def has_words(*prefixes: str) -> Rule:
    def rule(view: InvoiceView) -> bool:
        terms = index_terms(term_sources(view))
        return all(any(term.startswith(prefix) for term in terms) for prefix in prefixes)

    return rule


MORE_FILTERS: list[tuple[dict[str, Any], Rule]] = [
    ({"unassigned": True}, lambda v: v.tenant_id is None),
    ({"origin": "renewal"}, lambda v: v.origin == "renewal"),
    ({"paid_from": AT + 6 * HOUR, "paid_to": AT + 400 * DAY}, lambda v: v.paid_at is not None
        and v.paid_at >= AT + 6 * HOUR),
    ({"q": "blue"}, has_words("blue")),
    ({"q": "bl"}, has_words("bl")),
    ({"q": "0"}, has_words("0")),
    ({"q": "tab red"}, has_words("tab", "red")),
    ({"q": "in_ bl 0000"}, has_words("in_", "bl", "0000")),
]  # fmt: skip


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


def invoices_of(lines: list[bytes]) -> list[UUID]:
    return [place_of(line, mark=EXPORT.mark).invoice_id for line in lines]


def combination(chance: random.Random) -> tuple[dict[str, Any], list[Rule]]:
    """Draw one to four filters, none of them twice, and the rules that they state."""
    given: dict[str, Any] = {}
    rules = []
    for filters, rule in chance.sample(FILTERS + MORE_FILTERS, chance.randrange(1, 5)):
        clash = {"unassigned", "tenant_id"} <= {*given, *filters}
        if not clash and not given.keys() & filters.keys():
            given |= filters
            rules.append(rule)
    return given, rules


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


async def all_pages(
    books: Reading, filters: dict[str, Any], between: Callable[[], Any] | None = None
) -> list[UUID]:
    found: list[UUID] = []
    cursor = None
    while True:
        page = await books.invoices.list_invoices(InvoiceFilter(APP, cursor=cursor, **filters))
        found += [row.view.id for row in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            return found
        if between is not None:
            await between()


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
