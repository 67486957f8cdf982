from dataclasses import replace
from http import HTTPStatus as S
from typing import Final

from service.delivery_query import DeliveryQuery, ReplayBody
from service.list_query import ReadQuery
from service.openapi import examples_deliveries as examples
from service.openapi import security
from service.openapi.declaring import JSON, Body, Content, Operation, json_answer
from service.openapi.headers import (
    ALWAYS_POSITION,
    IDEMPOTENCY_KEY,
    LAG_MS,
    LOCATION,
    PREFER,
    REPLAYED,
    RETRY_AFTER,
)
from service.openapi.refusals import CALLING, WRITING, refused
from service.openapi.shapes_deliveries import DeliveryPage, ReplayedDeliveries, SingleDeliveries

TAG: Final = "Webhook deliveries"
_LIST: Final = "/api/v1/apps/{appUuid}/webhook-deliveries"
_ONE: Final = _LIST + "/{deliveryUuid}"
_REPLAY: Final = _ONE + "/replay"
_PLACE: Final = replace(LOCATION, description="Where the delivery can be read.")

OPERATIONS: Final = (
    Operation(
        method="GET",
        path=_LIST,
        id="listWebhookDeliveries",
        tag=TAG,
        summary="List what providers have delivered, and what became of it",
        description="Newest first. An event that was delivered several times is one entry. What "
        "was refused is `failed`: the newest 1,000 of each connection are kept, and nothing that "
        "they said of an event, so that they are in no list by type, invoice or event.",
        security=security.OF_APP,
        query=DeliveryQuery,
        query_words={
            "connection": "Received by this connection, by its name.",
            "type": "Of this type, as the provider calls it: `invoice.paid`.",
            "invoiceId": "About this invoice, by our id.",
            "state": "Any of these, given several times or separated by commas.",
            "providerEventId": "This event, by the provider's id.",
            "receivedFrom": "Received at this time or later.",
            "receivedTo": "Received before this time.",
        },
        answers={
            S.OK: json_answer(
                "A page of the list.", DeliveryPage, headers=(LAG_MS,), a_page=examples.PAGE
            ),
            **refused(_LIST, *CALLING, "read_model_behind"),
        },
    ),
    Operation(
        method="GET",
        path=_ONE,
        id="getWebhookDelivery",
        tag=TAG,
        summary="Show a delivery with all that happened to it, and its payload",
        security=security.OF_APP,
        query=ReadQuery,
        answers={
            S.OK: json_answer("The delivery.", SingleDeliveries, applied=examples.SINGLE),
            **refused(_ONE, *CALLING),
        },
    ),
    Operation(
        method="POST",
        path=_REPLAY,
        id="replayWebhookDelivery",
        tag=TAG,
        summary="Apply a delivery again",
        description="Recorded first, then applied as when it came: what is known already changes "
        "nothing. Answered when it is applied or dead, or with 202 after the wait. What was "
        "refused can't be replayed: let the provider send it again.",
        security=security.OF_APP,
        headers=(IDEMPOTENCY_KEY, PREFER),
        body=Body(
            content={JSON: Content(model=ReplayBody, examples={"nothing": {}})}, required=False
        ),
        answers={
            S.OK: json_answer(
                "What came of it.",
                ReplayedDeliveries,
                headers=(ALWAYS_POSITION, _PLACE, REPLAYED),
                applied=examples.REPLAYED,
            ),
            S.ACCEPTED: json_answer(
                "Recorded; not applied yet. Look at `Location`.",
                ReplayedDeliveries,
                headers=(ALWAYS_POSITION, _PLACE, REPLAYED, RETRY_AFTER),
                asked_for=examples.ASKED,
            ),
            **refused(_REPLAY, *WRITING, "key_reused"),
        },
    ),
)
