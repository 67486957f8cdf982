"""Response models of prices and tax rates."""

from typing import Annotated, Literal

from pydantic import Field

from domain.core.calendar import Interval
from service.http.response_model import Minor, Moment, One, Position, ResponseModel


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


class Prices(ResponseModel):
    """A single price."""

    kind: Literal["prices"]
    total_items: One
    items_length: One
    items: Annotated[list[Price], Field(min_length=1, max_length=1)]


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


class TaxRates(ResponseModel):
    """A single tax rate."""

    kind: Literal["taxRates"]
    total_items: One
    items_length: One
    items: Annotated[list[TaxRate], Field(min_length=1, max_length=1)]
