"""OpenAPI operations of payment method setups."""

from http import HTTPStatus as S
from typing import Final

from service.openapi import common as openapi_common
from service.openapi.common import (
    ALWAYS_POSITION,
    IDEMPOTENCY_KEY,
    LOCATION,
    PREFER,
    REPLAYED,
    RETRY_AFTER,
)
from service.openapi.declare import Json, Operation, json_body, json_response
from service.openapi.error_responses import KEYED_ERRORS, READ_ERRORS, error_responses
from service.openapi.examples import TENANT, example, one
from service.payment_methods.response_schemas import MethodSetup, SingleSetup
from service.payment_methods.setups import SetupBody
from service.tenants.openapi import TAG

_SETUP: Final = "/api/v1/apps/{appUuid}/tenants/{tenantUuid}/payment-methods/setup"
_PAGE: Final = "https://checkout.stripe.com/c/pay/cs_test_a1b2"

_REQUESTED: Final = example(
    MethodSetup,
    id="2f1d8a9e-3c4b-4d5e-9f60-718293a4b5c6",
    tenantUuid=TENANT,
    provider="stripe",
    connection="stripe",
    mode="test",
    status="requested",
    redirectUrl="https://shop.example.com/saved",
    createdAt="2026-01-31T09:30:00.000Z",
    updatedAt="2026-01-31T09:30:00.000Z",
    position=4711,
)
_OPEN: Final[Json] = _REQUESTED | {
    "status": "open",
    "url": _PAGE,
    "expiresAt": "2026-02-01T09:30:01.000Z",
    "customer": "cus_12345",
    "updatedAt": "2026-01-31T09:30:01.000Z",
    "position": 4713,
}
_COMPLETED: Final[Json] = _OPEN | {
    "status": "completed",
    "url": None,
    "paymentMethod": {"id": "pm_12345", "type": "card", "brand": "visa", "last4": "4242"},
    "updatedAt": "2026-01-31T09:32:10.000Z",
    "position": 4720,
}


def _shown(item: Json) -> Json:
    return one("paymentMethodSetups", item) | {"url": item["url"]}


OPERATIONS: Final = (
    Operation(
        method="POST",
        path=_SETUP,
        id="createPaymentMethodSetup",
        tag=TAG,
        summary="Create a setup page for a payment method",
        description="Redirect the customer to `url`. The payment method saved there becomes "
        "the default for requests without one. Without `redirectUrl` the customer "
        "returns to a page of this service. A retry under the same idempotency key "
        "returns the same page.",
        security=openapi_common.OF_APP,
        headers=(IDEMPOTENCY_KEY, PREFER),
        body=json_body(
            SetupBody,
            a_card={"provider": "stripe", "redirectUrl": "https://shop.example.com/saved"},
        ),
        responses={
            S.OK: json_response(
                "The setup with its page.",
                SingleSetup,
                headers=(ALWAYS_POSITION, LOCATION, REPLAYED),
                open=_shown(_OPEN),
            ),
            S.ACCEPTED: json_response(
                "Recorded; the page is not created yet. Poll `Location`.",
                SingleSetup,
                headers=(ALWAYS_POSITION, LOCATION, REPLAYED, RETRY_AFTER),
                requested=_shown(_REQUESTED),
            ),
            **error_responses(_SETUP, *KEYED_ERRORS),
        },
    ),
    Operation(
        method="GET",
        path=_SETUP + "/{setupUuid}",
        id="getPaymentMethodSetup",
        tag=TAG,
        summary="Retrieve the setup of a payment method",
        security=openapi_common.OF_TENANT,
        responses={
            S.OK: json_response(
                "The setup as it is now.",
                SingleSetup,
                headers=(ALWAYS_POSITION,),
                open=_shown(_OPEN),
                completed=_shown(_COMPLETED),
            ),
            **error_responses(_SETUP, *READ_ERRORS, "history_detached"),
        },
    ),
)
