from http import HTTPStatus as S
from typing import Final

from service.action_requests import ActionBody
from service.list_query import WorkQuery
from service.openapi import security
from service.openapi.declaring import JSON, Body, Content, Json, Operation, json_answer
from service.openapi.examples import INVOICE, one
from service.openapi.headers import ALWAYS_POSITION, IDEMPOTENCY_KEY, REPLAYED
from service.openapi.refusals import CALLING, WRITING, refused
from service.openapi.shapes_work import SingleWork, WorkPage

TAG: Final = "Work"
_WORK: Final = "/api/v1/apps/{appUuid}/work"

_GAVE_UP: Final[Json] = {
    "id": f"settle:{INVOICE}",
    "state": "gave_up",
    "kind": "settle",
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
        security=security.OF_APP,
        query=WorkQuery,
        query_words={"state": "Any of these, given several times or separated by commas."},
        answers={
            S.OK: json_answer(
                "A page of the list.",
                WorkPage,
                gave_up=one("work", _GAVE_UP) | {"totalItemsIsExact": True, "nextCursor": None},
            ),
            **refused(_WORK, *CALLING, "read_model_behind"),
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
        security=security.OF_APP,
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
            **refused(_WORK, *WRITING, "key_reused", "read_model_behind"),
        },
    ),
)
