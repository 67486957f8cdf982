"""OpenAPI operation of the webhook inbox."""

from http import HTTPStatus as S
from typing import Final

from service.openapi.common import POSITION, STRIPE_SIGNATURE
from service.openapi.declare import JSON, Body, Content, Json, Operation, json_response
from service.openapi.error_responses import ANY_ERRORS, error_responses
from service.webhooks.response_schemas import Received

TAG: Final = "Webhooks"
_INBOX: Final = "/webhooks/{provider}/{connectionId}"
STRIPE_EVENT: Final[Json] = {
    "id": "evt_12345",
    "object": "event",
    "type": "invoice.paid",
    "created": 1769851802,
    "livemode": False,
    "data": {"object": {"id": "in_12345", "object": "invoice", "status": "paid"}},
}
_TOKEN: Final[Json] = {
    "type": "string",
    "minLength": 1,
    "maxLength": 255,
    "pattern": r"^[\x21-\x7e]+$",
}
_ABOUT: Final[Json] = {
    "type": "object",
    "description": "What the event is about, as it then was.",
    "required": ["object"],
    "properties": {"id": {"anyOf": [_TOKEN, {"type": "null"}]}, "object": _TOKEN},
}
_STRIPE_EVENT: Final[Json] = {
    "type": "object",
    "description": "Stripe's Event object; what is not named here is kept as it came.",
    "required": ["id", "type", "created", "livemode", "data"],
    "properties": {
        "id": _TOKEN,
        "type": _TOKEN,
        "created": {"type": "integer", "minimum": 0, "maximum": 253_402_300_799},
        "livemode": {"type": "boolean", "description": "Must be the connection's mode."},
        "data": {
            "type": "object",
            "required": ["object"],
            "properties": {"object": _ABOUT},
        },
    },
}

OPERATIONS: Final = (
    Operation(
        method="POST",
        path=_INBOX,
        id="receiveWebhook",
        tag=TAG,
        summary="Receive a webhook from a provider",
        description="Called by the provider only: register this URL there and store its "
        "signing secret. The response is sent when the delivery is stored, before "
        "it is applied. Repeated deliveries of an event are stored once. An unsigned webhook of "
        "Mollie, a form whose `id` names a payment, proves no sender: it is answered alike "
        "whatever its connection and body are, so that the response reveals nothing.",
        headers=(STRIPE_SIGNATURE,),
        body=Body(
            content={
                JSON: Content(
                    schema=_STRIPE_EVENT,
                    examples={"an_invoice_was_paid": STRIPE_EVENT},
                )
            }
        ),
        responses={
            S.OK: json_response(
                "Stored.", Received, headers=(POSITION,), stored={"received": True}
            ),
            **error_responses(
                _INBOX, *ANY_ERRORS, "unverified_delivery", "missing", "too_slow", "too_large"
            ),
        },
    ),
)
