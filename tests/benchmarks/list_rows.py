"""Fill a new generation of the read model with many invoices of one app, table by table."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final
from uuid import UUID

import orjson
import psycopg
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from domain.invoices.view import InvoiceView
from eventlog.database.connect import connect
from projections.engine.fill import parts, run
from projections.engine.tables import Table
from projections.engine.view_codec import from_json, to_json
from projections.invoices import bulk_load
from projections.invoices.accumulate import SEARCH_TERMS, InvoiceAccumulator, search_term_rows
from projections.invoices.projector import INVOICES, rows_of
from projections.invoices.search_terms import index_terms, term_sources
from projections.invoices.timeline_rows import TIMELINE
from tests.benchmarks.report import say
from tests.benchmarks.summary_statistics import rounded

TENANTS: Final = 2_000
END: Final = datetime(2026, 11, 1, tzinfo=UTC)
_PERIOD_S: Final = 3 * 365 * 24 * 3600
_BLOCK_ROWS: Final = 5_000
_SEED: Final = 17
# Shares in percent. Words and values are common, rare, or in one invoice alone.
_CONNECTIONS: Final = {"stripe-1": 70, "stripe-live": 15, "mollie-1": 15}
_STATUSES: Final = {
    "paid": 82, "open": 5, "failed": 4, "void": 3, "uncollectible": 2, "draft": 1.5,
    "canceled": 1, "expired": 0.5, "processing": 0.5, "requires_action": 0.5,
}  # fmt: skip
_CURRENCIES: Final = {"eur": 70, "usd": 20, "gbp": 7, "chf": 2.5, "jpy": 0.5}
_KINDS: Final = {
    ("payment", "request"): 45, ("subscription", "renewal"): 35, ("payment", "import"): 10,
    ("subscription", "request"): 5, ("payment", "provider"): 5,
}  # fmt: skip
COLORS: Final = ("blue", "red", "green", "black", "white")
THINGS: Final = ("chair", "table", "lamp", "shelf", "desk", "sofa", "bed", "rug")
REGIONS: Final = ("north", "south", "east", "west")
_LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_UNPAID: Final = frozenset({"open", "failed", "processing", "requires_action"})

_SUMS: Final = """
INSERT INTO {schema}.invoice_quarters
SELECT app_id, mode, currency, provider, connection, kind, quarter, sum(total_minor), count(*),
    max(position)
FROM (
    SELECT *, 'collected' AS kind, floor(extract(epoch FROM paid_at) / 900)::bigint AS quarter
        FROM {schema}.invoices WHERE paid_at IS NOT NULL
    UNION ALL SELECT *, 'outstanding', ceil(extract(epoch FROM created_at) / 900)::bigint + 96
        FROM {schema}.invoices WHERE status IN ('open', 'failed', 'processing', 'requires_action')
) AS part WHERE app_id = %(app_id)s
GROUP BY app_id, mode, currency, provider, connection, kind, quarter
ON CONFLICT DO NOTHING
"""
_TOTALS: Final = """
INSERT INTO {schema}.invoice_totals
SELECT app_id, mode, currency, provider, connection, kind, sum(amount_minor), sum(items),
    max(position)
FROM {schema}.invoice_quarters WHERE app_id = %(app_id)s
GROUP BY app_id, mode, currency, provider, connection, kind
ON CONFLICT DO NOTHING
"""
_FACETS: Final = """
INSERT INTO {schema}.invoice_facets
SELECT app_id, facet, provider, connection, mode, type, origin, status, currency, at_provider,
    tenant_id IS NOT NULL, count(*), max(position)
FROM {schema}.invoices WHERE app_id = %(app_id)s GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
ON CONFLICT (app_id, facet) DO UPDATE SET items = excluded.items
"""
_DAYS: Final = """
INSERT INTO {schema}.invoice_days
SELECT app_id, connection, (created_at AT TIME ZONE 'UTC')::date, count(*), max(position)
FROM {schema}.invoices WHERE app_id = %(app_id)s AND at_provider GROUP BY 1, 2, 3
ON CONFLICT (app_id, connection, day) DO UPDATE SET at_provider = excluded.at_provider
"""
_FOLLOWED: Final = (
    "INSERT INTO eventlog.followers SELECT follower, %s, clock_timestamp()"
    " FROM read.generations WHERE projection = 'invoices' AND number = %s"
)
_FOLLOWING: Final = (
    "UPDATE read.generations SET state = 'following' WHERE projection = 'invoices' AND number = %s"
)


@dataclass(frozen=True)
class Sample:
    """Values of one filled invoice, by which it can be found again."""

    view: InvoiceView
    order: str


def fill(dsn: str, template: InvoiceView, *, rows: int) -> list[Sample]:
    """Fill so many invoices, index and analyse them, and let readers see them.

    The log's own invoices are folded as well. Returns some of the filled ones.
    """
    with connect(dsn, application_name="benchmark fill") as connection:
        head, number = _new_generation(connection)
        schema = f"read_invoices_g{number}"
        run(bulk_load.fill, parts(dsn, schema, head, number=1), lambda _: None)
        samples = []
        company = _Company(template, position=head)
        for start in range(0, rows, _BLOCK_ROWS):
            block = [
                company.invoice(n, of=rows) for n in range(start, min(start + _BLOCK_ROWS, rows))
            ]
            _copy_block(connection, schema, block)
            samples.append(Sample(block[0].view, block[0].view.metadata["order"]))
            if start % 100_000 == 0:
                say(f"lists: {start:,} of {rows:,} rows")
        say("lists: sums, indexes, statistics")
        for query in (_FACETS, _DAYS, _SUMS, _TOTALS):
            _execute(connection, query, schema, app_id=template.app_id)
        connection.execute("SET maintenance_work_mem = '512MB'")
        connection.execute("SELECT read.index_generation('invoices', %s)", [number])
        connection.execute(_FOLLOWED, [head, number])
        connection.execute(_FOLLOWING, [number])
        connection.execute("SELECT read.switch_generation('invoices', %s, '0 s')", [number])
        connection.execute("SELECT read.drop_generation('invoices', %s)", [number - 1])
        for table in ("invoices", "invoice_search_terms", "timeline"):
            connection.execute(SQL("VACUUM ANALYZE {}").format(Identifier(schema, table)))
    return samples


def _new_generation(connection: psycopg.Connection[TupleRow]) -> tuple[int, int]:
    row = connection.execute(
        "SELECT coalesce(max(position), 0), read.new_generation('invoices') FROM eventlog.events"
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def _execute(
    connection: psycopg.Connection[TupleRow], query: str, schema: str, *, app_id: UUID
) -> None:
    text = SQL(query).format(schema=Identifier(schema))
    connection.execute(text, {"app_id": app_id})


def _copy_block(
    connection: psycopg.Connection[TupleRow], schema: str, block: list["_Filled"]
) -> None:
    accumulated = [
        InvoiceAccumulator(one.view, 3, one.position, terms=dict.fromkeys(one.terms, one.position))
        for one in block
    ]
    _copy(connection, schema, INVOICES, rows_of(accumulated))
    _copy(connection, schema, SEARCH_TERMS, search_term_rows(accumulated))
    _copy(connection, schema, TIMELINE, (entry for one in block for entry in one.entries()))


def _copy(connection: psycopg.Connection[TupleRow], schema: str, table: Table, rows: Any) -> None:
    columns = SQL(", ").join(map(Identifier, table.columns))
    query = SQL("COPY {} ({}) FROM STDIN").format(table.within(schema), columns)
    lines = ["\t".join([_text(row[name]) for name in table.columns]) for row in rows]
    with connection.cursor() as cursor, cursor.copy(query) as copying:
        copying.write("\n".join(lines) + "\n")


def _text(value: object) -> str:
    """Write a value of COPY's text format; nothing here has a tab or a backslash."""
    if value is None:
        return "\\N"
    return value.decode() if isinstance(value, bytes) else str(value)


@dataclass(frozen=True, slots=True)
class _Filled:
    """An invoice on its way into the tables."""

    view: InvoiceView
    position: int
    terms: Mapping[str, None]

    def entries(self) -> Iterator[dict[str, object]]:
        """Yield a row of the timeline for the request, and one for the payment."""
        types = {"paid": "invoice.payment_succeeded", "failed": "invoice.payment_failed"}
        yield self._entry("invoice.requested", 0)
        if self.view.status in types:
            yield self._entry(types[self.view.status], 1)
        if self.view.amount_refunded_minor:
            yield self._entry("invoice.refund_succeeded", 2)

    def _entry(self, kind: str, step: int) -> dict[str, object]:
        return {
            "subject_id": self.view.id,
            "position": self.position + step,
            "app_id": self.view.app_id,
            "kind": "invoice",
            "type": kind,
            "occurred_at": self.view.created_at,
            "actor": "worker",
            "data": orjson.dumps({"amountMinor": self.view.total_minor}),
        }


class _Company:
    """Invoices of a company that grows for three years, the same ones in each run."""

    def __init__(self, template: InvoiceView, *, position: int) -> None:
        self._chance = Random(_SEED)  # noqa: S311 - no secret
        self._template = to_json(template)
        self._position = position

    def invoice(self, number: int, *, of: int) -> _Filled:
        """Return the invoice with a number, out of so many."""
        chance = self._chance
        view = from_json(self._template)
        tenant = int(TENANTS * chance.random() ** 3)
        created_at = END - timedelta(seconds=_PERIOD_S * (1 - math.sqrt((number + 0.5) / of)))
        view.id = UUID(int=chance.getrandbits(128), version=4)
        view.created_at = created_at.replace(microsecond=0)
        view.connection = _one_of(chance, _CONNECTIONS)
        view.provider = view.connection.partition("-")[0]
        view.mode = "live" if view.connection == "stripe-live" else "test"
        view.type, view.origin = _one_of(chance, _KINDS)
        view.status = _one_of(chance, _STATUSES)
        view.currency = _one_of(chance, _CURRENCIES)
        view.tenant_id = None if chance.random() < 0.01 else UUID(int=tenant + 1)
        view.user_id = f"user_{tenant}_{chance.randrange(5)}" if chance.random() < 0.5 else None
        view.customer = f"cus_{tenant:05d}{view.connection[-1]}{chance.randrange(3)}"
        if view.type == "subscription":
            view.subscription_id = f"sub_{tenant:05d}{chance.randrange(20):02d}"
        view.number = f"INV-{created_at.year}-{number:07d}"
        letters = "".join(chance.choices(_LETTERS, k=14))
        view.provider_object_id = f"in_1{letters}" if view.provider == "stripe" else f"tr_{letters}"
        view.metadata = {
            "order": f"{chance.choice(COLORS)} {chance.choice(THINGS)} {number % 5_000}",
            "region": chance.choice(REGIONS),
        }
        self._set_money(view)
        self._position += 3
        return _Filled(view, self._position, index_terms(term_sources(view)))

    def _set_money(self, view: InvoiceView) -> None:
        chance = self._chance
        view.total_minor = int(min(chance.lognormvariate(8.5, 1.2), 9e7))
        view.amount_paid_minor, view.amount_due_minor, view.paid_at = 0, 0, None
        if view.status == "paid":
            view.amount_paid_minor = view.total_minor
            view.paid_at = view.created_at + timedelta(seconds=int(chance.expovariate(1 / 90_000)))
            if chance.random() < 0.02:
                view.amount_refunded_minor = view.total_minor // 2
        elif view.status in _UNPAID:
            view.amount_due_minor = view.total_minor


def _one_of(chance: Random, shares: Mapping[Any, float]) -> Any:
    return chance.choices(list(shares), weights=list(shares.values()))[0]


def table_sizes(dsn: str) -> dict[str, float]:
    """Return the megabytes of the invoices' tables and of their indexes."""
    with connect(dsn, application_name="benchmark") as connection:
        rows = connection.execute(
            "SELECT relname, pg_table_size(oid), pg_indexes_size(oid) FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace::regnamespace::text LIKE 'read\\_invoices\\_g%'"
        ).fetchall()
    found: dict[str, float] = {}
    for name, table, indexes in rows:
        found[f"{name}_mb"] = rounded(table / 2**20)
        found[f"{name}_indexes_mb"] = rounded(indexes / 2**20)
    return found
