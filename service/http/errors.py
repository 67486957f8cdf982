"""What the service refuses, and the one table from error to status and code.

ApiError
├── BadRequest            faults, each with its field's path
├── Unauthorized          no key, an unknown one, or another app's
├── WrongKeyType
├── AppDisabled
├── Forbidden             a token may not do this
├── NotFound               it does not exist, or not for this caller
├── TooLarge
├── TooSlow               the body did not arrive in time
├── TooManyHeaders
├── RateLimited
├── TimedOut              there was no answer in time
├── UnsupportedMedia
├── KeyReused             an idempotency key came with another request
├── WebhookRejected        a delivery that does not prove who sent it
├── AccessUnverified      keys cannot be checked now
├── ProviderTimeout        a provider, or the worker that asks it, did not answer in time
├── ProviderUnavailable   a provider can't be asked now, or does not accept what we ask with
└── ReadModelBehind       what the caller has seen is not folded yet
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from starlette.exceptions import HTTPException

from domain.core import errors as domain_errors
from eventlog.errors import LogClosed, LogUnavailable
from projections.engine.errors import BadCursor, ReadModelUnavailable


@dataclass(frozen=True, kw_only=True)
class FieldError:
    """One thing wrong with a request; codes are the provider's."""

    message: str
    path: str | None = None
    provider_code: str | None = None
    decline_code: str | None = None


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What a caller is told; a dialect renders it."""

    status: int
    code: str
    faults: Sequence[FieldError]
    headers: Mapping[str, str] = field(default_factory=dict)


class ApiError(Exception):
    """The root; `faults` replace the table's own message."""

    def __init__(self, *faults: FieldError) -> None:
        self.faults = faults
        super().__init__(", ".join(fault.path or fault.message for fault in faults))


class BadRequest(ApiError):
    """The request says what it must not, or says it wrongly."""


class Unauthorized(ApiError):
    """No key that opens this."""


class WrongKeyType(ApiError):
    """The key is not of the kind that the method needs, or that the header says."""


class AppDisabled(ApiError):
    """The app may not do anything for now."""


class Forbidden(ApiError):
    """The caller may not ask for this."""


class NotFound(ApiError):
    """It does not exist for this caller."""


class TooLarge(ApiError):
    """The body is longer than the limit."""


class TooSlow(ApiError):
    """The body did not arrive in time."""


class TooManyHeaders(ApiError):
    """The request's line and headers are longer than the limit."""


class RateLimited(ApiError):
    """The caller has called too often; again in `retry_after_s`."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__()
        self.retry_after_s = retry_after_s


class TimedOut(ApiError):
    """The answer was not begun in time."""


class UnsupportedMedia(ApiError):
    """The body is of a type that is not read here."""


class KeyReused(ApiError):
    """The idempotency key belongs to another request."""


class WebhookRejected(ApiError):
    """A delivery could not be verified or read; `reason` is for the counters."""

    def __init__(self, reason: str, *faults: FieldError) -> None:
        super().__init__(*faults)
        self.reason = reason


class HintsOverLimit(ApiError):
    """Unsigned deliveries come faster than payments can be fetched: the sender repeats them."""


class DeliveriesOverRate(ApiError):
    """A connection has delivered more webhooks in a minute than are admitted."""


class DeliveriesOverBytes(ApiError):
    """A connection has delivered more bytes in a day than are admitted."""


class AccessUnverified(ApiError):
    """Keys have not been verified for too long: no stale yes."""


class ProviderTimeout(ApiError):
    """What only the provider knows did not come in time."""


class ProviderUnavailable(ApiError):
    """What only the provider knows is not to be had now."""


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
    TooLarge: _Row(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "[E4130]", "Payload Too Large"),
    TooSlow: _Row(HTTPStatus.REQUEST_TIMEOUT, "[E4080]", "The body did not arrive in time"),
    TooManyHeaders: _Row(
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "[E4310]", "Request Header Fields Too Large"
    ),
    RateLimited: _Row(HTTPStatus.TOO_MANY_REQUESTS, "[E4290]", "Too Many Requests"),
    TimedOut: _Row(HTTPStatus.SERVICE_UNAVAILABLE, "[E5031]", "There was no answer in time", 1),
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
        HTTPStatus.SERVICE_UNAVAILABLE, "[E5030]", "The provider can't be asked now", 5
    ),
    LogUnavailable: _Row(HTTPStatus.SERVICE_UNAVAILABLE, "[E5030]", "Service Unavailable", 1),
    ReadModelUnavailable: _Row(HTTPStatus.SERVICE_UNAVAILABLE, "[E5030]", "Service Unavailable", 1),
    LogClosed: _Row(HTTPStatus.SERVICE_UNAVAILABLE, "[E5030]", "Service Unavailable", 1),
    domain_errors.StaleWrite: _Row(
        HTTPStatus.SERVICE_UNAVAILABLE, "[E5030]", "Others are changing it: try again", 1
    ),
}
# What is asked of invoices and subscriptions, in the words that tell callers that it is not done.
DONE: Final[Mapping[str, str]] = {
    "retry": "charged again",
    "void": "voided",
    "finalize": "finalized",
    "uncollectible": "written off",
    "refund": "refunded",
    "cancel": "canceled",
    "change": "changed",
    "resend": "sent again",
}
_UNEXPECTED: Final = _Row(HTTPStatus.INTERNAL_SERVER_ERROR, "[E0000]", "Internal Server Error")

HANDLED_ERRORS: Final = tuple(_TABLE)


def problem_of(error: Exception) -> Problem:
    """Say what a caller is told about an error; what the table does not know is a 500."""
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
    """Say why something can't be asked of it."""
    path = error.path or "status"
    message = f"{path}: can't be {DONE.get(error.action, error.action)}: {error.reason}"
    return FieldError(message=message, path=path)


def _router_problem(error: HTTPException) -> Problem:
    """Say what Starlette's router refuses: no such path, no such method."""
    return Problem(
        status=error.status_code,
        code=f"[E{error.status_code}0]",
        faults=(FieldError(message=HTTPStatus(error.status_code).phrase),),
        headers=error.headers or {},
    )
