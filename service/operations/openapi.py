"""What machines ask, and what providers send."""

from http import HTTPStatus as S
from typing import Final

from service.invoices import openapi_examples as invoices_openapi_examples
from service.openapi.common import POSITION, STRIPE_SIGNATURE
from service.openapi.common_schemas import Health, Readiness, Received
from service.openapi.declare import JSON, Answer, Body, Content, Json, Operation, json_answer
from service.openapi.error_responses import ANY, refused

TAG: Final = "Service"
INBOX: Final = "Webhooks"
_INBOX: Final = "/webhooks/{provider}/{connectionId}"
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

_WEBHOOK: Final = Operation(
    method="POST",
    path=_INBOX,
    id="receiveWebhook",
    tag=INBOX,
    summary="Take in a provider's delivery",
    description="For the provider alone: the URL is set there, with a signing secret. Answered "
    "when the delivery is stored, whatever comes of it. The same event twice is stored once.",
    headers=(STRIPE_SIGNATURE,),
    body=Body(
        content={
            JSON: Content(
                schema=_STRIPE_EVENT,
                examples={"an_invoice_was_paid": invoices_openapi_examples.STRIPE_EVENT},
            )
        }
    ),
    answers={
        S.OK: json_answer("Stored.", Received, headers=(POSITION,), stored={"received": True}),
        **refused(_INBOX, *ANY, "unverified_delivery", "missing", "too_slow", "too_large"),
    },
)

_HEALTH: Final = Operation(
    method="GET",
    path="/healthz",
    id="getHealth",
    tag=TAG,
    summary="Say that the process lives",
    answers={S.OK: json_answer("It does.", Health, alive={"status": "ok"})},
)

_READY: Final = Operation(
    method="GET",
    path="/readyz",
    id="getReadiness",
    tag=TAG,
    summary="Say whether requests would be answered",
    answers={
        S.OK: json_answer(
            "They would.", Readiness, ready={"ready": True, "checks": {"database": "ok"}}
        ),
        S.SERVICE_UNAVAILABLE: json_answer(
            "Not now; the checks say why.",
            Readiness,
            not_ready={"ready": False, "checks": {"database": "does not answer"}},
        ),
    },
)


def _text(path: str, name: str, summary: str, media_type: str) -> Operation:
    content = {media_type: Content(schema={"type": "string"})}
    answer = Answer(description="The text.", content=content)
    return Operation(
        method="GET", path=path, id=name, tag=TAG, summary=summary, answers={S.OK: answer}
    )


_OPENAPI: Final = Operation(
    method="GET",
    path="/openapi.json",
    id="getOpenapi",
    tag=TAG,
    summary="This document",
    answers={
        S.OK: Answer(
            description="OpenAPI 3.1.",
            content={JSON: Content(schema={"type": "object", "required": ["openapi", "paths"]})},
        )
    },
)

OPERATIONS: Final = (
    _WEBHOOK,
    _HEALTH,
    _READY,
    _text("/metrics", "getMetrics", "Counts, in Prometheus's text format", "text/plain"),
    _OPENAPI,
    _text("/docs", "getDocs", "This document, as a page to read", "text/html"),
)
