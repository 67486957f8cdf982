"""Examples of prices and tax rates."""

from typing import Final

from service.openapi.declare import Json
from service.openapi.examples import one

_AT: Final = "2026-01-31T09:30:00.000Z"
PRICE_BODY: Final[Json] = {
    "name": "Pro Plan",
    "currency": "eur",
    "amountMinor": 1999,
    "interval": "month",
}
PRICES: Final = one(
    "prices",
    {
        "priceId": "pro-monthly",
        **PRICE_BODY,
        "intervalCount": 1,
        "createdAt": _AT,
        "updatedAt": _AT,
        "position": 21,
    },
)
TAX_RATE_BODY: Final[Json] = {"name": "VAT", "percentage": 19, "inclusive": False}
TAX_RATES: Final = one(
    "taxRates",
    {
        "taxRateId": "vat-de",
        **TAX_RATE_BODY,
        "createdAt": _AT,
        "updatedAt": _AT,
        "position": 22,
    },
)
