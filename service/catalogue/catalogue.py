"""Request bodies and reads of prices and tax rates."""

import re
from decimal import Decimal
from typing import Final, Self
from uuid import UUID

from pydantic import Field, field_validator, model_validator

from domain.catalogue.catalogue import Price, TaxRate
from domain.catalogue.commands import SetPrice, SetTaxRate
from domain.core import ids, money
from domain.core.calendar import Interval
from projections.catalogue.queries import CatalogueQueries, PriceRow, TaxRateRow
from service.http.errors import NotFound
from service.http.validation import Currency, Name, RequestModel, invalid
from service.recording.streams import Streams

_ID: Final = re.compile(r"[\x21-\x7e]{1,255}")
# Mollie docs, create a subscription: an interval is a year at most.
_MOST: Final = {"day": 365, "week": 52, "month": 12, "year": 1}
PERCENT_DECIMALS: Final = 4


class PriceBody(RequestModel):
    """Body of a price: for one unit, once or every `intervalCount` intervals."""

    name: Name | None = None
    currency: Currency
    amount_minor: int = Field(ge=0, le=money.MAX_AMOUNT_MINOR)
    interval: Interval | None = None
    interval_count: int | None = Field(None, ge=1, le=365)

    @model_validator(mode="after")
    def _billable(self) -> Self:
        # The catalogue is charged through Mollie; Stripe has prices of its own.
        if (fault := money.step_fault(self.amount_minor, "mollie", self.currency)) is not None:
            raise invalid(f"amountMinor {fault}")
        if self.interval is None and self.interval_count is not None:
            raise invalid("intervalCount requires interval")
        if self.interval is not None and (self.interval_count or 1) > _MOST[self.interval]:
            raise invalid("intervalCount: an interval is at most one year")
        return self

    def command(self, app_id: UUID, price_id: str, *, actor: str) -> SetPrice:
        """Build the command."""
        return SetPrice(
            app_id=app_id,
            price_id=price_id,
            name=self.name,
            currency=self.currency,
            amount_minor=self.amount_minor,
            interval=self.interval,
            interval_count=self.interval_count or 1,
            actor=actor,
        )


class TaxRateBody(RequestModel):
    """Body of a tax rate: `percentage` with up to four decimals, contained in amounts or added."""

    name: Name | None = None
    percentage: float = Field(ge=0, le=100)
    inclusive: bool

    @field_validator("percentage")
    @classmethod
    def _exact(cls, percentage: float) -> float:
        if _scaled(percentage) != int(_scaled(percentage)):
            raise invalid("must have at most four decimals")
        return percentage

    def command(self, app_id: UUID, tax_rate_id: str, *, actor: str) -> SetTaxRate:
        """Build the command."""
        return SetTaxRate(
            app_id=app_id,
            tax_rate_id=tax_rate_id,
            name=self.name,
            rate_ppm=int(_scaled(self.percentage)),
            inclusive=self.inclusive,
            actor=actor,
        )


class Catalogue:
    """Read prices and tax rates from their rows, or from the log if there is no row yet."""

    def __init__(self, queries: CatalogueQueries, streams: Streams) -> None:
        self._queries = queries
        self._streams = streams

    async def price(self, app_id: UUID, price_id: str) -> PriceRow:
        """Find a price as of now. Raises NotFound."""
        if not is_id(price_id):
            raise NotFound
        known = await self._queries.price(app_id, price_id)
        return known or await self._folded_price(ids.for_price(app_id, price_id))

    async def tax_rate(self, app_id: UUID, tax_rate_id: str) -> TaxRateRow:
        """Find a tax rate as of now. Raises NotFound."""
        if not is_id(tax_rate_id):
            raise NotFound
        known = await self._queries.tax_rate(app_id, tax_rate_id)
        return known or await self._folded_tax_rate(ids.for_tax_rate(app_id, tax_rate_id))

    async def _folded_price(self, stream: UUID) -> PriceRow:
        found = await self._streams.aggregate(stream, Price)
        if found is None:
            raise NotFound
        price, position = found
        return PriceRow(
            price_id=price.price_id,
            name=price.name,
            currency=price.currency,
            amount_minor=price.amount_minor,
            interval=price.interval,
            interval_count=price.interval_count,
            created_at=price.created_on,
            updated_at=price.modified_on,
            position=position,
        )

    async def _folded_tax_rate(self, stream: UUID) -> TaxRateRow:
        found = await self._streams.aggregate(stream, TaxRate)
        if found is None:
            raise NotFound
        tax_rate, position = found
        return TaxRateRow(
            tax_rate_id=tax_rate.tax_rate_id,
            name=tax_rate.name,
            rate_ppm=tax_rate.rate_ppm,
            inclusive=tax_rate.inclusive,
            created_at=tax_rate.created_on,
            updated_at=tax_rate.modified_on,
            position=position,
        )


def is_id(text: str) -> bool:
    """Return whether a text is a valid id of a price or tax rate."""
    return _ID.fullmatch(text) is not None


def _scaled(percentage: float) -> Decimal:
    return Decimal(repr(percentage)).scaleb(PERCENT_DECIMALS)
