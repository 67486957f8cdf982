"""Query the movements of monthly recurring revenue: sums by period, and the list behind them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg.rows import DictRow
from psycopg.sql import SQL

from projections.engine import cursors, keyset
from projections.engine.cursors import PageKey
from projections.engine.pool import ReadPool
from projections.reports.queries import ReportFilter
from projections.reports.recurring_movements import KINDS, Kind
from projections.reports.time_units import FOREVER, RANGES, quarter_of, range_parameters


@dataclass(frozen=True)
class Moved:
    """Signed sum of the movements of one kind, and how many there are."""

    amount_minor: int = 0
    items: int = 0


@dataclass(frozen=True, kw_only=True)
class RecurringPeriod:
    """Recurring revenue at the start of a period, and its movements by kind until the end."""

    start_minor: int
    moved: Mapping[Kind, Moved] = field(default_factory=dict)

    def of(self, kind: Kind) -> Moved:
        """Return the sum of one kind."""
        return self.moved.get(kind, Moved())

    @property
    def net_minor(self) -> int:
        """Return the sum of all movements."""
        return sum(one.amount_minor for one in self.moved.values())

    @property
    def end_minor(self) -> int:
        """Return recurring revenue at the end."""
        return self.start_minor + self.net_minor

    @staticmethod
    def total(periods: Sequence["RecurringPeriod"]) -> "RecurringPeriod":
        """Add up periods, 1 or more, of which each begins where the one before it ends."""
        moved = {
            kind: Moved(
                sum(period.of(kind).amount_minor for period in periods),
                sum(period.of(kind).items for period in periods),
            )
            for kind in KINDS
        }
        return RecurringPeriod(start_minor=periods[0].start_minor, moved=moved)


@dataclass(frozen=True, kw_only=True)
class RecurringRow:
    """Recurring revenue in one currency and mode, by bucket."""

    mode: str
    currency: str
    buckets: list[RecurringPeriod]


@dataclass(frozen=True, kw_only=True)
class MovementFilter:
    """Filter and page of the list of movements; `moved_to` is not included. `limit`: 1..100."""

    app_id: UUID
    mode: str
    currency: str
    kind: Kind | None = None
    moved_from: datetime | None = None
    moved_to: datetime | None = None
    limit: int = 50
    cursor: str | None = None

    @property
    def list_name(self) -> str:
        """Name the list that this is a page of."""
        return keyset.list_name("recurring movements", self)


@dataclass(frozen=True, kw_only=True)
class MovementRow:
    """A movement with its subscription."""

    subscription_id: UUID
    position: int
    kind: Kind
    moved_at: datetime
    amount_minor: int
    before_minor: int
    tenant_id: UUID | None
    customer: str | None
    provider_subscription_id: str | None
    provider: str
    connection: str
    status: str | None

    @property
    def after_minor(self) -> int:
        """Return the monthly revenue after it."""
        return self.before_minor + self.amount_minor


@dataclass(frozen=True)
class MovementPage:
    """A page of movements, newest first."""

    rows: list[MovementRow]
    next_cursor: str | None


# What there is now, and the movements since the first bucket began: what there was at the start of
# each bucket is the one less the others. Bucket n of n: after the last one's end.
MOVED: Final = SQL(
    """
WITH {ranges}, books AS MATERIALIZED (
    SELECT mode, currency, provider, connection, recurring_minor FROM read.subscription_sums
    WHERE app_id = %(app_id)s
        AND (%(mode)s::text IS NULL OR mode = %(mode)s)
        AND (%(currency)s::text IS NULL OR currency = %(currency)s)
        AND (%(provider)s::text IS NULL OR provider = %(provider)s)
        AND (%(connection)s::text IS NULL OR connection = %(connection)s)
)
SELECT mode, currency, NULL AS kind, NULL::int AS bucket,
    sum(recurring_minor) AS amount_minor, 0::bigint AS items
FROM books GROUP BY mode, currency
UNION ALL
SELECT books.mode, books.currency, kinds.kind, range.tag AS bucket,
    sum(moved.amount_minor) AS amount_minor, sum(moved.items)::bigint AS items
FROM books CROSS JOIN unnest(%(kinds)s::text[]) AS kinds (kind) CROSS JOIN ranges AS range
CROSS JOIN LATERAL (
    SELECT sum(amount_minor) AS amount_minor, sum(items)::bigint AS items
    FROM read.recurring_sums
    WHERE app_id = %(app_id)s AND mode = books.mode AND currency = books.currency
        AND provider = books.provider AND connection = books.connection AND kind = kinds.kind
        AND unit = range.unit AND number >= range.first AND number < range."end"
) AS moved
WHERE moved.items IS NOT NULL
GROUP BY books.mode, books.currency, kinds.kind, range.tag
ORDER BY mode, currency
"""
).format(ranges=RANGES)
_LIST: Final = SQL(
    """
SELECT moved.*, known.tenant_id, known.customer, known.provider_subscription_id, known.status
FROM (
    SELECT subscription_id, position, kind, moved_at, amount_minor, before_minor, provider,
        connection
    FROM read.recurring_movements
    WHERE app_id = %(app_id)s AND mode = %(mode)s AND currency = %(currency)s
        AND {of_kind} AND {bounds} AND {after}
    ORDER BY moved_at DESC, position DESC LIMIT %(rows)s
) AS moved LEFT JOIN read.subscriptions AS known USING (subscription_id)
ORDER BY moved.moved_at DESC, moved.position DESC
"""
)
_BOUNDS: Final = {
    "moved_from": SQL("moved_at >= %(moved_from)s"),
    "moved_to": SQL("moved_at < %(moved_to)s"),
}


class RecurringQueries:
    """Queries of recurring revenue over time. Each may raise ReadModelUnavailable."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool

    async def moved(
        self, filters: ReportFilter, *, begins: Sequence[datetime], end: datetime
    ) -> list[RecurringRow]:
        """Return a row for each mode and currency that the app has had subscriptions in.

        `begins`: 1 or more beginnings of buckets in order, each the end of the one before it; the
        last one ends at `end`. All begin a quarter of an hour.
        """
        found = await self._pool.fetch(MOVED, moved_parameters(filters, begins, end=end))
        rows: dict[tuple[str, str], list[DictRow]] = {}
        for row in found:
            rows.setdefault((row["mode"], row["currency"]), []).append(row)
        return [
            RecurringRow(mode=mode, currency=currency, buckets=_periods(of_one, len(begins)))
            for (mode, currency), of_one in rows.items()
        ]

    async def list_movements(self, filters: MovementFilter) -> MovementPage:
        """List movements, newest first. Raises BadCursor."""
        after, page_key = SQL("true"), {}
        if filters.cursor is not None:
            key = cursors.read(filters.cursor, list_name=filters.list_name)
            after = SQL("(moved_at, position) < (%(after)s, %(after_position)s)")
            moved_at = cursors.from_microseconds(key.value)
            page_key = {"after": moved_at, "after_position": key.id.int % 2**63}
        query = _LIST.format(
            of_kind=SQL("true" if filters.kind is None else "kind = %(kind)s"),
            bounds=SQL(" AND ").join([SQL("true"), *keyset.bound_conditions(filters, _BOUNDS)]),
            after=after,
        )
        known = asdict(filters) | page_key | {"rows": filters.limit + 1}
        found, next_cursor = keyset.cut(
            await self._pool.fetch(query, known),
            limit=filters.limit,
            next_cursor=lambda last: cursors.write(
                PageKey(cursors.to_microseconds(last["moved_at"]), UUID(int=last["position"])),
                list_name=filters.list_name,
            ),
        )
        return MovementPage(rows=[_row(row) for row in found], next_cursor=next_cursor)


def moved_parameters(
    filters: ReportFilter, begins: Sequence[datetime], *, end: datetime
) -> dict[str, object]:
    """Return MOVED's parameters: the ranges of each bucket, and of the time after them."""
    quarters = [*(quarter_of(moment) for moment in (*begins, end)), FOREVER]
    periods = zip(range(len(begins) + 1), quarters, quarters[1:], strict=False)
    return {**vars(filters), **range_parameters(periods), "kinds": list(KINDS)}


def _periods(rows: Sequence[DictRow], buckets: int) -> list[RecurringPeriod]:
    """Build the buckets from the last to the first: each ends where the next one starts."""
    moved: list[dict[Kind, Moved]] = [{} for _ in range(buckets + 1)]
    end_minor = 0
    for row in rows:
        if row["kind"] is None:
            end_minor += int(row["amount_minor"])
        else:
            moved[row["bucket"]][row["kind"]] = Moved(int(row["amount_minor"]), row["items"])
    periods = []
    for known in reversed(moved):
        end_minor -= sum(one.amount_minor for one in known.values())
        periods.append(RecurringPeriod(start_minor=end_minor, moved=known))
    return periods[:0:-1]


def _row(row: DictRow) -> MovementRow:
    amounts = {name: int(row[name]) for name in ("amount_minor", "before_minor")}
    return MovementRow(**{**row, **amounts})
