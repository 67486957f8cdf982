"""Build keyset-paged lists: filter conditions, the condition after a cursor, and the page."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Final, Generic, TypeVar
from uuid import UUID

from psycopg.rows import DictRow
from psycopg.sql import SQL, Composable, Identifier, Placeholder

from projections.engine import cursors
from projections.engine.cursors import PageKey

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

COUNTED_EXACTLY: Final = 10_000
_PAGING: Final = ("limit", "cursor", "page")

Parameters = dict[str, object]
Row = TypeVar("Row")


@dataclass(frozen=True)
class Page(Generic[Row]):
    """A page of a list; `total` is 10,000 where there are more and it is not exact."""

    rows: list[Row]
    total: int
    total_is_exact: bool
    next_cursor: str | None


def list_name(kind: str, filters: "DataclassInstance") -> str:
    """Name a list by its kind, filter and order, so that a cursor of another list is refused."""
    names = (field.name for field in fields(filters) if field.name not in _PAGING)
    values = {name: getattr(filters, name) for name in names}
    for name, value in values.items():
        if isinstance(value, tuple):
            values[name] = sorted(set(value))
    return cursors.fingerprint(kind, values)


def equal_conditions(filters: object, names: Sequence[str]) -> Iterator[Composable]:
    """Write `column = value` for each filter that is given."""
    for name in names:
        if getattr(filters, name) is not None:
            yield SQL("{} = {}").format(Identifier(name), Placeholder(name))


def bound_conditions(filters: object, bounds: Mapping[str, SQL]) -> Iterator[Composable]:
    """Write the condition of each bound that is given."""
    for name, condition in bounds.items():
        if getattr(filters, name) is not None:
            yield condition


def any_of(column: str, values: Sequence[str]) -> Iterator[Composable]:
    """Write that a text column is one of the values; nothing without values.

    One value is compared with `=`, so that an index on it gives the rows in the list's order.
    """
    names = {"column": Identifier(column), "values": Placeholder(column)}
    if len(values) == 1:
        yield SQL("{column} = ({values}::text[])[1]").format(**names)
    elif values:
        yield SQL("{column} = ANY({values}::text[])").format(**names)


def after_cursor(
    cursor: str | None, *, name: str, key: Composable, row_id: str, descending: bool, is_time: bool
) -> tuple[Composable, Parameters]:
    """Write the condition for the rows after a cursor, with its parameters. Raises BadCursor."""
    if cursor is None:
        return SQL("true"), {}
    page_key = cursors.read(cursor, list_name=name)
    condition = SQL("({key}, {row_id}) {side} (%(after)s, %(after_id)s)").format(
        key=key, row_id=Identifier(row_id), side=SQL("<" if descending else ">")
    )
    value = cursors.from_microseconds(page_key.value) if is_time else page_key.value
    return condition, {"after": value, "after_id": page_key.id}


def cursor_after(key: datetime | int, row_id: UUID, *, name: str) -> str:
    """Write the cursor that continues after a row."""
    value = cursors.to_microseconds(key) if isinstance(key, datetime) else key
    return cursors.write(PageKey(value, row_id), list_name=name)


def cut(
    found: Sequence[DictRow], *, limit: int, next_cursor: Callable[[DictRow], str]
) -> tuple[list[DictRow], str | None]:
    """Cut the row beyond the limit, which shows that there are more; return the next cursor."""
    if len(found) <= limit:
        return list(found), None
    return list(found[:limit]), next_cursor(found[limit - 1])


def page_of(
    found: Sequence[DictRow],
    *,
    row_id: str,
    limit: int,
    row: Callable[[DictRow], Row],
    next_cursor: Callable[[DictRow], str],
) -> Page[Row]:
    """Read a page from rows that have the total beside them; an empty page is one row of NULLs."""
    total = found[0]["total"]
    present = [known for known in found if known[row_id] is not None]
    rows, following = cut(present, limit=limit, next_cursor=next_cursor)
    return Page(
        rows=[row(known) for known in rows],
        total=min(total, COUNTED_EXACTLY),
        total_is_exact=total <= COUNTED_EXACTLY,
        next_cursor=following,
    )
