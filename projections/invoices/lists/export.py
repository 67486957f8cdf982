"""Select fields of stored views as text of CSV, for lists of any length.

PostgreSQL decompresses a view once, reads the wanted fields of it, writes times and metadata as
responses have them, and quotes cells. Neither a view's other fields nor cells reach the reader's
process, but for what only that process can add: see `PLACE`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final
from uuid import UUID

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal, Placeholder

from domain.invoices.view import InvoiceView

PLACE: Final = "place"
"""Name of the column of a link, which has what it is made of: a mark, then the invoice's id
(hexadecimal), its key in the list, 1 if the provider has it (else 0), and its status."""
ID_DIGITS: Final = 32
_KEY_DIGITS: Final = 20
STATUS_AT: Final = ID_DIGITS + _KEY_DIGITS + 1
"""Where the status begins behind the mark."""

_COMMA: Final = SQL(", ")
_OF_FAILURE: Final = "failure_"
_POSITION: Final = "position"
_METADATA: Final = "metadata"
_KNOWN: Final = SQL(
    "LEFT JOIN LATERAL jsonb_to_record(invoice.view) AS known ({columns}, failure jsonb) ON true"
)
# A view that was stored before a field existed has the field's default.
_DEFAULTS: Final[Mapping[str, str]] = {
    **{
        one.name: str(one.default) for one in fields(InvoiceView) if type(one.default) in (int, str)
    },
    _METADATA: "{}",
}
# With milliseconds; stored times have none or microseconds, and nearly all are in UTC.
_TIME: Final = SQL(
    "CASE WHEN right({field}, 6) = '+00:00' THEN left({field}, 19)"
    " || CASE WHEN length({field}) = 25 THEN '.000Z' ELSE substr({field}, 20, 4) || 'Z' END"
    " ELSE left({field}, 19) || CASE WHEN substr({field}, 20, 1) = '.' THEN substr({field}, 20, 4)"
    " ELSE '.000' END || right({field}, 6) END"
)
# Without blanks between keys and values. Where no text has a backslash, none has quotation marks.
# A text that is such a blank with its sign looks like the end of one and the start of the next.
_COMPACT: Final = SQL(
    "CASE WHEN strpos({field}, '\\') > 0 OR {field} = '{{}}' THEN {field}"
    """ WHEN {field} ~ '[{{ ]"[,:] "' THEN"""
    """ regexp_replace({field}, '("[^"]*"[,:]) ', '\\1', 'g')"""
    """ ELSE replace(replace({field}, '": "', '":"'), '", "', '","') END"""
)
_PLACE: Final = SQL(
    "{mark} || replace(invoice.invoice_id::text, '-', '') || lpad(({key})::text, {digits})"
    " || (known.provider_object_id IS NOT NULL)::int || {status}"
)


@dataclass(frozen=True)
class Export:
    """Fields of each line; `mark` begins the cell of PLACE, and no other text can have it."""

    fields: Sequence[str]
    mark: str


@dataclass(frozen=True)
class Place:
    """Content of a cell of PLACE; `key` is in microseconds where a list is ordered by a time."""

    invoice_id: UUID
    key: int


def known_fields(export: Export) -> Composed:
    """Write the join that decompresses `invoice.view` once, for all columns of `exported`."""
    names = dict.fromkeys(filter(_is_of_view, (*export.fields, "provider_object_id", "status")))
    return _KNOWN.format(columns=_COMMA.join(SQL("{} text").format(Identifier(n)) for n in names))


def _is_of_view(name: str) -> bool:
    return name not in (_POSITION, PLACE) and not name.startswith(_OF_FAILURE)


def exported(export: Export, *, key: Composable, is_time: bool) -> Composed:
    """Write the columns of fields of `known`: of the view, of its failure, `position` or PLACE."""
    if is_time:
        key = SQL("(extract(epoch FROM {}) * 1000000)::bigint").format(key)
    return _COMMA.join(_column(name, key) for name in export.fields)


def _column(name: str, key: Composable) -> Composable:
    if name == _POSITION:
        return SQL("invoice.position")
    if name == PLACE:
        mark = Placeholder("mark")
        status = _column("status", key)
        return _PLACE.format(mark=mark, key=key, digits=Literal(_KEY_DIGITS), status=status)
    if name.startswith(_OF_FAILURE):
        field = Literal(name.removeprefix(_OF_FAILURE))
        return SQL("known.failure->>{}").format(field)
    column: Composable = Identifier("known", name)
    if name in _DEFAULTS:
        column = SQL("coalesce({}, {})").format(column, Literal(_DEFAULTS[name]))
    if name == _METADATA:
        return _COMPACT.format(field=column)
    return _TIME.format(field=column) if is_moment(name) else column


def is_moment(name: str) -> bool:
    """Return whether a field is a time."""
    return name.endswith("_at") or name in ("period_start", "period_end", "capture_before")


def place_of(line: bytes, *, mark: str) -> Place:
    """Read the cell of PLACE of a line."""
    start = line.index(mark.encode()) + len(mark)
    key_at = start + ID_DIGITS
    return Place(UUID(line[start:key_at].decode()), int(line[key_at : key_at + _KEY_DIGITS]))
