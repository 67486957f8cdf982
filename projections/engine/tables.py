"""Rows to tables, a whole batch in one statement. A row's bytes are JSON, written already."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any
from uuid import UUID

import orjson
from psycopg.sql import SQL, Composable, Composed, Identifier, Placeholder
from psycopg.types.json import Jsonb

from eventlog.database.statements import Statement
from eventlog.follow.handler import Cursor
from projections.engine.binary_values import array

Row = Mapping[str, object]
Key = tuple[UUID, ...]
Rows = dict[Key, dict[str, Any]]


@dataclass(frozen=True)
class Table:
    """A table of a generation: its name, its key and its columns, the key's among them.

    `types`: of the columns, where rows come in their order. The database is then given each column
    as an array, which it reads in less time than JSON.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    types: tuple[str, ...] = ()

    def within(self, schema: str) -> Identifier:
        """Name the table of one generation."""
        return Identifier(schema, self.name)


async def load(cursor: Cursor, table: Table, keys: Collection[Key], *, schema: str) -> Rows:
    """Read rows by their keys; those that are not there are missing."""
    if not keys:
        return {}
    columns = [list(column) for column in zip(*keys, strict=True)]
    await cursor.execute(_load_query(table, schema), columns)
    rows = [dict(zip(table.columns, row, strict=True)) for row in await cursor.fetchall()]
    return {tuple(row[column] for column in table.key): row for row in rows}


@lru_cache
def _load_query(table: Table, schema: str) -> bytes:
    query = SQL("SELECT {columns} FROM {table} WHERE ({key}) IN (SELECT * FROM unnest({keys}))")
    return query.format(
        columns=_names(table.columns),
        table=table.within(schema),
        key=_names(table.key),
        keys=SQL(", ").join(SQL("%s::uuid[]") for _ in table.key),
    ).as_bytes()


async def insert(cursor: Cursor, table: Table, rows: Sequence[Row], *, schema: str) -> None:
    """Add rows that cannot be there yet; one that is raises."""
    if rows:
        await cursor.execute(*inserting(table, rows, schema=schema))


async def upsert(cursor: Cursor, table: Table, rows: Sequence[Row], *, schema: str) -> None:
    """Add rows, or put them in the place of those with the same key."""
    if rows:
        await cursor.execute(*upserting(table, rows, schema=schema))


def inserting(table: Table, rows: Sequence[Row], *, schema: str) -> Statement:
    """Write the statement that adds rows that cannot be there yet."""
    return _insert_query(table, schema), _parameters(table, rows)


def upserting(table: Table, rows: Sequence[Row], *, schema: str) -> Statement:
    """Write the statement that adds rows, or puts them in the place of those with the same key."""
    return _upsert_query(table, schema), _parameters(table, rows)


def inserting_new(table: Table, rows: Sequence[Row], *, schema: str) -> Statement:
    """Write the statement that adds rows; those that are there already stay as they are."""
    return _insert_new_query(table, schema), _parameters(table, rows)


@lru_cache
def _insert_query(table: Table, schema: str) -> bytes:
    return _insert(table, schema).as_bytes()


@lru_cache
def _upsert_query(table: Table, schema: str) -> bytes:
    assignments = SQL(", ").join(
        SQL("{column} = excluded.{column}").format(column=Identifier(column))
        for column in table.columns
        if column not in table.key
    )
    query = SQL("{insert} ON CONFLICT ({key}) DO UPDATE SET {assignments}")
    return query.format(
        insert=_insert(table, schema), key=_names(table.key), assignments=assignments
    ).as_bytes()


def adding(table: Table, rows: Sequence[Row], *, summed: Sequence[str], schema: str) -> Statement:
    """Write the statement that adds rows, or what is `summed` in them to those with the same key.

    Of two positions the later one stays.
    """
    return _adding_query(table, tuple(summed), schema), _parameters(table, rows)


@lru_cache
def _adding_query(table: Table, summed: tuple[str, ...], schema: str) -> bytes:
    assignments: list[Composable] = [
        SQL("{column} = known.{column} + excluded.{column}").format(column=Identifier(column))
        for column in summed
    ]
    assignments.append(SQL("position = greatest(known.position, excluded.position)"))
    query = SQL("{insert} ON CONFLICT ({key}) DO UPDATE SET {assignments}")
    return query.format(
        insert=_insert(table, schema, alias="known"),
        key=_names(table.key),
        assignments=SQL(", ").join(assignments),
    ).as_bytes()


@lru_cache
def _insert_new_query(table: Table, schema: str) -> bytes:
    return SQL("{insert} ON CONFLICT DO NOTHING").format(insert=_insert(table, schema)).as_bytes()


def _insert(table: Table, schema: str, *, alias: str | None = None) -> Composed:
    """Build an INSERT of the rows that `_parameters` writes."""
    name = table.within(schema)
    source = (
        SQL("unnest({}) AS given ({})").format(
            SQL(", ").join(Placeholder() for _ in table.types), _names(table.columns)
        )
        if table.types
        else SQL("jsonb_populate_recordset(NULL::{}, {})").format(name, Placeholder())
    )
    return SQL("INSERT INTO {table} {alias} ({columns}) SELECT {columns} FROM {source}").format(
        table=name,
        alias=SQL("") if alias is None else SQL("AS {}").format(Identifier(alias)),
        columns=_names(table.columns),
        source=source,
    )


def _parameters(table: Table, rows: Sequence[Row]) -> Sequence[object]:
    """Write all rows as an array for each column, or as one JSON: the table has the types then."""
    if table.types:
        columns = zip(*[row.values() for row in rows], strict=True)
        return [array(kind, column) for kind, column in zip(table.types, columns, strict=True)]
    return [Jsonb(rows, dumps=partial(orjson.dumps, default=orjson.Fragment))]


def _names(columns: Sequence[str]) -> Composed:
    return SQL(", ").join(map(Identifier, columns))
