"""OpenAPI operations of work."""

from http import HTTPStatus as S
from typing import Final

from service.http.queries import WorkQuery
from service.invoices.schemas import ActionBody
from service.openapi import common as openapi_common
from service.openapi.common import ALWAYS_POSITION, IDEMPOTENCY_KEY, REPLAYED
from service.openapi.declare import JSON, Body, Content, Json, Operation, json_response
from service.openapi.error_responses import KEYED_ERRORS, READ_ERRORS, error_responses
from service.openapi.examples import INVOICE, one
from service.work.response_schemas import SingleWork, WorkPage

TAG: Final = "Work"
_WORK: Final = "/api/v1/apps/{appUuid}/work"

_GAVE_UP: Final[Json] = {
    "id": f"invoice:{INVOICE}",
    "state": "gave_up",
    "kind": "invoice",
    "invoiceId": INVOICE,
    "refundId": None,
    "subscriptionId": None,
    "setupId": None,
    "step": "pay",
    "tries": 40,
    "lastError": "GatewayUnavailable: the provider did not answer",
    "openedAt": "2026-01-31T09:30:00.000Z",
    "dueAt": "2026-02-01T09:30:00.000Z",
    "gaveUpAt": "2026-02-01T09:30:00.000Z",
}
_AGAIN: Final[Json] = {
    "state": "open",
    "tries": 0,
    "dueAt": "2026-02-01T10:00:00.000Z",
    "gaveUpAt": None,
}

OPERATIONS: Final = (
    Operation(
        method="GET",
        path=_WORK,
        id="listWork",
        tag=TAG,
        summary="List open and stuck work",
        description="`open` work is running or will be retried. `gave_up` work has used up its "
        "attempts and waits for an operator. Oldest first.",
        security=openapi_common.OF_APP,
        query=WorkQuery,
        parameter_descriptions={
            "state": "One or several statuses, repeated or separated by commas."
        },
        responses={
            S.OK: json_response(
                "A page of the list.",
                WorkPage,
                gave_up=one("work", _GAVE_UP) | {"totalItemsIsExact": True, "nextCursor": None},
            ),
            **error_responses(_WORK, *READ_ERRORS, "read_model_behind"),
        },
    ),
    Operation(
        method="POST",
        path=_WORK + "/{workId}/resend",
        id="resendWork",
        tag=TAG,
        summary="Resend work that gave up",
        description="It gets a new set of attempts. Work that did not give up, or was resent "
        "already, is 400; finished work is 404.",
        security=openapi_common.OF_APP,
        headers=(IDEMPOTENCY_KEY,),
        body=Body(
            content={JSON: Content(model=ActionBody, examples={"empty": {}})}, required=False
        ),
        responses={
            S.OK: json_response(
                "The work is resent.",
                SingleWork,
                headers=(ALWAYS_POSITION, REPLAYED),
                open=one("work", _GAVE_UP | _AGAIN),
            ),
            **error_responses(_WORK, *KEYED_ERRORS, "read_model_behind"),
        },
    ),
)
