"""What readers may ask about deliveries."""

from dataclasses import dataclass, fields
from typing import Final
from uuid import UUID

from psycopg.rows import DictRow
from psycopg.sql import SQL

from domain.delivery_view import DeliveryView
from projections.delivery_lists import (
    COUNTED_EXACTLY,
    FAILED,
    REFUSED,
    DeliveryFilter,
    page_query,
    place_of,
)
from projections.pool import ReadPool
from projections.refused import RefusedDelivery

_VIEW: Final = tuple(known.name for known in fields(DeliveryView))
_REFUSED: Final = tuple(known.name for known in fields(RefusedDelivery))
_GET_REFUSED: Final = REFUSED + SQL(" WHERE app_id = %s AND id = %s")


@dataclass(frozen=True)
class DeliveryRow:
    """A provider event as folded up to its event at `position`."""

    view: DeliveryView
    position: int


@dataclass(frozen=True)
class DeliveryPage:
    """A page of a list; `total` is 10,000 where there are more and it is not exact."""

    rows: list[DeliveryRow | RefusedDelivery]
    total: int
    total_is_exact: bool
    next_cursor: str | None


class DeliveryQueries:
    """Questions about deliveries. Each may raise ReadModelUnavailable."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool

    async def list_deliveries(self, asked: DeliveryFilter) -> DeliveryPage:
        """Return a page of an app's deliveries, newest first. Raises BadCursor."""
        query = page_query(asked)
        if query is None:
            return DeliveryPage([], total=0, total_is_exact=True, next_cursor=None)
        found = await self._pool.fetch(*query)
        total = found[0]["total"]
        rows = [row for row in found if row["id"] is not None]
        next_cursor = None
        if len(rows) > asked.limit:
            del rows[asked.limit :]
            last = rows[-1]
            next_cursor = place_of(asked, received_at=last["received_at"], delivery_id=last["id"])
        return DeliveryPage(
            rows=[_row(row) for row in rows],
            total=min(total, COUNTED_EXACTLY),
            total_is_exact=total <= COUNTED_EXACTLY,
            next_cursor=next_cursor,
        )

    async def refused(self, app_id: UUID, delivery_id: UUID) -> RefusedDelivery | None:
        """Return a delivery of an app that was refused, while it is kept."""
        found = await self._pool.fetch(_GET_REFUSED, [app_id, delivery_id])
        return _refused(found[0]) if found else None


def _row(row: DictRow) -> DeliveryRow | RefusedDelivery:
    if row["state"] == FAILED:
        return _refused(row)
    return DeliveryRow(DeliveryView(**{name: row[name] for name in _VIEW}), row["position"])


def _refused(row: DictRow) -> RefusedDelivery:
    return RefusedDelivery(**{name: row[name] for name in _REFUSED})
