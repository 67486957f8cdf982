"""Response models of prices and tax rates."""

from typing import Literal

from domain.core.calendar import Interval
from service.http.response_model import Minor, Moment, Position, ResponseModel, SingleItem


class Price(ResponseModel):
    """A price for one unit."""

    price_id: str
    name: str | None
    currency: str
    amount_minor: Minor
    interval: Interval | None
    """Null for a one-time price."""
    interval_count: int | None
    created_at: Moment
    updated_at: Moment
    position: Position


class Prices(SingleItem[Price]):
    """A single price."""

    kind: Literal["prices"]


class TaxRate(ResponseModel):
    """A tax rate."""

    tax_rate_id: str
    name: str | None
    percentage: float
    inclusive: bool
    """Whether amounts include the tax."""
    created_at: Moment
    updated_at: Moment
    position: Position


class TaxRates(SingleItem[TaxRate]):
    """A single tax rate."""

    kind: Literal["taxRates"]
