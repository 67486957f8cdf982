"""Fill a new generation of the read model with many invoices of one app, table by table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from domain.invoices.view import InvoiceView
from eventlog.database.connect import connect
from projections.engine.fill import parts, run
from projections.engine.tables import Table
from projections.invoices import bulk_load
from projections.invoices.accumulate import SEARCH_TERMS, SumDeltas, search_term_rows
from projections.invoices.invoice_rows import INVOICES, rows_of
from projections.invoices.projector import additions
from projections.invoices.timeline_rows import TIMELINE
from projections.reports.time_units import QUARTER_S
from tests.benchmarks.company import (
    POSITIONS,
    Company,
    FilledInvoice,
    copies_of,
    shift_quarters,
)
from tests.benchmarks.report import say
from tests.benchmarks.summary_statistics import rounded

_BLOCK_ROWS: Final = 5_000
_MOST_TALLIES: Final = 50_000
_FROM_COPIES: Final = """
CROSS JOIN generate_series(1, %(copies)s) AS copy
CROSS JOIN LATERAL make_interval(secs => copy * %(shift_s)s) AS shift
WHERE position > %(after)s
"""
# What only one invoice has is long: its number and the provider's id.
_COPY_TERMS: Final = """
INSERT INTO {schema}.invoice_search_terms (app_id, term, created_at, invoice_id, position)
SELECT app_id, CASE WHEN length(term) > 14 THEN term || '-' || copy ELSE term END,
    created_at + shift, md5(invoice_id::text || copy)::uuid, position + copy * %(step)s
FROM {schema}.invoice_search_terms {copies}
"""
_COPY_TIMELINE: Final = """
INSERT INTO {schema}.timeline (subject_id, position, app_id, kind, type, occurred_at, actor, data)
SELECT md5(subject_id::text || copy)::uuid, position + copy * %(step)s, app_id, kind, type,
    occurred_at + shift, actor, data
FROM {schema}.timeline {copies}
"""
_COPY_INVOICES: Final = """
INSERT INTO {schema}.invoices (invoice_id, app_id, tenant_id, provider, mode, type, status,
    currency, total_minor, user_id, customer, subscription_id, origin, created_at, paid_at,
    capture_before, connection, provider_object_id, at_provider, facet, version, position, view)
SELECT id, app_id, tenant_id, provider, mode, type, status, currency, total_minor, user_id,
    customer, subscription_id, origin, created_at + shift, paid_at + shift, capture_before,
    connection, object_id, at_provider, facet, version, position + copy * %(step)s,
    view || jsonb_build_object('id', id, 'number', (view ->> 'number') || '-' || copy,
        'provider_object_id', object_id, 'created_at', created_at + shift,
        'paid_at', paid_at + shift)
FROM (
    SELECT *, md5(invoice_id::text || copy)::uuid AS id,
        provider_object_id || '-' || copy AS object_id
    FROM {schema}.invoices {copies}
) AS made
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
    """Fill so many invoices, to the next ten, index and analyse them, and let readers see them.

    Of ten, or of more for very many, the database makes all but the first as its copies, some hours
    apart, with ids, numbers and provider's ids of their own. The log's own invoices are folded as
    well. Returns some of the filled ones.
    """
    copies = copies_of(rows)
    with connect(dsn, application_name="benchmark fill") as connection:
        head, number = _new_generation(connection)
        schema = f"read_invoices_g{number}"
        run(bulk_load.fill, parts(dsn, schema, head, number=1), lambda _: None)
        samples = []
        company, deltas = Company(template, position=head, copies=copies), SumDeltas()
        made = -(-rows // copies)
        for start in range(0, made, _BLOCK_ROWS):
            block = [
                company.invoice(n, of=made) for n in range(start, min(start + _BLOCK_ROWS, made))
            ]
            _copy_block(connection, schema, block, deltas, copies=copies)
            if len(deltas) > _MOST_TALLIES:
                _add_up(connection, schema, deltas)
            samples.append(Sample(block[0].view, block[0].view.metadata["order"]))
            say(f"rows: {start:,} of {made:,} invoices, each of which is copied")
        _add_up(connection, schema, deltas)
        _copy_in_database(connection, schema, after=head, copies=copies)
        say("rows: indexes, statistics")
        connection.execute("SET maintenance_work_mem = '512MB'")
        connection.execute("SELECT read.index_generation('invoices', %s)", [number])
        connection.execute(_FOLLOWED, [head, number])
        connection.execute(_FOLLOWING, [number])
        connection.execute("SELECT read.switch_generation('invoices', %s, '0 s')", [number])
        connection.execute("SELECT read.drop_generation('invoices', %s)", [number - 1])
        for (table,) in connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace = %s::regnamespace", [schema],
        ).fetchall():  # fmt: skip
            connection.execute(SQL("VACUUM ANALYZE {}").format(Identifier(schema, table)))
    return samples


def _new_generation(connection: psycopg.Connection[TupleRow]) -> tuple[int, int]:
    row = connection.execute(
        "SELECT coalesce(max(position), 0), read.new_generation('invoices') FROM eventlog.events"
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def _copy_block(
    connection: psycopg.Connection[TupleRow],
    schema: str,
    block: Sequence[FilledInvoice],
    deltas: SumDeltas,
    *,
    copies: int,
) -> None:
    accumulated = [one.accumulated() for one in block]
    copy_rows(connection, schema, INVOICES, rows_of(accumulated))
    copy_rows(connection, schema, SEARCH_TERMS, search_term_rows(accumulated))
    copy_rows(connection, schema, TIMELINE, (entry for one in block for entry in one.entries()))
    for one in block:
        for invoice in one.copies(copies):
            deltas.take(invoice)


def _copy_in_database(
    connection: psycopg.Connection[TupleRow], schema: str, *, after: int, copies: int
) -> None:
    """Copy the rows of invoices, terms and timelines; sums have been added up with the copies."""
    connection.execute("SET timezone = 'UTC'")
    numbers = {
        "copies": copies - 1,
        "after": after,
        "step": POSITIONS,
        "shift_s": shift_quarters(copies) * QUARTER_S,
    }
    for name, query in (("terms", _COPY_TERMS), ("timeline", _COPY_TIMELINE), ("", _COPY_INVOICES)):
        say(f"rows: copies of invoices {name}")
        text = SQL(query).format(schema=Identifier(schema), copies=SQL(_FROM_COPIES))
        connection.execute(text, numbers)


def _add_up(connection: psycopg.Connection[TupleRow], schema: str, deltas: SumDeltas) -> None:
    for query, parameters in additions(deltas, schema=schema):
        connection.execute(query, parameters)
    deltas.clear()


def copy_rows(
    connection: psycopg.Connection[TupleRow],
    schema: str,
    table: Table,
    rows: Any,
) -> None:
    """Add rows by COPY."""
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
