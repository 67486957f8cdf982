"""Fill invoices with bitmaps, without a log, and read their lists as the rows tell."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import DictRow, dict_row

from projections.engine.view_codec import to_json
from projections.invoices.lists.list_reader import ListReader
from projections.invoices.queries import InvoiceFilter
from tests.projections.harness import APP, issue, requested
from tests.projections.random_events import AT
from tests.support.postgres import Server

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
TRACKED = """
INSERT INTO read.invoice_ordinals (invoice_id, app_id, created_at)
SELECT invoice_id, app_id, created_at FROM read.invoices WHERE position >= %s AND position < %s
"""
CHANGED = """
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
NUMBER = f"SELECT read.number_invoices('{SCHEMA}', %s)"
EXPECTED = """
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
    deep: int = 0
    of_first: int = 0
    of_sample: int = 0

    async def fetch(
        self, query: Any, parameters: Any = (), *, is_generic: bool = False
    ) -> list[DictRow]:
        plans = "force_generic_plan" if is_generic else "force_custom_plan"
        self.connection.execute(f"SET plan_cache_mode = {plans}")
        text = query.as_string(None)
        self.counted += "bit_send(bits)" in text and "most_found" not in text
        self.found += "most_found" in text
        self.deep += "block_bits" in text
        self.of_first += "WITH TIES" in text
        self.of_sample += "row_number()" in text
        return self.connection.execute(query, parameters).fetchall()

    async def copy_csv(self, query: Any, parameters: Any = ()) -> list[bytes]:
        raise NotImplementedError


def fill(connection: psycopg.Connection[DictRow], *, rows: int) -> None:
    """Insert invoices, which are not numbered yet, and their search terms."""
    invoice = requested()
    issue(invoice)
    view = to_json(invoice.view).decode()
    connection.execute(_FILL, {"app": APP, "at": AT, "rows": rows, "view": view})
    connection.execute(_TERMS)


@contextmanager
def numbered_invoices(postgres_server: Server) -> Iterator[psycopg.Connection[DictRow]]:
    """34,000 invoices: the newest were added after the middle, then the oldest, then changes."""
    dbname = postgres_server.migrated_database()
    dsn = postgres_server.dsn(dbname)
    with psycopg.connect(dsn, autocommit=True, row_factory=dict_row) as connection:
        fill(connection, rows=ROWS)
        connection.execute(_EMAILS)
        for first, after in ((14_000, 31_000), (31_000, ROWS + 1), (1, 14_000)):
            connection.execute(TRACKED, [first, after])
            connection.execute(NUMBER, [APP])
        connection.execute(CHANGED, [9])
        connection.execute(NUMBER, [APP])
        connection.execute(_VOID)
        connection.execute(_FACETS)
        connection.execute(CHANGED, [999])
        connection.execute("VACUUM ANALYZE")
        yield connection
    postgres_server.drop(dbname)


def random_filters(chance: Random) -> dict[str, Any]:
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


def fits(row: DictRow, filters: InvoiceFilter) -> bool:
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


def pages(reader: ListReader, filters: InvoiceFilter, *, most: int) -> list[UUID]:
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
