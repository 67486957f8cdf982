"""Query prices and tax rates."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg.sql import SQL

from domain.core import ids
from projections.engine.pool import ReadPool


@dataclass(frozen=True)
class PriceRow:
    """A price; without an interval it is paid once."""

    price_id: str
    name: str | None
    currency: str
    amount_minor: int
    interval: str | None
    interval_count: int
    created_at: datetime
    updated_at: datetime
    position: int


@dataclass(frozen=True)
class TaxRateRow:
    """A tax rate in millionths; inclusive: amounts contain it."""

    tax_rate_id: str
    name: str | None
    rate_ppm: int
    inclusive: bool
    created_at: datetime
    updated_at: datetime
    position: int


# A row that the log has gone beyond is not given: the reader folds the stream then.
_PRICE: Final = SQL(
    "SELECT price_id, name, currency, amount_minor, interval, interval_count,"
    " created_at, updated_at, position FROM read.prices"
    " WHERE id = %(id)s AND app_id = %(app_id)s AND version ="
    " (SELECT max(originator_version) FROM eventlog.events WHERE originator_id = %(id)s)"
)
_TAX_RATE: Final = SQL(
    "SELECT tax_rate_id, name, rate_ppm, inclusive, created_at, updated_at, position"
    " FROM read.tax_rates WHERE id = %(id)s AND app_id = %(app_id)s AND version ="
    " (SELECT max(originator_version) FROM eventlog.events WHERE originator_id = %(id)s)"
)


class CatalogueQueries:
    """Questions to the read model. Each may raise ReadModelUnavailable."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool

    async def price(self, app_id: UUID, price_id: str) -> PriceRow | None:
        """Find a price; None where there is none, or its row is behind the log."""
        known = {"id": ids.for_price(app_id, price_id), "app_id": app_id}
        found = await self._pool.fetch(_PRICE, known)
        return PriceRow(**found[0]) if found else None

    async def tax_rate(self, app_id: UUID, tax_rate_id: str) -> TaxRateRow | None:
        """Find a tax rate; None where there is none, or its row is behind the log."""
        known = {"id": ids.for_tax_rate(app_id, tax_rate_id), "app_id": app_id}
        found = await self._pool.fetch(_TAX_RATE, known)
        return TaxRateRow(**found[0]) if found else None
