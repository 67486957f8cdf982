"""Work as operators see it."""

from http import HTTPStatus as S
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import Field

from service.http.queries import WorkQuery
from service.invoices.schemas import ActionBody
from service.openapi import common as openapi_common
from service.openapi.common import ALWAYS_POSITION, IDEMPOTENCY_KEY, REPLAYED
from service.openapi.common_schemas import Moment, ResponseModel
from service.openapi.declare import JSON, Body, Content, Json, Operation, json_answer
from service.openapi.error_responses import CALLING, WRITING, error_answers
from service.openapi.examples import INVOICE, one


class Work(ResponseModel):
    """What was asked for and is not done."""

    id: str
    """What it is for: the same for as long as it is open, and if it is asked for again."""
    state: Literal["open", "gave_up"]
    kind: str
    """`invoice`: an invoice is charged, voided and so on; `refund`; `subscription`: it is changed
    or ended; `setup`: a page for a payment method is opened; `setup_completion`: what was left
    there becomes what is charged; `provider_event`: the provider is asked about one; there may be
    more kinds."""
    invoice_id: UUID | None
    refund_id: UUID | None
    subscription_id: UUID | None
    setup_id: UUID | None
    step: str | None
    """At which step it gave up; null while it is tried."""
    tries: Annotated[int, Field(ge=0)]
    last_error: str | None
    opened_at: Moment
    due_at: Moment
    """When it is tried next, or was to be."""
    gave_up_at: Moment | None


class WorkPage(ResponseModel):
    """A page of a list."""

    kind: Literal["work"]
    total_items: Annotated[int, Field(ge=0)]
    total_items_is_exact: bool
    """Totals are exact up to 10,000."""
    items_length: Annotated[int, Field(ge=0, le=100)]
    items: Annotated[list[Work], Field(max_length=100)]
    next_cursor: str | None
    """Pass it as `cursor` for the next page; null on the last."""


class SingleWork(ResponseModel):
    """One piece of work."""

    kind: Literal["work"]
    total_items: Literal[1]
    items_length: Literal[1]
    items: Annotated[list[Work], Field(min_length=1, max_length=1)]


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
        summary="List what was asked for and is not done",
        description="What is open is being done, or tried again later. What gave up used up its "
        "tries and waits for somebody to look: longest ago first.",
        security=openapi_common.OF_APP,
        query=WorkQuery,
        query_words={"state": "Any of these, given several times or separated by commas."},
        answers={
            S.OK: json_answer(
                "A page of the list.",
                WorkPage,
                gave_up=one("work", _GAVE_UP) | {"totalItemsIsExact": True, "nextCursor": None},
            ),
            **error_answers(_WORK, *CALLING, "read_model_behind"),
        },
    ),
    Operation(
        method="POST",
        path=_WORK + "/{workId}/resend",
        id="resendWork",
        tag=TAG,
        summary="Send again what gave up",
        description="It has all its tries again. What did not give up, or was sent again since, is "
        "400; what is done is 404.",
        security=openapi_common.OF_APP,
        headers=(IDEMPOTENCY_KEY,),
        body=Body(
            content={JSON: Content(model=ActionBody, examples={"asked": {}})}, required=False
        ),
        answers={
            S.OK: json_answer(
                "It is sent again.",
                SingleWork,
                headers=(ALWAYS_POSITION, REPLAYED),
                open=one("work", _GAVE_UP | _AGAIN),
            ),
            **error_answers(_WORK, *WRITING, "key_reused", "read_model_behind"),
        },
    ),
)
