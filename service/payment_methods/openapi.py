"""Setups of payment methods as the canonical API shows them."""

from http import HTTPStatus as S
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import Field

from domain.payment_methods.setup import STATUSES
from service.http.validation import SchemaKeywords
from service.openapi import common as openapi_common
from service.openapi.common import (
    ALWAYS_POSITION,
    IDEMPOTENCY_KEY,
    LOCATION,
    PREFER,
    REPLAYED,
    RETRY_AFTER,
)
from service.openapi.common_schemas import Mode, Moment, Position, Provider, ResponseModel, example
from service.openapi.declare import Json, Operation, json_answer, json_body
from service.openapi.error_responses import CALLING, WRITING, error_answers
from service.openapi.examples import TENANT, one
from service.payment_methods.setups import SetupBody
from service.tenants.openapi import TAG


class SetupMethod(ResponseModel):
    """The payment method that was left."""

    id: str
    type: str
    brand: str | None
    last4: Annotated[str | None, Field(alias="last4")]


class SetupFailure(ResponseModel):
    """Why the provider refuses."""

    code: str | None
    provider_code: str | None
    message: str | None


class MethodSetup(ResponseModel):
    """A page where a tenant leaves a payment method."""

    id: UUID
    tenant_uuid: UUID
    provider: Provider
    connection: str
    mode: Mode
    status: Annotated[str, SchemaKeywords({"enum": list(STATUSES)})]
    """`open`: the page waits. `submitted`: a method was left there. `completed`: it is what is
    charged where a request names none."""
    url: str | None
    """Whoever has it can leave a method for this tenant, and do nothing else."""
    expires_at: Moment | None
    redirect_url: str
    """Where the customer goes from the page."""
    customer: str | None
    """The tenant, as the provider knows it."""
    payment_method: SetupMethod | None
    failure: SetupFailure | None
    created_at: Moment
    updated_at: Moment
    position: Position


class SingleSetup(ResponseModel):
    """One setup; where its customer goes also stands at the top."""

    kind: Literal["paymentMethodSetups"]
    total_items: Literal[1]
    items_length: Literal[1]
    items: Annotated[list[MethodSetup], Field(min_length=1, max_length=1)]
    url: str | None


_SETUP: Final = "/api/v1/apps/{appUuid}/tenants/{tenantUuid}/payment-methods/setup"
_PAGE: Final = "https://checkout.stripe.com/c/pay/cs_test_a1b2"

_ASKED: Final = example(
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
_OPEN: Final[Json] = _ASKED | {
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
        id="setUpPaymentMethod",
        tag=TAG,
        summary="Open a page where a tenant leaves a payment method",
        description="Send the tenant's customer to `url`. What is left there is charged from then "
        "on where a request names no payment method. Without `redirectUrl` the customer comes back "
        "to a page of ours. A repetition under the same key is answered with the same page.",
        security=openapi_common.OF_APP,
        headers=(IDEMPOTENCY_KEY, PREFER),
        body=json_body(
            SetupBody,
            a_card={"provider": "stripe", "redirectUrl": "https://shop.example.com/saved"},
        ),
        answers={
            S.OK: json_answer(
                "The page is there.",
                SingleSetup,
                headers=(ALWAYS_POSITION, LOCATION, REPLAYED),
                open=_shown(_OPEN),
            ),
            S.ACCEPTED: json_answer(
                "Recorded; the page is not there yet. Look at `Location`.",
                SingleSetup,
                headers=(ALWAYS_POSITION, LOCATION, REPLAYED, RETRY_AFTER),
                asked=_shown(_ASKED),
            ),
            **error_answers(_SETUP, *WRITING, "key_reused"),
        },
    ),
    Operation(
        method="GET",
        path=_SETUP + "/{setupUuid}",
        id="getPaymentMethodSetup",
        tag=TAG,
        summary="Show whether a payment method was left",
        security=openapi_common.OF_TENANT,
        answers={
            S.OK: json_answer(
                "The setup as it is now.",
                SingleSetup,
                headers=(ALWAYS_POSITION,),
                open=_shown(_OPEN),
                completed=_shown(_COMPLETED),
            ),
            **error_answers(_SETUP, *CALLING),
        },
    ),
)
