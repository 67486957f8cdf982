"""Copy filled invoices within the database, with what is counted and summed of them."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import psycopg
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composable, Composed, Identifier

from eventlog.database.connect import connect
from projections.engine.tables import Table
from projections.reports.invoice_sums import SHARES, SUMMED, SUMS
from projections.reports.time_units import QUARTER_S, QUARTERS
from tests.benchmarks.company import POSITIONS, shift_quarters
from tests.benchmarks.report import say

Work = Callable[[psycopg.Connection[TupleRow]], object]
_SESSIONS: Final = 2
_SETTINGS: Final = {
    "timezone": "UTC",
    "synchronous_commit": "off",
    "work_mem": "256MB",
    "maintenance_work_mem": "512MB",
}
_FROM_COPIES: Final = SQL(
    """
CROSS JOIN generate_series(1, %(copies)s) AS copy
CROSS JOIN LATERAL make_interval(secs => copy * %(shift_s)s) AS shift
WHERE position > %(after)s
"""
)
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
# What is counted by the first invoices alone.
_COUNT_FACETS: Final = "UPDATE {schema}.invoice_facets SET items = items * %(every)s"
_ADD_UP_TOTALS: Final = """
UPDATE {schema}.invoice_totals SET amount_minor = amount_minor * %(every)s,
    items = items * %(every)s
"""
_COUNT_DAYS: Final = """
INSERT INTO {schema}.invoice_days AS known (app_id, connection, day, at_provider, position)
SELECT app_id, connection, created_at::date, count(*), max(position)
FROM {schema}.invoices WHERE at_provider AND position > %(after)s GROUP BY 1, 2, 3
ON CONFLICT (app_id, connection, day) DO UPDATE
    SET at_provider = excluded.at_provider, position = excluded.position
"""
_ADD_UP: Final = SQL(
    """
WITH quarters AS MATERIALIZED (
    SELECT {by}, number + copy * %(quarters)s AS number, {sums}, max(position) AS position
    FROM {table} CROSS JOIN generate_series(1, %(copies)s) AS copy
    WHERE unit = 'quarter' GROUP BY {by}, number + copy * %(quarters)s
)
INSERT INTO {table} AS known ({by}, unit, number, {summed}, position)
SELECT {by}, units.unit, number / size, {sums}, max(position)
FROM quarters CROSS JOIN unnest(%(units)s::text[], %(sizes)s::int[]) AS units (unit, size)
GROUP BY {by}, units.unit, number / size
ON CONFLICT ({by}, unit, number) DO UPDATE SET {added}
"""
)


def make(dsn: str, schema: str, *, after: int, copies: int, with_timeline: bool) -> None:
    """Make the copies of all invoices behind a position; `copies` counts the first ones as well."""
    shift = shift_quarters(copies)
    numbers = {
        "copies": copies - 1,
        "every": copies,
        "after": after,
        "step": POSITIONS,
        "shift_s": shift * QUARTER_S,
        "quarters": shift,
        "units": list(QUARTERS),
        "sizes": list(QUARTERS.values()),
    }
    timeline = [_COPY_TIMELINE] if with_timeline else []
    texts = (_COPY_INVOICES, _COPY_TERMS, *timeline, _COUNT_FACETS, _ADD_UP_TOTALS)
    names = {"schema": Identifier(schema), "copies": _FROM_COPIES}
    say("rows: copies")
    sums = [_adding(schema, SUMS, SUMMED), _adding(schema, SHARES, ("items",))]
    together(dsn, [*(SQL(text).format(**names) for text in texts), *sums], numbers)
    together(dsn, [SQL(_COUNT_DAYS).format(**names)], numbers)


def _adding(schema: str, table: Table, summed: Sequence[str]) -> Composed:
    """Write the statement that adds the sums of all copies, by each unit of time."""
    comma = SQL(", ")
    by = [Identifier(name) for name in table.key if name not in ("unit", "number")]
    names = [Identifier(name) for name in summed]
    return _ADD_UP.format(
        table=table.within(schema),
        by=comma.join(by),
        summed=comma.join(names),
        sums=comma.join(SQL("sum({name}) AS {name}").format(name=name) for name in names),
        added=comma.join(
            SQL("{name} = known.{name} + excluded.{name}").format(name=name) for name in names
        ),
    )


def together(
    dsn: str, statements: Sequence[Composable], parameters: Mapping[str, Any] | Sequence[Any]
) -> None:
    """Run statements that do not depend on each other, in two sessions."""

    def work(statement: Composable) -> Work:
        return lambda connection: connection.execute(SQL("{}").format(statement), parameters)

    all_of(dsn, [work(one) for one in statements])


def all_of(dsn: str, work: Sequence[Work]) -> None:
    """Call functions that do not depend on each other, in two sessions."""

    def execute(one: Work) -> None:
        with connect(dsn, application_name="benchmark fill", settings=_SETTINGS) as connection:
            one(connection)

    with ThreadPoolExecutor(_SESSIONS) as sessions:
        list(sessions.map(execute, work))
