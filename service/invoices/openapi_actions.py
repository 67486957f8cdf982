from http import HTTPStatus as S
from typing import Final

from pydantic import BaseModel

from service.http.response_model import ResponseModel
from service.invoices import openapi_action_examples as examples
from service.invoices.openapi import TAG
from service.invoices.response_schemas import RefundedInvoices, RequestedInvoices
from service.invoices.schemas import ActionBody, CaptureBody, RefundBody, RetryBody
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
from service.openapi.error_responses import KEYED_ERRORS, error_responses

_INVOICE: Final = "/api/v1/apps/{appUuid}/invoices/{invoiceUuid}"
_ABOUT: Final = (
    " The request is recorded, then carried out by a worker. The response has the outcome, or "
    "is 202 when the wait ends first. An action that the invoice's status does not allow, that "
    "the provider rejects, or that another change overtook is 400 with the reason."
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
            content={JSON: Content(model=body, examples={"requested": example or {}})},
            required=False,
        ),
        responses={
            **_outcomes(model, succeeded=succeeded, pending=pending),
            **error_responses(_INVOICE, *KEYED_ERRORS, *(["declined"] if declines else [])),
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
        "Retry the payment of an invoice",
        about="For an invoice that is open, failed, requires action or is uncollectible. "
        "`paymentMethod` selects another of the customer's payment methods.",
        body=RetryBody,
        example=examples.RETRY_BODY,
        succeeded=examples.RETRIED,
        pending=examples.RETRYING,
        declines=True,
    ),
    _action(
        "/void",
        "voidInvoice",
        "Void an unpaid invoice",
        about="This is final. A draft is deleted and becomes `canceled`.",
        succeeded=examples.VOIDED,
        pending=examples.RETRYING,
    ),
    _action(
        "/finalize",
        "finalizeInvoice",
        "Finalize a draft",
        about="The invoice becomes `open`. The provider charges it if it collects the invoice "
        "automatically.",
        succeeded=examples.FINALIZED,
        pending=examples.FINALIZING,
    ),
    _action(
        "/mark-uncollectible",
        "markInvoiceUncollectible",
        "Mark an invoice uncollectible",
        about="It no longer counts as outstanding; it can still be paid, retried or voided.",
        succeeded=examples.WRITTEN_OFF,
        pending=examples.RETRYING,
    ),
    _action(
        "/capture",
        "captureInvoice",
        "Capture an authorized payment, or a part of it",
        about="All that it holds (`amountCapturableMinor`) where `amountMinor` does not say how "
        "much. Payments are captured by the provider at once unless they were made otherwise; one "
        "that is not captured until `captureBefore` is released by the provider.",
        body=CaptureBody,
        example=examples.CAPTURE_BODY,
        succeeded=examples.CAPTURED,
        pending=examples.CAPTURING,
    ),
    _action(
        "/refunds",
        "refundInvoice",
        "Refund an invoice, in full or in part",
        about="Without `amountMinor` the whole remaining amount is refunded. The amount is "
        "reserved when the request is recorded, so that concurrent refunds cannot exceed "
        "the amount paid. `refundId` identifies the refund in `refunds`; it is `pending` "
        "while the provider processes it. Without `creditNote` the invoice's total does "
        "not change.",
        body=RefundBody,
        example=examples.REFUND_BODY,
        model=RefundedInvoices,
        succeeded=examples.REFUNDED,
        pending=examples.REFUNDING,
    ),
)
