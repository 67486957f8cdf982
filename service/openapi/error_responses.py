"""Declare error responses: statuses and codes of service/http/errors.py, by dialect."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus as S
from typing import Final
from uuid import UUID

import orjson

from eventlog.errors import HistoryDetached
from service.http.canonical_errors import Errors
from service.http.error_rendering import renderer_of
from service.http.errors import (
    AccessUnverified,
    AppDisabled,
    BadRequest,
    FieldError,
    Forbidden,
    KeyReused,
    NotFound,
    Problem,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    ReadModelBehind,
    TimedOut,
    TooLarge,
    TooManyHeaders,
    TooSlow,
    Unauthorized,
    UnsupportedMedia,
    WebhookRejected,
    WrongKeyType,
    problem_of,
)
from service.http.plain_errors import PlainError
from service.http.response_model import ResponseModel
from service.http.responses import serialized
from service.http.success_envelope import SuccessError
from service.openapi.common import RETRY_AFTER
from service.openapi.declare import DeclaredResponse, Json, json_response

_TEXTS: Final[Mapping[int, str]] = {
    S.BAD_REQUEST: "The request is invalid; each error names its field.",
    S.UNAUTHORIZED: "The key or token is missing or invalid.",
    S.PAYMENT_REQUIRED: "The payment was declined.",
    S.FORBIDDEN: "The app is disabled, or the caller may not do this.",
    S.NOT_FOUND: "The object does not exist, or the caller has no access to it.",
    S.CONFLICT: "Events of the object are archived: its partitions of the log are detached.",
    S.REQUEST_TIMEOUT: "The body did not arrive in time.",
    S.REQUEST_ENTITY_TOO_LARGE: "The body is too large.",
    S.UNSUPPORTED_MEDIA_TYPE: "The content type of the body is not supported.",
    S.UNPROCESSABLE_ENTITY: "The idempotency key was used for another request.",
    S.TOO_MANY_REQUESTS: "The caller has exceeded its rate limit.",
    S.REQUEST_HEADER_FIELDS_TOO_LARGE: "The request line and headers are too large.",
    S.INTERNAL_SERVER_ERROR: "Internal server error.",
    S.SERVICE_UNAVAILABLE: "Temporarily unavailable; retry later.",
    S.GATEWAY_TIMEOUT: "The provider did not answer in time.",
}

_BAD: Final = BadRequest(FieldError(message="limit: must be less than 101", path="limit"))
_ERRORS: Final[Mapping[str, Problem]] = {
    "bad_request": problem_of(_BAD),
    "unverified_delivery": problem_of(WebhookRejected("unsigned")),
    "unauthorized": problem_of(Unauthorized()),
    "wrong_key_type": problem_of(WrongKeyType()),
    "declined": Problem(
        status=S.PAYMENT_REQUIRED,
        code="[E4020]",
        faults=[
            FieldError(
                message="Your card has insufficient funds.",
                provider_code="card_declined",
                decline_code="insufficient_funds",
            )
        ],
    ),
    "app_disabled": problem_of(AppDisabled()),
    "forbidden": problem_of(Forbidden()),
    "missing": problem_of(NotFound()),
    "too_slow": problem_of(TooSlow()),
    "too_large": problem_of(TooLarge()),
    "unsupported_media": problem_of(UnsupportedMedia()),
    "history_detached": problem_of(HistoryDetached(UUID(int=0), 1, 2)),
    "key_reused": problem_of(KeyReused()),
    "rate_limited": problem_of(RateLimited(12)),
    "too_many_headers": problem_of(TooManyHeaders()),
    "unexpected": problem_of(Exception()),
    "access_unverified": problem_of(AccessUnverified()),
    "read_model_behind": problem_of(ReadModelBehind()),
    "timed_out": problem_of(TimedOut()),
    "provider_unavailable": problem_of(ProviderUnavailable()),
    "provider_silent": problem_of(ProviderTimeout()),
}

ANY_ERRORS: Final = ("too_many_headers", "unexpected", "access_unverified", "timed_out")
READ_ERRORS: Final = (
    *ANY_ERRORS,
    "bad_request",
    "unauthorized",
    "wrong_key_type",
    "app_disabled",
    "missing",
    "rate_limited",
)
BODY_ERRORS: Final = ("bad_request", "too_slow", "too_large", "unsupported_media")
WRITE_ERRORS: Final = (*READ_ERRORS, *BODY_ERRORS)
KEYED_ERRORS: Final = (*WRITE_ERRORS, "key_reused", "history_detached")
LOOKUP_ERRORS: Final = ("provider_silent", "provider_unavailable")


@dataclass(frozen=True)
class _Dialect:
    """The name and model of a dialect's error responses."""

    name: str
    model: type[ResponseModel]


_CANONICAL: Final = ("/", _Dialect("Error", Errors))
_DIALECTS: Final = (
    ("/v1/", _Dialect("ChargeError", SuccessError)),
    ("/api/v1/tenants/", _Dialect("ChargeError", SuccessError)),
    ("/admin/api/", _Dialect("DraftError", PlainError)),
    ("/stripe/", _Dialect("DraftError", PlainError)),
)


def error_responses(path: str, *errors: str) -> dict[int, DeclaredResponse]:
    """Declare the error responses of a path, by their names above, in its dialect."""
    prefix, dialect = next((one for one in _DIALECTS if path.startswith(one[0])), _CANONICAL)
    statuses = {_rendered(prefix, name)[0] for name in errors}
    return {status: _answer(prefix, dialect, status) for status in sorted(statuses)}


@cache
def _answer(prefix: str, dialect: _Dialect, status: int) -> DeclaredResponse:
    """Declare the response of a status, with an example of each error."""
    rendered = {name: _rendered(prefix, name) for name in _ERRORS}
    examples = {name: document for name, (found, document) in rendered.items() if found == status}
    waits = any("retry-after" in _ERRORS[name].headers for name in examples)
    return json_response(
        _TEXTS[status],
        dialect.model,
        headers=(RETRY_AFTER,) if waits else (),
        name=f"{dialect.name}{status}",
        **examples,
    )


@cache
def _rendered(prefix: str, name: str) -> tuple[int, Json]:
    """Render an error by its name for paths with a prefix: its status and its document."""
    rendered = renderer_of(prefix)(_ERRORS[name], request_id="6f1c0e5a4d3b4c2f9a8b7c6d5e4f3a2b")
    return int(rendered.status), orjson.loads(serialized(rendered.document))
