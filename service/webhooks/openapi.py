"""OpenAPI operations of webhook deliveries."""

from dataclasses import replace
from http import HTTPStatus as S
from typing import Final

from service.http.queries import ReadQuery
from service.openapi import common as openapi_common
from service.openapi.common import (
    ALWAYS_POSITION,
    IDEMPOTENCY_KEY,
    LAG_MS,
    LOCATION,
    PREFER,
    REPLAYED,
    RETRY_AFTER,
)
from service.openapi.declare import JSON, Body, Content, Operation, json_response
from service.openapi.error_responses import READ_ERRORS, WRITE_ERRORS, error_responses
from service.webhooks import openapi_examples as examples
from service.webhooks.response_schemas import DeliveryPage, ReplayedDeliveries, SingleDeliveries
from service.webhooks.schemas import DeliveryQuery, ReplayBody

TAG: Final = "Webhook deliveries"
_LIST: Final = "/api/v1/apps/{appUuid}/webhook-deliveries"
_ONE: Final = _LIST + "/{deliveryUuid}"
_REPLAY: Final = _ONE + "/replay"
_DELIVERY_LOCATION: Final = replace(LOCATION, description="Where the delivery can be read.")

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
        security=openapi_common.OF_APP,
        query=DeliveryQuery,
        parameter_descriptions={
            "connection": "Received by this connection, by its name.",
            "type": "Of this type, as the provider calls it: `invoice.paid`.",
            "invoiceId": "About this invoice, by our id.",
            "state": "Any of these, given several times or separated by commas.",
            "providerEventId": "This event, by the provider's id.",
            "receivedFrom": "Received at this time or later.",
            "receivedTo": "Received before this time.",
        },
        responses={
            S.OK: json_response(
                "A page of the list.", DeliveryPage, headers=(LAG_MS,), a_page=examples.PAGE
            ),
            **error_responses(_LIST, *READ_ERRORS, "read_model_behind"),
        },
    ),
    Operation(
        method="GET",
        path=_ONE,
        id="getWebhookDelivery",
        tag=TAG,
        summary="Show a delivery with all that happened to it, and its payload",
        security=openapi_common.OF_APP,
        query=ReadQuery,
        responses={
            S.OK: json_response("The delivery.", SingleDeliveries, applied=examples.SINGLE),
            **error_responses(_ONE, *READ_ERRORS),
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
        security=openapi_common.OF_APP,
        headers=(IDEMPOTENCY_KEY, PREFER),
        body=Body(
            content={JSON: Content(model=ReplayBody, examples={"nothing": {}})}, required=False
        ),
        responses={
            S.OK: json_response(
                "What came of it.",
                ReplayedDeliveries,
                headers=(ALWAYS_POSITION, _DELIVERY_LOCATION, REPLAYED),
                applied=examples.REPLAYED_DELIVERY,
            ),
            S.ACCEPTED: json_response(
                "Recorded; not applied yet. Look at `Location`.",
                ReplayedDeliveries,
                headers=(ALWAYS_POSITION, _DELIVERY_LOCATION, REPLAYED, RETRY_AFTER),
                requested=examples.REPLAY_REQUESTED,
            ),
            **error_responses(_REPLAY, *WRITE_ERRORS, "key_reused"),
        },
    ),
)
