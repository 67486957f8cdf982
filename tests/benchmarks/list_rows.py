"""Fill a new generation of the read model with many invoices of one app, table by table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composed, Identifier, Literal

from domain.invoices.view import InvoiceView
from eventlog.database.connect import connect
from projections.engine.fill import parts, run
from projections.engine.tables import Table
from projections.invoices import bulk_load, ordinals
from projections.invoices.accumulate import SumDeltas
from projections.invoices.invoice_rows import INVOICES, rows_of
from projections.invoices.projector import additions
from projections.invoices.search_term_rows import SEARCH_TERMS, search_term_rows
from projections.invoices.timeline_rows import TIMELINE
from tests.benchmarks import list_copies
from tests.benchmarks.company import Company, FilledInvoice, copies_of
from tests.benchmarks.list_copies import together
from tests.benchmarks.report import say
from tests.benchmarks.summary_statistics import rounded

_BLOCK_ROWS: Final = 1_000
_LARGE: Final = ("invoice_search_terms", "invoices", "timeline")
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


def fill(dsn: str, template: InvoiceView, *, rows: int, with_timeline: bool) -> list[Sample]:
    """Fill so many invoices, to the next ten, index and analyse them, and let readers see them.

    Of ten, or of more for very many, the database makes all but the first as its copies, some hours
    apart, with ids, numbers and provider's ids of their own. The log's own invoices are folded as
    well. The tables are unlogged, which saves time and disk: nothing changes them later.
    `with_timeline`: of the copies as well. Returns some of the filled ones.
    """
    copies = copies_of(rows)
    with connect(dsn, application_name="benchmark fill") as connection:
        head, number = _new_generation(connection)
        schema = f"read_invoices_g{number}"
        company = Company(template, position=head, copies=copies)
        for table in [*_LARGE, *_other_tables(connection, schema)]:
            name = Identifier(schema, table)
            connection.execute(SQL("ALTER TABLE {} SET UNLOGGED").format(name))
        samples = _fill_first(connection, schema, company, several=-(-rows // copies))
        list_copies.make(dsn, schema, after=head, copies=copies, with_timeline=with_timeline)
        run(bulk_load.fill, parts(dsn, schema, head, number=1), lambda _: None)
        say("rows: indexes, statistics")
        together(dsn, [_index_query(table) for table in _LARGE], [number])
        # Terms are then read from their index alone.
        _vacuum(connection, schema, _LARGE)
        say("rows: bitmaps")
        others = _other_tables(connection, schema)
        for table in others:
            connection.execute(_index_query(table), [number])
        connection.execute(SQL("ANALYZE {}").format(Identifier(schema, "invoice_ordinals")))
        list_copies.all_of(dsn, ordinals.bits_of_blocks(connection, schema))
        connection.execute(_FOLLOWED, [head, number])
        connection.execute(_FOLLOWING, [number])
        connection.execute("SELECT read.switch_generation('invoices', %s, '0 s')", [number])
        connection.execute("SELECT read.drop_generation('invoices', %s)", [number - 1])
        _vacuum(connection, schema, others)
    return samples


def _vacuum(connection: psycopg.Connection[TupleRow], schema: str, tables: Sequence[str]) -> None:
    for table in tables:
        connection.execute(SQL("VACUUM ANALYZE {}").format(Identifier(schema, table)))


def _index_query(table: str) -> Composed:
    return SQL("SELECT read.index_table('invoices', %s, {})").format(Literal(table))


def _other_tables(connection: psycopg.Connection[TupleRow], schema: str) -> list[str]:
    """Return the tables without those that are indexed first, whose rows bitmaps are made of."""
    found = connection.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = %s::regnamespace"
        " AND relname <> ALL(%s) ORDER BY relname", [schema, list(_LARGE)],
    ).fetchall()  # fmt: skip
    return [table for (table,) in found]


def _new_generation(connection: psycopg.Connection[TupleRow]) -> tuple[int, int]:
    row = connection.execute(
        "SELECT coalesce(max(position), 0), read.new_generation('invoices') FROM eventlog.events"
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def _fill_first(
    connection: psycopg.Connection[TupleRow], schema: str, company: Company, *, several: int
) -> list[Sample]:
    """Fill the invoices that the others are copies of."""
    samples, deltas = [], SumDeltas()
    for start in range(0, several, _BLOCK_ROWS):
        block = [
            company.invoice(n, of=several) for n in range(start, min(start + _BLOCK_ROWS, several))
        ]
        _copy_block(connection, schema, block, deltas)
        samples.append(Sample(block[0].view, block[0].view.metadata["order"]))
        say(f"rows: {start:,} of {several:,} invoices, each of which is copied")
    for query, parameters in additions(deltas, schema=schema):
        connection.execute(query, parameters)
    return samples


def _copy_block(
    connection: psycopg.Connection[TupleRow],
    schema: str,
    block: Sequence[FilledInvoice],
    deltas: SumDeltas,
) -> None:
    accumulated = [one.accumulated() for one in block]
    copy_rows(connection, schema, INVOICES, rows_of(accumulated))
    copy_rows(connection, schema, SEARCH_TERMS, search_term_rows(accumulated))
    copy_rows(connection, schema, TIMELINE, (entry for one in block for entry in one.entries()))
    for one in accumulated:
        deltas.take(one)


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
