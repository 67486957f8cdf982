from http import HTTPStatus as S
from typing import Final

from pydantic import BaseModel

from service.http.response_model import ResponseModel
from service.invoices import openapi_action_examples as examples
from service.invoices.openapi import TAG
from service.invoices.response_schemas import RefundedInvoices, RequestedInvoices
from service.invoices.schemas import ActionBody, RefundBody, RetryBody
from service.openapi import common as openapi_common
from service.openapi.common import (
    ALWAYS_POSITION,
    IDEMPOTENCY_KEY,
    LOCATION,
    PREFER,
    REPLAYED,
    RETRY_AFTER,
)
from service.openapi.declare import (
    JSON,
    Body,
    Content,
    DeclaredResponse,
    Json,
    Operation,
    json_response,
)
from service.openapi.error_responses import WRITE_ERRORS, error_responses

_INVOICE: Final = "/api/v1/apps/{appUuid}/invoices/{invoiceUuid}"
_ABOUT: Final = (
    " Recorded first, then carried out; answered when it is known what came of it, or with 202 "
    "after the wait. What the invoice's status does not allow, what the provider refuses, and what "
    "was overtaken by something else is 400 and says why."
)


def _action(
    path: str,
    name: str,
    summary: str,
    *,
    about: str,
    succeeded: Json,
    pending: Json,
    body: type[BaseModel] = ActionBody,
    example: Json | None = None,
    model: type[ResponseModel] = RequestedInvoices,
    declines: bool = False,
) -> Operation:
    return Operation(
        method="POST",
        path=_INVOICE + path,
        id=name,
        tag=TAG,
        summary=summary,
        description=about + _ABOUT,
        security=openapi_common.OF_APP,
        headers=(IDEMPOTENCY_KEY, PREFER),
        body=Body(
            content={JSON: Content(model=body, examples={"asked": example or {}})},
            required=False,
        ),
        responses={
            **_outcomes(model, succeeded=succeeded, pending=pending),
            **error_responses(
                _INVOICE, *WRITE_ERRORS, "key_reused", *(["declined"] if declines else [])
            ),
        },
    )


def _outcomes(
    model: type[ResponseModel], *, succeeded: Json, pending: Json
) -> dict[int, DeclaredResponse]:
    headers = (ALWAYS_POSITION, LOCATION, REPLAYED)
    return {
        S.OK: json_response("The action succeeded.", model, headers=headers, succeeded=succeeded),
        S.ACCEPTED: json_response(
            "Recorded; the action is pending. Poll `Location`.",
            model,
            headers=(*headers, RETRY_AFTER),
            requested=pending,
        ),
    }


OPERATIONS: Final = (
    _action(
        "/retry",
        "retryInvoice",
        "Try again to charge an invoice",
        about="One that is open, refused, needs the customer or was written off. `paymentMethod` "
        "charges another one of the customer's than before.",
        body=RetryBody,
        example=examples.RETRY_BODY,
        succeeded=examples.RETRIED,
        pending=examples.RETRYING,
        declines=True,
    ),
    _action(
        "/void",
        "voidInvoice",
        "Take an invoice back that was not paid",
        about="It is void for good; a draft is deleted, and `canceled`.",
        succeeded=examples.VOIDED,
        pending=examples.RETRYING,
    ),
    _action(
        "/finalize",
        "finalizeInvoice",
        "Number a draft",
        about="It is `open` then, and charged where the provider was told to do that by itself.",
        succeeded=examples.FINALIZED,
        pending=examples.FINALIZING,
    ),
    _action(
        "/mark-uncollectible",
        "writeOffInvoice",
        "Write an invoice off",
        about="It counts as outstanding no more; it can still be paid, charged again or voided.",
        succeeded=examples.WRITTEN_OFF,
        pending=examples.RETRYING,
    ),
    _action(
        "/refunds",
        "refundInvoice",
        "Give back what was paid, or a part of it",
        about="All that is left where `amountMinor` does not say how much. The amount is reserved "
        "from the asking on, so that several at once can't exceed what was paid. `refundId` names "
        "it in `refunds`; one that takes the provider days is `pending`. Without `creditNote` the "
        "money goes back and the invoice's total stays as it is.",
        body=RefundBody,
        example=examples.REFUND_BODY,
        model=RefundedInvoices,
        succeeded=examples.REFUNDED,
        pending=examples.REFUNDING,
    ),
)
