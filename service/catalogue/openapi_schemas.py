"""Response models of prices and tax rates."""

from typing import Annotated, Literal

from pydantic import Field

from domain.core.calendar import Interval
from service.openapi.common_schemas import (
    Minor,
    Moment,
    Position,
    ResponseModel,
)

One = Literal[1]


class Price(ResponseModel):
    """What a unit costs."""

    price_id: str
    name: str | None
    currency: str
    amount_minor: Minor
    interval: Interval | None
    """Null: paid once."""
    interval_count: int | None
    created_at: Moment
    updated_at: Moment
    position: Position


class Prices(ResponseModel):
    """One price."""

    kind: Literal["prices"]
    total_items: One
    items_length: One
    items: Annotated[list[Price], Field(min_length=1, max_length=1)]


class TaxRate(ResponseModel):
    """How much tax."""

    tax_rate_id: str
    name: str | None
    percentage: float
    inclusive: bool
    """Whether amounts contain the tax, or it is added to them."""
    created_at: Moment
    updated_at: Moment
    position: Position


class TaxRates(ResponseModel):
    """One tax rate."""

    kind: Literal["taxRates"]
    total_items: One
    items_length: One
    items: Annotated[list[TaxRate], Field(min_length=1, max_length=1)]
