"""Build the SQL of invoice lists."""

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import product
from typing import Final, Literal
from uuid import UUID

from psycopg.sql import SQL, Composable, Composed, Placeholder

from projections.engine import keyset
from projections.engine.errors import BadCursor
from projections.engine.keyset import COUNTED_EXACTLY, Parameters
from projections.invoices import search_terms

Sort = Literal["-createdAt", "createdAt", "-totalMinor", "totalMinor"]

DEEPEST_ROW: Final = 1_000_000


@dataclass(frozen=True)
class InvoiceFilter:
    """Filter, order and page of an app's invoices.

    `status`: any of these; none means all. `…_from` is included, `…_to` is not, so that periods
    that follow each other share no invoice; `amount_min` and `amount_max` are both included, and
    what has no total yet counts as 0. `q`: each of its words begins a word of the invoice or of its
    tenant's e-mail. `unassigned`: only those that are no tenant's yet. `at_provider`: only those
    that the provider has. `limit`: 1..100. A `cursor` goes before a `page` (counted from 0).
    """

    app_id: UUID
    tenant_id: UUID | None = None
    unassigned: bool = False
    provider: str | None = None
    status: tuple[str, ...] = ()
    type: str | None = None
    mode: str | None = None
    currency: str | None = None
    user_id: str | None = None
    customer: str | None = None
    subscription_id: str | None = None
    origin: str | None = None
    connection: str | None = None
    at_provider: bool = False
    amount_min: int | None = None
    amount_max: int | None = None
    q: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    paid_from: datetime | None = None
    paid_to: datetime | None = None
    sort: Sort = "-createdAt"
    limit: int = 20
    cursor: str | None = None
    page: int | None = None

    @property
    def list_name(self) -> str:
        """Name the list that this is a page of."""
        return keyset.list_name("invoices", self)


_EQUAL: Final = (
    "app_id", "tenant_id", "provider", "type", "mode", "currency", "user_id", "customer",
    "subscription_id", "origin", "connection",
)  # fmt: skip
_BOUNDS: Final = {
    "created_from": SQL("created_at >= %(created_from)s"),
    "created_to": SQL("created_at < %(created_to)s"),
    "paid_from": SQL("paid_at >= %(paid_from)s"),
    "paid_to": SQL("paid_at < %(paid_to)s"),
    "amount_min": SQL("coalesce(total_minor, 0) >= %(amount_min)s"),
    "amount_max": SQL("coalesce(total_minor, 0) <= %(amount_max)s"),
}
_BY_TERM: Final = SQL(
    "EXISTS (SELECT FROM read.invoice_search_terms AS known WHERE known.app_id = %(app_id)s"
    " AND known.invoice_id = invoice.invoice_id AND known.term >= {first} AND known.term < {after})"
)
_BY_EMAIL: Final = SQL(
    "tenant_id IN (SELECT known.tenant_id FROM read.tenant_email_terms AS known"
    " WHERE known.app_id = %(app_id)s AND known.term >= {first} AND known.term < {after})"
)
# What has no total yet is listed as 0.
_ORDERED_BY: Final = {
    "createdAt": SQL("created_at"),
    "totalMinor": SQL("coalesce(total_minor, 0)"),
}

_FOUND: Final = SQL(
    """
    (SELECT {key} AS key, invoice_id, view::text AS view, position FROM read.invoices AS invoice
     WHERE {filter} AND {after}
     ORDER BY {key} {direction}, invoice_id {direction}
     LIMIT %(through)s)
"""
)
_ROWS: Final = SQL(
    """
    SELECT * FROM ({found}) AS found ORDER BY key {direction}, invoice_id {direction}
    LIMIT %(rows)s OFFSET %(skipped)s
"""
)
_COUNTED: Final = SQL(
    "(SELECT invoice_id FROM read.invoices AS invoice WHERE {filter} LIMIT {most})"
)
_PAGE: Final = SQL(
    """
WITH page AS ({rows}), total AS (SELECT count(*) AS total FROM ({counted}) AS counted)
SELECT total.total, page.* FROM total LEFT JOIN page ON true
ORDER BY page.key {direction}, page.invoice_id {direction}
"""
)

Query = tuple[Composed, Parameters]


def page_query(
    filters: InvoiceFilter, *, emails: Collection[str] = ()
) -> tuple[Composed, Parameters]:
    """Write the one statement that answers with a page (and one row more) and the total.

    `emails` are those terms of `q` that some tenant's e-mail has. Raises BadCursor.
    """
    rows, parameters = rows_query(filters, emails=emails)
    counted = [
        _COUNTED.format(filter=way, most=COUNTED_EXACTLY + 1) for way in _ways(filters, emails)
    ]
    query = _PAGE.format(
        rows=rows, counted=SQL(" UNION ").join(counted), direction=_direction(filters)
    )
    return query, parameters


def rows_query(
    filters: InvoiceFilter, *, emails: Collection[str] = ()
) -> tuple[Composed, Parameters]:
    """Write the statement that answers with a page (and one row more). Raises BadCursor."""
    key = _ORDERED_BY[filters.sort.removeprefix("-")]
    direction = _direction(filters)
    after, page_key = keyset.after_cursor(
        filters.cursor,
        name=filters.list_name,
        key=key,
        row_id="invoice_id",
        descending=filters.sort.startswith("-"),
        is_time=filters.sort.endswith("createdAt"),
    )
    found = [
        _FOUND.format(key=key, filter=way, after=after, direction=direction)
        for way in _ways(filters, emails)
    ]
    query = _ROWS.format(found=SQL(" UNION ").join(found), direction=direction)
    return query, asdict(filters) | page_key | _bounds_of_terms(filters) | {
        "status": list(filters.status),
        "rows": filters.limit + 1,
        "skipped": _skipped(filters),
        "through": _skipped(filters) + filters.limit + 1,
    }


def _direction(filters: InvoiceFilter) -> SQL:
    return SQL("DESC" if filters.sort.startswith("-") else "ASC")


def _ways(filters: InvoiceFilter, emails: Collection[str]) -> Iterator[Composable]:
    """Write the filter once for each way in which the terms can be found.

    Ways apart, not one with OR: each then has an index of its own.
    """
    conditions = [*_conditions(filters)]
    terms = search_terms.query_terms(filters.q or "")
    kinds = [(_BY_TERM, _BY_EMAIL) if term in emails else (_BY_TERM,) for term in terms]
    for way in product(*kinds):
        searched = [
            actor.format(first=Placeholder(f"first_{number}"), after=Placeholder(f"after_{number}"))
            for number, actor in enumerate(way)
        ]
        yield SQL(" AND ").join([*conditions, *searched])


def _bounds_of_terms(filters: InvoiceFilter) -> Parameters:
    found: Parameters = {}
    for number, term in enumerate(search_terms.query_terms(filters.q or "")):
        found[f"first_{number}"], found[f"after_{number}"] = search_terms.prefix_range(term)
    return found


def _conditions(filters: InvoiceFilter) -> Iterator[Composable]:
    yield from keyset.equal_conditions(filters, _EQUAL)
    yield from keyset.any_of("status", filters.status)
    if filters.unassigned:
        yield SQL("tenant_id IS NULL")
    if filters.at_provider:
        yield SQL("at_provider")
    yield from keyset.bound_conditions(filters, _BOUNDS)


def _skipped(filters: InvoiceFilter) -> int:
    if filters.page is None or filters.cursor is not None:
        return 0
    skipped = filters.page * filters.limit
    if not 0 <= skipped <= DEEPEST_ROW:
        raise BadCursor("the page is too deep; follow the cursor")
    return skipped
