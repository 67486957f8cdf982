"""What is refused, by dialect. Every status stands beside its code in service/errors.py."""

from collections.abc import Mapping
from http import HTTPStatus as S
from typing import Final

from service.openapi.declaring import Answer, json_answer
from service.openapi.headers import RETRY_AFTER
from service.openapi.shapes import Errors

_TEXTS: Final[Mapping[S, str]] = {
    S.BAD_REQUEST: "The request says what it must not; every fault is named with its field.",
    S.UNAUTHORIZED: "No key, an unknown one, or one of another app.",
    S.PAYMENT_REQUIRED: "The payment was declined.",
    S.FORBIDDEN: "The app is disabled, or the caller may not do this.",
    S.NOT_FOUND: "It does not exist, or not for this caller.",
    S.REQUEST_ENTITY_TOO_LARGE: "The body is too long.",
    S.UNSUPPORTED_MEDIA_TYPE: "The body is of a type that is not read here.",
    S.UNPROCESSABLE_ENTITY: "The Idempotency-Key was used for another request.",
    S.TOO_MANY_REQUESTS: "Too many requests with this key.",
    S.INTERNAL_SERVER_ERROR: "A bug of ours.",
    S.SERVICE_UNAVAILABLE: "Not now: something that the answer needs is not there yet.",
}

_CANONICAL: Final[Mapping[S, tuple[str, str]]] = {
    S.BAD_REQUEST: ("[E4000]", "lineItems.0.price: is required"),
    S.UNAUTHORIZED: ("[E4010]", "Unauthorized Token or API key"),
    S.PAYMENT_REQUIRED: ("[E4020]", "Your card was declined."),
    S.FORBIDDEN: ("[E4030]", "App Is Disabled"),
    S.NOT_FOUND: ("[E4040]", "Not Found"),
    S.REQUEST_ENTITY_TOO_LARGE: ("[E4130]", "Payload Too Large"),
    S.UNSUPPORTED_MEDIA_TYPE: ("[E4150]", "Unsupported Media Type: application/json"),
    S.UNPROCESSABLE_ENTITY: ("[E4220]", "Idempotency-Key: was used for another request"),
    S.TOO_MANY_REQUESTS: ("[E4290]", "Too Many Requests"),
    S.INTERNAL_SERVER_ERROR: ("[E0000]", "Internal Server Error"),
    S.SERVICE_UNAVAILABLE: ("[E5030]", "Service Unavailable"),
}

READING: Final = (
    S.BAD_REQUEST,
    S.UNAUTHORIZED,
    S.FORBIDDEN,
    S.NOT_FOUND,
    S.INTERNAL_SERVER_ERROR,
    S.SERVICE_UNAVAILABLE,
)
WRITING: Final = (*READING, S.REQUEST_ENTITY_TOO_LARGE, S.UNSUPPORTED_MEDIA_TYPE)
WAITING: Final = {S.TOO_MANY_REQUESTS, S.SERVICE_UNAVAILABLE}


def canonical(*statuses: S) -> dict[int, Answer]:
    """Declare refusals as the canonical API renders them."""
    return {int(status): _canonical(status) for status in sorted(statuses)}


def _canonical(status: S) -> Answer:
    code, message = _CANONICAL[status]
    entry = {"validation": "error", "code": code, "message": message}
    return json_answer(
        _TEXTS[status],
        Errors,
        headers=(RETRY_AFTER,) if status in WAITING else (),
        name="".join(word.capitalize() for word in status.name.split("_")),
        **{f"{int(status)}": {"errors": [entry]}},
    )
