"""Filters of invoice lists, and the conditions that they are written as."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from psycopg.sql import SQL, Composable, Composed, Identifier, Placeholder

from projections.engine import keyset
from projections.engine.errors import BadCursor
from projections.engine.keyset import Parameters
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


EQUAL: Final = (
    "app_id", "tenant_id", "provider", "type", "mode", "currency", "user_id", "customer",
    "subscription_id", "origin", "connection",
)  # fmt: skip
# Values that the facet of an invoice has.
_OF_FACET: Final = frozenset({"provider", "type", "mode", "currency", "origin", "connection"})
CREATED: Final = {
    "created_from": SQL("created_at >= %(created_from)s"),
    "created_to": SQL("created_at < %(created_to)s"),
}
PAID: Final = {
    "paid_from": SQL("paid_at >= %(paid_from)s"),
    "paid_to": SQL("paid_at < %(paid_to)s"),
}
# The same, in a form that no index has: a row that another index leads to is checked by it.
_PAID_CHECKED: Final = {
    "paid_from": SQL("coalesce(paid_at, '-infinity'::timestamptz) >= %(paid_from)s"),
    "paid_to": SQL("coalesce(paid_at, 'infinity'::timestamptz) < %(paid_to)s"),
}
AMOUNT: Final = {
    "amount_min": SQL("coalesce(total_minor, 0) >= %(amount_min)s"),
    "amount_max": SQL("coalesce(total_minor, 0) <= %(amount_max)s"),
}
_BY_TERM: Final = SQL(
    "EXISTS (SELECT FROM read.invoice_search_terms AS one WHERE one.app_id = %(app_id)s"
    " AND one.invoice_id = {invoice}.invoice_id AND one.term >= {first}"
    " AND one.term < {after})"
)
# A scalar subquery is never made a join: one probe by the row's id, whatever the planner expects.
_PROBE: Final = SQL(
    "(SELECT true FROM read.invoice_search_terms AS one"
    " WHERE one.invoice_id = {invoice}.invoice_id AND one.term >= {first}"
    " AND one.term < {after} LIMIT 1)"
)
_BY_EMAIL: Final = SQL(
    "tenant_id IN (SELECT known.tenant_id FROM read.tenant_email_terms AS known"
    " WHERE known.app_id = %(app_id)s AND known.term >= {first} AND known.term < {after})"
)
# What has no total yet is listed as 0.
ORDERED_BY: Final = {
    "createdAt": SQL("created_at"),
    "totalMinor": SQL("coalesce(total_minor, 0)"),
}


def column_conditions(filters: InvoiceFilter, *, is_estimate: bool = False) -> Iterator[Composable]:
    """Write the filter without its terms and without the values that a facet has.

    `is_estimate`: in the form whose rows the planner can estimate.
    """
    paid = PAID if is_estimate else _PAID_CHECKED
    yield from keyset.equal_conditions(filters, [name for name in EQUAL if name not in _OF_FACET])
    yield from keyset.bound_conditions(filters, CREATED | paid | AMOUNT)


_CHECKED: Final = {
    "app_id": "app_id = {}::uuid",
    "tenant_id": "tenant_id = {}::uuid",
    "user_id": "user_id = {}",
    "customer": "customer = {}",
    "subscription_id": "subscription_id = {}",
    "amount_min": "coalesce(total_minor, 0) >= {}::bigint",
    "amount_max": "coalesce(total_minor, 0) <= {}::bigint",
    "created_from": "created_at >= {}::timestamptz",
    "created_to": "created_at < {}::timestamptz",
    "paid_from": "paid_at >= {}::timestamptz",
    "paid_to": "paid_at < {}::timestamptz",
}


def checked_conditions(filters: InvoiceFilter, facets: str) -> tuple[Composed, Parameters]:
    """Write the filter without its terms, by one text for all filters, so that its plan is kept.

    For rows that are found without these columns. `facets`: an array's text.
    """
    values = [getattr(filters, name) for name in _CHECKED]
    texts = [one.isoformat() if isinstance(one, datetime) else one for one in values]
    has_facets = has_facet(filters)
    return _CHECKED_BY_ROW, {
        "checked": [None if one is None else str(one) for one in texts],
        "has_facets": has_facets,
        "facets": facets if has_facets else "{}",
    }


def _checked_by_row() -> Composed:
    conditions: list[Composable] = [
        SQL("(NOT %(has_facets)s::boolean OR facet = ANY(%(facets)s::bigint[]))")
    ]
    for number, condition in enumerate(_CHECKED.values(), start=1):
        value = SQL("(%(checked)s::text[])[{}]").format(number)
        fits = SQL(condition).format(value)
        conditions.append(SQL("({} IS NULL OR {})").format(value, fits))
    return SQL(" AND ").join(conditions)


_CHECKED_BY_ROW: Final = _checked_by_row()


def facet_conditions(filters: InvoiceFilter) -> Iterator[Composable]:
    """Write which facets of an app fit a filter."""
    yield from keyset.equal_conditions(filters, ["app_id", *sorted(_OF_FACET)])
    yield from keyset.any_of("status", filters.status)
    if filters.tenant_id is not None:
        yield SQL("assigned")
    if filters.unassigned:
        yield SQL("NOT assigned")
    if filters.at_provider:
        yield SQL("at_provider")
    # Most statuses exclude a payment: otherwise all invoices with one would be read, to find none.
    if filters.paid_from is not None or filters.paid_to is not None:
        yield SQL("paid")


def has_facet(filters: InvoiceFilter) -> bool:
    """Return whether some facets of the app may not fit; a tenant has a condition of its own."""
    given = [getattr(filters, name) for name in sorted(_OF_FACET)]
    narrows = filters.status or filters.unassigned or filters.at_provider
    return bool(narrows) or any(value is not None for value in given)


def term_range(number: int) -> dict[str, Composable]:
    """Name the parameters that bound the terms with a prefix of `q`, counted from 0."""
    return {"first": Placeholder(f"first_{number}"), "after": Placeholder(f"after_{number}")}


def term_conditions(
    filters: InvoiceFilter,
    emails: Collection[str],
    *,
    table: str = "invoice",
    but: Collection[int] = (),
    is_estimate: bool = False,
) -> Iterator[Composable]:
    """Write a condition for each prefix of `q`, but for some of them.

    `emails` are those that some tenant's e-mail has. `is_estimate`: in the form whose rows the
    planner can estimate.
    """
    by_term = _BY_TERM if is_estimate else _PROBE
    for number, term in enumerate(search_terms.query_terms(filters.q or "")):
        if number in but:
            continue
        found = by_term.format(invoice=Identifier(table), **term_range(number))
        if term in emails:
            by_email = _BY_EMAIL.format(**term_range(number))
            found = SQL("({} OR {})").format(found, by_email)
        yield found


def tenants_by_email(number: int) -> Composed:
    """Write the condition that the tenant's e-mail has a prefix of `q`."""
    return _BY_EMAIL.format(**term_range(number))


def parameters_of(filters: InvoiceFilter) -> Parameters:
    """Return the values of all placeholders of a filter."""
    found: Parameters = {**vars(filters), "status": list(filters.status)}
    for number, term in enumerate(search_terms.query_terms(filters.q or "")):
        found[f"first_{number}"], found[f"after_{number}"] = search_terms.prefix_range(term)
    return found


def direction(filters: InvoiceFilter) -> SQL:
    """Return the direction of a list's order."""
    return SQL("DESC" if filters.sort.startswith("-") else "ASC")


def skipped_rows(filters: InvoiceFilter) -> int:
    """Return how many rows lie before a page that is given by its number. Raises BadCursor."""
    if filters.page is None or filters.cursor is not None:
        return 0
    skipped = filters.page * filters.limit
    if not 0 <= skipped <= DEEPEST_ROW:
        raise BadCursor("the page is too deep; follow the cursor")
    return skipped
