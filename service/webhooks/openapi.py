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
from service.openapi.error_responses import KEYED_ERRORS, READ_ERRORS, error_responses
from service.webhooks import openapi_examples as examples
from service.webhooks.response_schemas import (
    DeadLetterReplays,
    DeliveryPage,
    ReplayedDeliveries,
    SingleDeliveries,
)
from service.webhooks.schemas import BulkReplayBody, DeliveryQuery, ReplayBody

TAG: Final = "Webhook deliveries"
_LIST: Final = "/api/v1/apps/{appUuid}/webhook-deliveries"
_ONE: Final = _LIST + "/{deliveryUuid}"
_REPLAY: Final = _ONE + "/replay"
_REPLAY_ALL: Final = _LIST + "/replay"
_LIST_LOCATION: Final = replace(LOCATION, description="The list of deliveries.")
_DELIVERY_LOCATION: Final = replace(LOCATION, description="Where the delivery can be read.")

OPERATIONS: Final = (
    Operation(
        method="GET",
        path=_LIST,
        id="listWebhookDeliveries",
        tag=TAG,
        summary="List webhook deliveries",
        description="Newest first. An event that was delivered several times is one entry. "
        "Rejected deliveries are `failed`; the newest 1,000 of each connection are "
        "kept, without their content, so that filters by type, invoice or event "
        "exclude them.",
        security=openapi_common.OF_APP,
        query=DeliveryQuery,
        parameter_descriptions={
            "connection": "Received by this connection, by its name.",
            "type": "The provider's event type, such as `invoice.paid`.",
            "invoiceId": "Deliveries about this invoice, by our id.",
            "state": "One or several statuses, repeated or separated by commas.",
            "providerEventId": "The provider's event id.",
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
        summary="Retrieve a webhook delivery with its events and payload",
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
        summary="Replay a webhook delivery",
        description="The request is recorded, then the delivery is applied like a new one; a "
        "state that is recorded already changes nothing. The response has the "
        "result (applied or dead letter), or is 202 when the wait ends first. A "
        "rejected delivery cannot be replayed: resend it from the provider.",
        security=openapi_common.OF_APP,
        headers=(IDEMPOTENCY_KEY, PREFER),
        body=Body(
            content={JSON: Content(model=ReplayBody, examples={"nothing": {}})}, required=False
        ),
        responses={
            S.OK: json_response(
                "The result of the replay.",
                ReplayedDeliveries,
                headers=(ALWAYS_POSITION, _DELIVERY_LOCATION, REPLAYED),
                applied=examples.REPLAYED_DELIVERY,
            ),
            S.ACCEPTED: json_response(
                "Recorded; the delivery is not applied yet. Poll `Location`.",
                ReplayedDeliveries,
                headers=(ALWAYS_POSITION, _DELIVERY_LOCATION, REPLAYED, RETRY_AFTER),
                requested=examples.REPLAY_REQUESTED,
            ),
            **error_responses(_REPLAY, *KEYED_ERRORS),
        },
    ),
    Operation(
        method="POST",
        path=_REPLAY_ALL,
        id="replayDeadLetters",
        tag=TAG,
        summary="Replay dead letters by reason and time",
        description="Requests a replay of the app's dead letters that match, the oldest first, and "
        "returns at once; each is then applied like a new delivery. At least one filter is "
        "required. Repeat the request while `remaining` is above 0.",
        security=openapi_common.OF_APP,
        headers=(IDEMPOTENCY_KEY,),
        body=Body(
            content={
                JSON: Content(
                    model=BulkReplayBody, examples={"by_reason": {"reason": "unknown invoice"}}
                )
            }
        ),
        responses={
            S.ACCEPTED: json_response(
                "The replays are requested. Poll the list of deliveries.",
                DeadLetterReplays,
                headers=(ALWAYS_POSITION, _LIST_LOCATION, REPLAYED),
                requested={"kind": "webhookReplays", "requested": 100, "remaining": 20},
            ),
            **error_responses(_REPLAY_ALL, *KEYED_ERRORS),
        },
    ),
)
