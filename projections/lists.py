"""What a list of invoices can be asked for, as SQL."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from psycopg.sql import SQL, Composable, Composed, Placeholder

from projections import cursors
from projections.cursors import Place
from projections.errors import BadCursor

Sort = Literal["-createdAt", "createdAt", "-totalMinor", "totalMinor"]

COUNTED_EXACTLY: Final = 10_000
_DEEPEST_ROW: Final = 1_000_000


@dataclass(frozen=True)
class InvoiceFilter:
    """Which invoices of an app, in which order, and which page of them.

    `status`: any of these; none means all. `…_from` is included, `…_to` is not, so that periods
    that follow each other share no invoice. `limit`: 1..100. A `cursor` goes before a `page`
    (counted from 0).
    """

    app_id: UUID
    tenant_id: UUID | None = None
    provider: str | None = None
    status: tuple[str, ...] = ()
    type: str | None = None
    mode: str | None = None
    currency: str | None = None
    user_id: str | None = None
    customer: str | None = None
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
        asked = asdict(self)
        for paging in ("limit", "cursor", "page"):
            del asked[paging]
        asked["status"] = sorted(set(self.status))
        return cursors.fingerprint(asked)


_EQUAL: Final = (
    "app_id", "tenant_id", "provider", "type", "mode", "currency", "user_id", "customer",
)  # fmt: skip
_BOUNDS: Final = {
    "created_from": SQL("created_at >= %(created_from)s"),
    "created_to": SQL("created_at < %(created_to)s"),
    "paid_from": SQL("paid_at >= %(paid_from)s"),
    "paid_to": SQL("paid_at < %(paid_to)s"),
}
# What has no total yet is listed as 0.
_ORDERED_BY: Final = {
    "createdAt": SQL("created_at"),
    "totalMinor": SQL("coalesce(total_minor, 0)"),
}

_PAGE: Final = SQL(
    """
WITH page AS (
    SELECT {key} AS key, invoice_id, view::text AS view, position FROM read.invoices
    WHERE {filter} AND {after}
    ORDER BY {key} {direction}, invoice_id {direction}
    LIMIT %(rows)s OFFSET %(skipped)s
), total AS (
    SELECT count(*) AS total FROM (
        SELECT FROM read.invoices WHERE {filter} LIMIT {most}
    ) AS counted
)
SELECT total.total, page.* FROM total LEFT JOIN page ON true
ORDER BY page.key {direction}, page.invoice_id {direction}
"""
)


def page_query(asked: InvoiceFilter) -> tuple[Composed, dict[str, object]]:
    """Write the one statement that answers with a page (and one row more) and the total.

    Raises BadCursor.
    """
    descending = asked.sort.startswith("-")
    key = _ORDERED_BY[asked.sort.removeprefix("-")]
    after, place = _after(asked, key=key, descending=descending)
    query = _PAGE.format(
        key=key,
        filter=_conditions(asked),
        after=after,
        direction=SQL("DESC" if descending else "ASC"),
        most=COUNTED_EXACTLY + 1,
    )
    return query, asdict(asked) | place | {
        "status": list(asked.status),
        "rows": asked.limit + 1,
        "skipped": _skipped(asked),
    }


def place_of(asked: InvoiceFilter, *, key: datetime | int, invoice_id: UUID) -> str:
    """Write the cursor that goes on after a row."""
    value = cursors.to_microseconds(key) if isinstance(key, datetime) else key
    return cursors.write(Place(value, invoice_id), list_name=asked.list_name)


def _conditions(asked: InvoiceFilter) -> Composable:
    conditions: list[Composable] = [
        SQL("{} = {}").format(SQL(name), Placeholder(name))
        for name in _EQUAL
        if getattr(asked, name) is not None
    ]
    if len(asked.status) == 1:
        conditions.append(SQL("status = (%(status)s::text[])[1]"))
    elif asked.status:
        conditions.append(SQL("status = ANY(%(status)s::text[])"))
    conditions += [
        condition for name, condition in _BOUNDS.items() if getattr(asked, name) is not None
    ]
    return SQL(" AND ").join(conditions)


def _after(
    asked: InvoiceFilter, *, key: Composable, descending: bool
) -> tuple[Composable, dict[str, object]]:
    if asked.cursor is None:
        return SQL("true"), {}
    place = cursors.read(asked.cursor, list_name=asked.list_name)
    by_time = asked.sort.endswith("createdAt")
    value = cursors.from_microseconds(place.value) if by_time else place.value
    condition = SQL("({key}, invoice_id) {side} (%(after)s, %(after_id)s)").format(
        key=key, side=SQL("<" if descending else ">")
    )
    return condition, {"after": value, "after_id": place.invoice_id}


def _skipped(asked: InvoiceFilter) -> int:
    if asked.page is None or asked.cursor is not None:
        return 0
    skipped = asked.page * asked.limit
    if not 0 <= skipped <= _DEEPEST_ROW:
        raise BadCursor("the page is too deep; follow the cursor")
    return skipped
