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
from projections.engine.view_codec import to_json
from projections.invoices.block_periods import Blocks, Period, choose
from projections.invoices.list_reader import ListReader
from projections.invoices.queries import InvoiceFilter
from tests.projections.harness import APP, confirm, issue, projecting, requested
from tests.projections.random_events import AT
from tests.support.postgres import Server

pytestmark = pytest.mark.extended

ROWS = 34_000
SCHEMA = "read_invoices_g1"
_FILL = """
INSERT INTO read.invoices (invoice_id, app_id, tenant_id, provider, mode, type, status, currency,
    total_minor, user_id, customer, created_at, paid_at, connection, origin, at_provider, facet,
    version, position, view)
SELECT invoice_id, app_id, tenant_id, provider, mode, type, status, currency, total_minor, user_id,
    customer, created_at, paid_at, connection, origin, at_provider,
    hashtextextended(concat_ws('|', type, status, currency, tenant_id IS NULL, paid_at IS NULL), 0),
    3, n, %(view)s::jsonb
FROM (SELECT n, md5(n::text)::uuid AS invoice_id, %(app)s::uuid AS app_id,
    CASE WHEN n %% 19 <> 0 THEN lpad(to_hex(n %% 23), 32, '0')::uuid END AS tenant_id,
    'stripe' AS provider, 'test' AS mode,
    CASE WHEN n %% 3 = 0 THEN 'subscription' ELSE 'payment' END AS type,
    CASE WHEN n %% 7 = 0 THEN 'open' ELSE 'paid' END AS status,
    CASE WHEN n %% 11 = 0 THEN 'usd' ELSE 'eur' END AS currency,
    n * 7919 %% 100000 AS total_minor, 'user_' || n %% 13 AS user_id,
    'cus_' || n %% 29 AS customer, %(at)s::timestamptz + make_interval(mins => n) AS created_at,
    CASE WHEN n %% 7 <> 0 THEN %(at)s::timestamptz + make_interval(mins => n + n %% 500) END
        AS paid_at,
    'main' AS connection, 'request' AS origin, true AS at_provider
FROM generate_series(1, %(rows)s) AS n) AS made
"""
_VOID = """
UPDATE read.invoices SET status = 'void',
    facet = hashtextextended(
        concat_ws('|', type, 'void', currency, tenant_id IS NULL, paid_at IS NULL), 0
    )
WHERE position % 999 = 1
"""
_FACETS = """
INSERT INTO read.invoice_facets SELECT app_id, facet, provider, connection, mode, type, origin,
    status, currency, at_provider, tenant_id IS NOT NULL, paid_at IS NOT NULL, count(*),
    max(position)
FROM read.invoices GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
"""
_TERMS = """
INSERT INTO read.invoice_search_terms (app_id, term, created_at, invoice_id, position)
SELECT app_id, word, created_at, invoice_id, position FROM read.invoices, unnest(ARRAY[
    (ARRAY['blue', 'red', 'green'])[position % 3 + 1],
    (ARRAY['chair', 'table', 'lamp', 'desk'])[position % 4 + 1], 'number-' || position,
    CASE WHEN position % 40 = 0 THEN 'orange' WHEN position % 5 = 0 THEN 'oranges' END
]) AS word WHERE word IS NOT NULL
"""
_EMAILS = """
INSERT INTO read.tenant_email_terms (app_id, tenant_id, term, position)
SELECT DISTINCT app_id, tenant_id, 'ada', 1 FROM read.invoices WHERE tenant_id IS NOT NULL
    AND right(tenant_id::text, 1) < '7'
"""
_TRACKED = """
INSERT INTO read.invoice_ordinals (invoice_id, app_id, created_at)
SELECT invoice_id, app_id, created_at FROM read.invoices WHERE position >= %s AND position < %s
"""
_CHANGED = """
WITH changed AS (
    SELECT known.* FROM read.invoice_ordinals AS known JOIN read.invoices AS own USING (invoice_id)
    WHERE own.position %% %s = 1 AND known.block IS NOT NULL
), freed AS (
    UPDATE read.invoice_ordinals AS known SET block = NULL, ordinal = NULL FROM changed
    WHERE changed.invoice_id = known.invoice_id
)
UPDATE read.invoice_bitmaps AS known SET bits = known.bits & ~ gone.bits
FROM (
    SELECT block, bit_or(set_bit(repeat('0', 16384)::bit(16384), ordinal, 1)) AS bits
    FROM changed GROUP BY block
) AS gone
WHERE known.block = gone.block AND known.value = 'numbered'
"""
_NUMBER = f"SELECT read.number_invoices('{SCHEMA}', %s)"
_EXPECTED = """
SELECT own.*, ARRAY(
    SELECT term FROM read.invoice_search_terms AS known WHERE known.invoice_id = own.invoice_id
    UNION ALL
    SELECT term FROM read.tenant_email_terms AS known WHERE known.tenant_id = own.tenant_id
) AS terms
FROM read.invoices AS own
"""


@dataclass
class Session:
    """Runs statements, and counts those that read bitmaps."""

    connection: psycopg.Connection[DictRow]
    counted: int = 0
    found: int = 0

    async def fetch(
        self, query: Any, parameters: Any = (), *, is_generic: bool = False
    ) -> list[DictRow]:
        plans = "force_generic_plan" if is_generic else "force_custom_plan"
        self.connection.execute(f"SET plan_cache_mode = {plans}")
        text = query.as_string(None)
        self.counted += "bit_send(bits)" in text and "most_found" not in text
        self.found += "most_found" in text
        return self.connection.execute(query, parameters).fetchall()

    async def copy_csv(self, query: Any, parameters: Any = ()) -> list[bytes]:
        raise NotImplementedError


@pytest.fixture(scope="module")
def numbered(postgres_server: Server) -> Iterator[psycopg.Connection[DictRow]]:
    """34,000 invoices: the newest were added after the middle, then the oldest, then changes."""
    dbname = postgres_server.migrated_database()
    invoice = requested()
    issue(invoice)
    view = to_json(invoice.view).decode()
    dsn = postgres_server.dsn(dbname)
    with psycopg.connect(dsn, autocommit=True, row_factory=dict_row) as connection:
        connection.execute(_FILL, {"app": APP, "at": AT, "rows": ROWS, "view": view})
        connection.execute(_TERMS)
        connection.execute(_EMAILS)
        for first, after in ((14_000, 31_000), (31_000, ROWS + 1), (1, 14_000)):
            connection.execute(_TRACKED, [first, after])
            connection.execute(_NUMBER, [APP])
        connection.execute(_CHANGED, [9])
        connection.execute(_NUMBER, [APP])
        connection.execute(_VOID)
        connection.execute(_FACETS)
        connection.execute(_CHANGED, [999])
        connection.execute("VACUUM ANALYZE")
        yield connection
    postgres_server.drop(dbname)


def test_blocks_of_one_time_do_not_overlap_others(numbered: psycopg.Connection[DictRow]) -> None:
    blocks = numbered.execute(
        "SELECT from_at::text AS start, min(first_at)::text AS first, max(last_at)::text AS last,"
        " sum(items)::int AS items FROM read.invoice_blocks GROUP BY from_at ORDER BY from_at"
    ).fetchall()
    assert len(blocks) == 3
    assert blocks[0]["start"] == "-infinity"
    for block, following in pairwise(blocks):
        assert block["last"] < following["start"] <= following["first"]


def _filters(chance: Random) -> dict[str, Any]:
    """Draw two to four filters, most of which leave more than a thousand invoices."""
    start = AT + timedelta(minutes=chance.randrange(ROWS))
    end = start + timedelta(days=chance.choice([2, 9, 20]))
    least = chance.randrange(50_000)
    known: list[dict[str, Any]] = [
        {"q": " ".join(chance.sample(["blue", "red", "chair", "lamp", "gre", "number"], 2))},
        {"q": "number-1 table"},
        {"q": "orange"},
        {"q": "ada orange"},
        {"status": chance.choice([("open",), ("paid",), ("void", "open")])},
        {"type": chance.choice(["payment", "subscription"])},
        {"currency": chance.choice(["usd", "eur"])},
        {"tenant_id": UUID(int=chance.randrange(23))},
        {"user_id": f"user_{chance.randrange(13)}"},
        {"customer": f"cus_{chance.randrange(29)}"},
        {"created_from": start, "created_to": end},
        {"paid_from": start, "paid_to": end},
        {"amount_min": least, "amount_max": least + chance.choice([900, 9_000, 90_000])},
        {"unassigned": True},
    ]
    drawn: dict[str, Any] = {}
    for one in chance.sample(known, chance.randrange(2, 5)):
        drawn |= one
    if "tenant_id" in drawn:
        drawn.pop("unassigned", None)
    return drawn


def _fits(row: DictRow, filters: InvoiceFilter) -> bool:
    def within(value: Any, least: Any, end: Any) -> bool:
        return (least is None or (value is not None and value >= least)) and (
            end is None or (value is not None and value < end)
        )

    equal = ("tenant_id", "type", "currency", "user_id", "customer")
    most = None if filters.amount_max is None else filters.amount_max + 1
    return (
        all(getattr(filters, name) in (None, row[name]) for name in equal)
        and (not filters.status or row["status"] in filters.status)
        and (not filters.unassigned or row["tenant_id"] is None)
        and within(row["created_at"], filters.created_from, filters.created_to)
        and within(row["paid_at"], filters.paid_from, filters.paid_to)
        and within(row["total_minor"], filters.amount_min, most)
        and all(
            any(term.startswith(word) for term in row["terms"])
            for word in (filters.q or "").split()
        )
    )


def test_pages_by_bitmaps_are_those_of_the_rows(numbered: psycopg.Connection[DictRow]) -> None:
    rows = numbered.execute(_EXPECTED).fetchall()
    session, chance = Session(numbered), Random(5)  # noqa: S311 - no secret
    reader = ListReader(session, few=60)
    for _ in range(50):
        sort: Any = chance.choice(["-createdAt", "createdAt", "-totalMinor", "totalMinor"])
        filters = InvoiceFilter(APP, sort=sort, limit=chance.choice([5, 60]), **_filters(chance))
        column = "created_at" if sort.endswith("createdAt") else "total_minor"
        expected = sorted(
            (row for row in rows if _fits(row, filters)),
            key=lambda row: (row[column], row["invoice_id"]),
            reverse=sort.startswith("-"),
        )
        assert _pages(reader, filters, most=3) == [
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
    found = [row for row in numbered.execute(_EXPECTED).fetchall() if _fits(row, filters)]
    expected = sorted(found, key=lambda row: row["created_at"], reverse=True)[: filters.limit]
    session = Session(numbered)
    page = asyncio.run(ListReader(session).page(filters))
    assert [row["invoice_id"] for row in page.rows] == [row["invoice_id"] for row in expected]
    assert session.found == 1


def _pages(reader: ListReader, filters: InvoiceFilter, *, most: int) -> list[UUID]:
    """Follow cursors through so many pages."""
    found: list[UUID] = []
    cursor: str | None = None
    for _ in range(most):
        values = {**vars(filters), "cursor": cursor}
        page = asyncio.run(reader.page(InvoiceFilter(**values)))
        found += [row["invoice_id"] for row in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            break
    return found


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
    rows = numbered.execute(_EXPECTED).fetchall()
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
        expected = sum(_fits(row, filters) for row in rows)
        assert (page.total, page.total_is_exact) == (expected, True), filters


@dataclass
class Renumbering(Session):
    """Gives some invoices other ordinals before it finds the first ones by their places."""

    async def fetch(self, query: Any, parameters: Any = (), **options: Any) -> list[DictRow]:
        if "most_found" in query.as_string(None) and not self.found:
            self.connection.execute(_CHANGED, [503])
            self.connection.execute(_NUMBER, [APP])
        return await super().fetch(query, parameters, **options)


def test_bits_are_read_again_where_invoices_have_got_other_ordinals(
    numbered: psycopg.Connection[DictRow],
) -> None:
    filters = InvoiceFilter(APP, q="blue table", limit=60)
    found = [row for row in numbered.execute(_EXPECTED).fetchall() if _fits(row, filters)]
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
            self.connection.execute(_CHANGED, [251])
        return await super().fetch(query, parameters, **options)


def test_a_total_is_not_exact_where_invoices_have_lost_their_ordinals_since_it_was_counted(
    numbered: psycopg.Connection[DictRow],
) -> None:
    reader = ListReader(Freeing(numbered), few=100)
    filters = InvoiceFilter(APP, q="blue table")
    page = asyncio.run(reader.page(filters))
    assert not page.total_is_exact
    found = sum(_fits(row, filters) for row in numbered.execute(_EXPECTED).fetchall())
    page = asyncio.run(reader.page(filters))
    assert (page.total, page.total_is_exact) == (found, True)
    numbered.execute(_NUMBER, [APP])


def test_a_word_of_an_email_beside_another_common_word_is_looked_up_by_the_invoice(
    numbered: psycopg.Connection[DictRow],
) -> None:
    filters = InvoiceFilter(APP, q="ada orange", limit=60)
    found = [row for row in numbered.execute(_EXPECTED).fetchall() if _fits(row, filters)]
    expected = sorted(found, key=lambda row: row["created_at"], reverse=True)[:180]
    pages = _pages(ListReader(Session(numbered), few=60), filters, most=3)
    assert pages == [row["invoice_id"] for row in expected]


def test_a_cursor_at_the_last_moment_has_no_end_behind_it() -> None:
    filters = InvoiceFilter(APP)
    last = datetime.max.replace(tzinfo=UTC)
    cursor = cursor_after(last, UUID(int=1), name=filters.list_name)
    chosen = choose(replace(filters, cursor=cursor), [Blocks(None, 9)], rows=5)
    assert chosen.period == Period()


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
