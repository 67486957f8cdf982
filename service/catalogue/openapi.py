from http import HTTPStatus as S
from typing import Final

from service.catalogue import openapi_examples as examples
from service.catalogue.catalogue import PriceBody, TaxRateBody
from service.catalogue.response_schemas import Prices, TaxRates
from service.openapi import common as openapi_common
from service.openapi.common import ALWAYS_POSITION
from service.openapi.declare import Operation, json_body, json_response
from service.openapi.error_responses import READ_ERRORS, WRITE_ERRORS, error_responses

TAG: Final = "Catalogue"
_PRICE: Final = "/api/v1/apps/{appUuid}/prices/{priceId}"
_TAX_RATE: Final = "/api/v1/apps/{appUuid}/tax-rates/{taxRateId}"
_SHOWN_PRICE: Final = json_response(
    "The price.", Prices, headers=(ALWAYS_POSITION,), monthly=examples.PRICES
)
_SHOWN_TAX_RATE: Final = json_response(
    "The tax rate.", TaxRates, headers=(ALWAYS_POSITION,), added=examples.TAX_RATES
)
_ABOUT: Final = (
    "For Mollie, which has no catalogue. For Stripe use Stripe's own ids. A new version applies to "
    "later requests."
)

OPERATIONS: Final = (
    Operation(
        method="PUT",
        path=_PRICE,
        id="putPrice",
        tag=TAG,
        summary="Create or replace a price",
        description=_ABOUT,
        security=openapi_common.OF_APP,
        body=json_body(PriceBody, monthly=examples.PRICE_BODY),
        responses={S.OK: _SHOWN_PRICE, **error_responses(_PRICE, *WRITE_ERRORS)},
    ),
    Operation(
        method="GET",
        path=_PRICE,
        id="getPrice",
        tag=TAG,
        summary="Retrieve a price",
        security=openapi_common.OF_APP,
        responses={S.OK: _SHOWN_PRICE, **error_responses(_PRICE, *READ_ERRORS)},
    ),
    Operation(
        method="PUT",
        path=_TAX_RATE,
        id="putTaxRate",
        tag=TAG,
        summary="Create or replace a tax rate",
        description=_ABOUT,
        security=openapi_common.OF_APP,
        body=json_body(TaxRateBody, added=examples.TAX_RATE_BODY),
        responses={S.OK: _SHOWN_TAX_RATE, **error_responses(_TAX_RATE, *WRITE_ERRORS)},
    ),
    Operation(
        method="GET",
        path=_TAX_RATE,
        id="getTaxRate",
        tag=TAG,
        summary="Retrieve a tax rate",
        security=openapi_common.OF_APP,
        responses={S.OK: _SHOWN_TAX_RATE, **error_responses(_TAX_RATE, *READ_ERRORS)},
    ),
)
