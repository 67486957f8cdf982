"""Select fields of stored views as text, for lists of any length.

PostgreSQL decompresses a view once and reads the wanted fields of it; neither its other fields nor
a decoded view reach the reader's process.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Final

from psycopg.sql import SQL, Composable, Composed, Literal

from domain.invoices.view import InvoiceView

_COMMA: Final = SQL(", ")
_OF_FAILURE: Final = "failure_"
_POSITION: Final = "position"
KNOWN_FIELDS: Final = SQL(
    "LEFT JOIN LATERAL (SELECT invoice.view || '{{}}' AS fields OFFSET 0) AS known ON true"
)
"""Join that decompresses `invoice.view` once, for all columns of `exported`."""
# A view that was stored before a field existed has the field's default.
_DEFAULTS: Final[Mapping[str, str]] = {
    **{
        one.name: str(one.default) for one in fields(InvoiceView) if type(one.default) in (int, str)
    },
    "metadata": "{}",
}


def exported(names: Sequence[str]) -> Composed:
    """Write the columns of fields of `known`: of the view, of its failure, or `position`."""
    return _COMMA.join(map(_column, names))


def _column(name: str) -> Composable:
    if name == _POSITION:
        return SQL("invoice.position::text")
    if name.startswith(_OF_FAILURE):
        field = Literal(name.removeprefix(_OF_FAILURE))
        return SQL("known.fields->'failure'->>{}").format(field)
    column = SQL("known.fields->>{}").format(Literal(name))
    if name not in _DEFAULTS:
        return column
    return SQL("coalesce({}, {})").format(column, Literal(_DEFAULTS[name]))
