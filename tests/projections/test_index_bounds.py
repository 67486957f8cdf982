"""No value that is recorded is too long for an index, so that no follower stops at one."""

from __future__ import annotations

from typing import Final

import psycopg

from eventlog.field_types import KEY_LENGTH, longest_key
from projections.reports.invoice_sums import LONGEST_NAME

# A page of 8 KiB holds three entries. PostgreSQL docs: B-Tree indexes.
LONGEST_ENTRY: Final = 2_704
_BYTES_PER_CHARACTER: Final = 4
_OVERHEAD: Final = 8
_FIXED: Final = {
    "uuid": 16,
    "int8": 8,
    "int4": 4,
    "timestamptz": 8,
    "bool": 1,
    "date": 4,
    "bytea": 32,
}

_EXPRESSIONS: Final = {
    "(true)": 1,  # of a table with one row
    "COALESCE(total_minor, 0::bigint)": 8,
    "((paid_at AT TIME ZONE 'UTC'::text)::date)": 8,
    "date_trunc('month'::text, (paid_at AT TIME ZONE 'UTC'::text))": 8,
    "substr(term, 1, 4)": 4 * _BYTES_PER_CHARACTER + 4,
}

# Texts that are not fields of events, or bounded where callers name them. In characters.
TEXTS: Final = {
    "connections.name": 64,
    "invoice_search_terms.term": 64,
    "tenant_email_terms.term": 64,
    # The filter's name and its value.
    "invoice_bitmaps.value": 16 + KEY_LENGTH,
    "invoice_common_values.value": 16 + KEY_LENGTH,
    "apps.token_issuer": KEY_LENGTH,
    "apps.token_audience": KEY_LENGTH,
    "api_keys.key_sha256": 64,
    "invoices.status": 32,
    "subscriptions.status": 32,
    "deliveries.state": 16,
    "drift.field_root": 32,
    "drift.found_by": 32,
    "drift.state": 16,
    "invoice_sums.kind": 32,
    "invoice_sums.unit": 8,
    "invoice_totals.kind": 32,
    "invoice_shares.kind": 32,
    "invoice_shares.unit": 8,
    "invoice_shares.name": LONGEST_NAME,
    "recurring_movements.kind": 32,
    "recurring_sums.kind": 32,
    "recurring_sums.unit": 8,
    "open_items.part": 8 + KEY_LENGTH,  # the part's kind and its id at the provider
    "jobs.key": 80 + KEY_LENGTH,  # the job's name, our ids and one of the provider's
    "followers.name": 64,
    "follower_failures.name": 64,
    "checkpoints.name": 64,
    "workers.lane": 32,
    "migrations.component": 32,
    "runtime_roles.name": 64,
    "generations.projection": 32,
    "generations.follower": 64,
    "generations.schema": 64,
}

_INDEXED: Final = """
SELECT index.indexrelid::regclass::text, class.relname, key.number,
    coalesce(attribute.attname, pg_get_indexdef(index.indexrelid, key.number, true)),
    coalesce(type.typname, 'text')
FROM pg_index AS index
JOIN pg_class AS class ON class.oid = index.indrelid
JOIN pg_class AS entry ON entry.oid = index.indexrelid
JOIN pg_am AS method ON method.oid = entry.relam AND method.amname = 'btree'
JOIN pg_namespace AS schema ON schema.oid = class.relnamespace
CROSS JOIN generate_series(1, index.indnkeyatts) AS key (number)
LEFT JOIN pg_attribute AS attribute
    ON attribute.attrelid = index.indrelid AND attribute.attnum = index.indkey[key.number - 1]
LEFT JOIN pg_type AS type ON type.oid = attribute.atttypid
WHERE schema.nspname IN ('eventlog', 'read', 'work', 'inbox') OR schema.nspname LIKE 'read\\_%'
ORDER BY 1, 3
"""


def bytes_of(table: str, column: str, kind: str) -> int | None:
    """Return the most bytes of a column or of an expression; None if it has no bound."""
    if kind != "text":
        return _FIXED.get(kind)
    if column in _EXPRESSIONS:
        return _EXPRESSIONS[column]
    if column.startswith("(settings ->> "):
        column = column.split("'")[1]
    characters = TEXTS.get(f"{table}.{column}", longest_key(column))
    return None if characters is None else characters * _BYTES_PER_CHARACTER + 4


def test_every_index_has_room_for_the_longest_values(database: str) -> None:
    with psycopg.connect(database) as connection:
        rows = connection.execute(_INDEXED).fetchall()
    sizes: dict[str, int] = {}
    unbounded = []
    for index, table, _, column, kind in rows:
        size = bytes_of(table, column, kind)
        if size is None:
            unbounded.append(f"{table}.{column}")
        else:
            sizes[index] = sizes.get(index, _OVERHEAD) + size
    assert unbounded == []
    assert len(sizes) > 50
    assert {index: size for index, size in sizes.items() if size > LONGEST_ENTRY} == {}
