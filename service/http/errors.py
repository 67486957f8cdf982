"""Errors of the service, and the table of their statuses and codes.

ApiError
├── BadRequest            errors of the request, each with its field's path
├── Unauthorized          no key, an unknown one, or another app's
├── WrongKeyType
├── AppDisabled
├── Forbidden             not allowed with a token
├── NotFound              does not exist, or not for this caller
├── TooLarge
├── TooSlow               the body did not arrive in time
├── TooManyHeaders
├── RateLimited
├── TimedOut              no response in time
├── ShuttingDown          the process stops before the response
├── UnsupportedMedia
├── KeyReused             an idempotency key with a different request
├── WebhookRejected       a delivery that is not verified
├── HintsOverLimit        too many unsigned deliveries
├── AccessUnverified      keys cannot be verified now
├── ProviderTimeout       a provider lookup did not finish in time
├── ProviderUnavailable   the provider is unavailable, or rejects our credentials
└── ReadModelBehind       the read model has not reached the caller's position
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from starlette.exceptions import HTTPException

from domain.core import errors as domain_errors
from eventlog.errors import HistoryDetached, LogClosed, LogUnavailable
from projections.engine.errors import BadCursor, ReadModelUnavailable


@dataclass(frozen=True, kw_only=True)
class FieldError:
    """An error of a request, mostly of one field; the codes are the provider's."""

    message: str
    path: str | None = None
    provider_code: str | None = None
    decline_code: str | None = None


@dataclass(frozen=True, kw_only=True)
class Problem:
    """An error response, which each dialect renders in its format."""

    status: int
    code: str
    faults: Sequence[FieldError]
    headers: Mapping[str, str] = field(default_factory=dict)


class ApiError(Exception):
    """Base class of the service's errors; `faults` replace the table's message."""

    def __init__(self, *faults: FieldError) -> None:
        self.faults = faults
        super().__init__(
            ", ".join(field_error.path or field_error.message for field_error in faults)
        )


class BadRequest(ApiError):
    """The request has an invalid or unknown value."""


class Unauthorized(ApiError):
    """The request has no valid key or token."""


class WrongKeyType(ApiError):
    """The key's kind does not match the method or the header."""


class AppDisabled(ApiError):
    """The app is disabled."""


class Forbidden(ApiError):
    """The token does not allow this request."""


class NotFound(ApiError):
    """The object does not exist for this caller."""


class TooLarge(ApiError):
    """The body is longer than the limit."""


class TooSlow(ApiError):
    """The body did not arrive in time."""


class TooManyHeaders(ApiError):
    """The request's line and headers are longer than the limit."""


class RateLimited(ApiError):
    """The caller exceeds the rate limit; retry in `retry_after_s`."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__()
        self.retry_after_s = retry_after_s


class TimedOut(ApiError):
    """The response did not start in time."""


class ShuttingDown(ApiError):
    """The process stops before the response is ready."""


class UnsupportedMedia(ApiError):
    """The body's media type is not accepted."""


class KeyReused(ApiError):
    """The idempotency key was used for a different request."""


class WebhookRejected(ApiError):
    """A delivery could not be verified or parsed; `reason` is a label of the metrics."""

    def __init__(self, reason: str, *faults: FieldError) -> None:
        super().__init__(*faults)
        self.reason = reason


class HintsOverLimit(ApiError):
    """Too many unsigned deliveries about unknown payments; the sender repeats them."""


class DeliveriesOverRate(ApiError):
    """A connection has delivered more webhooks in a minute than are admitted."""


class DeliveriesOverBytes(ApiError):
    """A connection has delivered more bytes in a day than are admitted."""


class AccessUnverified(ApiError):
    """The cached keys are too old to be trusted."""


class ProviderTimeout(ApiError):
    """A lookup at the provider did not finish in time."""


class ProviderUnavailable(ApiError):
    """A lookup at the provider is not possible now."""


class ReadModelBehind(ApiError):
    """The read model did not reach the position in time."""


@dataclass(frozen=True)
class _Row:
    status: HTTPStatus
    code: str
    message: str
    retry_after_s: int | None = None


_TABLE: Final[Mapping[type[Exception], _Row]] = {
    BadRequest: _Row(HTTPStatus.BAD_REQUEST, "[E4000]", "Bad Request / validation error"),
    BadCursor: _Row(HTTPStatus.BAD_REQUEST, "[E4000]", "cursor: is none of this list's"),
    WebhookRejected: _Row(HTTPStatus.BAD_REQUEST, "[E4000]", "The delivery can't be verified"),
    Unauthorized: _Row(HTTPStatus.UNAUTHORIZED, "[E4010]", "Unauthorized Token or API key"),
    WrongKeyType: _Row(HTTPStatus.UNAUTHORIZED, "[E4011]", "Unauthorized API key type"),
    AppDisabled: _Row(HTTPStatus.FORBIDDEN, "[E4030]", "App Is Disabled"),
    Forbidden: _Row(HTTPStatus.FORBIDDEN, "[E4031]", "Forbidden"),
    NotFound: _Row(HTTPStatus.NOT_FOUND, "[E4040]", "Not Found"),
    domain_errors.NotFound: _Row(HTTPStatus.NOT_FOUND, "[E4040]", "Not Found"),
    HistoryDetached: _Row(HTTPStatus.CONFLICT, "[E4090]", "The history of this object is archived"),
    TooLarge: _Row(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "[E4130]", "Payload Too Large"),
    TooSlow: _Row(HTTPStatus.REQUEST_TIMEOUT, "[E4080]", "The body did not arrive in time"),
    TooManyHeaders: _Row(
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "[E4310]", "Request Header Fields Too Large"
    ),
    RateLimited: _Row(HTTPStatus.TOO_MANY_REQUESTS, "[E4290]", "Too Many Requests"),
    TimedOut: _Row(HTTPStatus.SERVICE_UNAVAILABLE, "[E5031]", "There was no answer in time", 1),
    ShuttingDown: _Row(HTTPStatus.SERVICE_UNAVAILABLE, "[E5030]", "Service Unavailable", 1),
    UnsupportedMedia: _Row(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "[E4150]",
        "Unsupported Media Type: send application/json",
    ),
    KeyReused: _Row(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "[E4220]",
        "Idempotency-Key: was used for another request",
    ),
    domain_errors.Contradiction: _Row(
        HTTPStatus.BAD_REQUEST, "[E4000]", "It has been decided otherwise before"
    ),
    HintsOverLimit: _Row(HTTPStatus.SERVICE_UNAVAILABLE, "[E5032]", "Too many deliveries", 60),
    DeliveriesOverRate: _Row(HTTPStatus.SERVICE_UNAVAILABLE, "[E5032]", "Too many deliveries", 60),
    DeliveriesOverBytes: _Row(
        HTTPStatus.SERVICE_UNAVAILABLE, "[E5032]", "Too many deliveries", 3600
    ),
    AccessUnverified: _Row(HTTPStatus.SERVICE_UNAVAILABLE, "[E5030]", "Service Unavailable", 1),
    ReadModelBehind: _Row(
        HTTPStatus.SERVICE_UNAVAILABLE, "[E5030]", "minPosition: is not reached yet", 1
    ),
    ProviderTimeout: _Row(
        HTTPStatus.GATEWAY_TIMEOUT, "[E5040]", "The provider did not answer in time", 1
    ),
    ProviderUnavailable: _Row(
        HTTPStatus.SERVICE_UNAVAILABLE, "[E5030]", "The provider is not available now", 5
    ),
    LogUnavailable: _Row(HTTPStatus.SERVICE_UNAVAILABLE, "[E5030]", "Service Unavailable", 1),
    ReadModelUnavailable: _Row(HTTPStatus.SERVICE_UNAVAILABLE, "[E5030]", "Service Unavailable", 1),
    LogClosed: _Row(HTTPStatus.SERVICE_UNAVAILABLE, "[E5030]", "Service Unavailable", 1),
    domain_errors.StaleWrite: _Row(
        HTTPStatus.SERVICE_UNAVAILABLE, "[E5030]", "Others are changing it: try again", 1
    ),
}
# Participles of the actions, for messages.
ACTION_PARTICIPLES: Final[Mapping[str, str]] = {
    "retry": "charged again",
    "void": "voided",
    "finalize": "finalized",
    "uncollectible": "written off",
    "capture": "captured",
    "refund": "refunded",
    "cancel": "canceled",
    "change": "changed",
    "resend": "sent again",
}
_UNEXPECTED: Final = _Row(HTTPStatus.INTERNAL_SERVER_ERROR, "[E0000]", "Internal Server Error")

HANDLED_ERRORS: Final = tuple(_TABLE)


def problem_of(error: Exception) -> Problem:
    """Return the problem of an error; errors outside the table are a 500."""
    if isinstance(error, HTTPException):
        return _router_problem(error)
    row = next((_TABLE[kind] for kind in type(error).__mro__ if kind in _TABLE), _UNEXPECTED)
    retry_after_s = getattr(error, "retry_after_s", row.retry_after_s)
    headers = {} if retry_after_s is None else {"retry-after": str(retry_after_s)}
    faults: Sequence[FieldError] = error.faults if isinstance(error, ApiError) else ()
    if isinstance(error, domain_errors.NotPossible):
        faults = (_not_possible(error),)
    return Problem(
        status=row.status,
        code=row.code,
        faults=faults or (FieldError(message=row.message),),
        headers=headers,
    )


def _not_possible(error: domain_errors.NotPossible) -> FieldError:
    """Return the reason why an action is not possible."""
    path = error.path or "status"
    message = (
        f"{path}: can't be {ACTION_PARTICIPLES.get(error.action, error.action)}: {error.reason}"
    )
    return FieldError(message=message, path=path)


def _router_problem(error: HTTPException) -> Problem:
    """Return the problem of Starlette's router: unknown path or method."""
    return Problem(
        status=error.status_code,
        code=f"[E{error.status_code}0]",
        faults=(FieldError(message=HTTPStatus(error.status_code).phrase),),
        headers=error.headers or {},
    )
