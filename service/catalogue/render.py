"""Build the responses with prices and tax rates."""

from decimal import Decimal

from projections.catalogue.queries import PriceRow, TaxRateRow
from service.catalogue import response_schemas as schemas
from service.catalogue.catalogue import PERCENT_DECIMALS
from service.http.response_model import one_item


def price(known: PriceRow) -> schemas.Prices:
    """Build the response with one price."""
    item = schemas.Price(
        price_id=known.price_id,
        name=known.name,
        currency=known.currency,
        amount_minor=known.amount_minor,
        interval=known.interval,
        interval_count=None if known.interval is None else known.interval_count,
        created_at=known.created_at,
        updated_at=known.updated_at,
        position=known.position,
    )
    return one_item(schemas.Prices, kind="prices", item=item)


def tax_rate(known: TaxRateRow) -> schemas.TaxRates:
    """Build the response with one tax rate."""
    item = schemas.TaxRate(
        tax_rate_id=known.tax_rate_id,
        name=known.name,
        percentage=float(Decimal(known.rate_ppm).scaleb(-PERCENT_DECIMALS)),
        inclusive=known.inclusive,
        created_at=known.created_at,
        updated_at=known.updated_at,
        position=known.position,
    )
    return one_item(schemas.TaxRates, kind="taxRates", item=item)
