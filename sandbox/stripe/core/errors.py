"""Stripe's errors, in its JSON format.

StripeError                 any response with ``{"error": {...}}``
├── InvalidRequest          400 (404 for an object named in the path), ``invalid_request_error``
│   └── BadParameters       an invalid parameter: nothing was executed
├── Declined                402 ``card_error``; the attempt's changes are committed
└── KeyConflict             400 or 409 ``idempotency_error``
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sandbox.common.store import Json


class StripeError(Exception):
    """An error response. ``keeps_changes``: the changes made before it are committed."""

    status = 400
    type = "api_error"
    keeps_changes = False
    stored = True
    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        param: str | None = None,
        extra: Json | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status or self.status
        self.code = code
        self.param = param
        self.extra = extra or {}

    def body(self, *, request_id: str, livemode: bool) -> Json:
        """Returns the response's JSON."""
        error: Json = {"message": self.message, "type": self.type, **self.extra}
        if self.code:
            error["code"] = self.code
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        if self.param:
            error["param"] = self.param
        mode = "" if livemode else "test/"
        error["request_log_url"] = f"https://dashboard.stripe.com/{mode}logs/{request_id}"
        return {"error": dict(sorted(error.items()))}


def keeps_changes(fault: BaseException) -> bool:
    """Returns whether the changes made before an exception are committed."""
    return isinstance(fault, StripeError) and fault.keeps_changes


class InvalidRequest(StripeError):
    """A request that cannot succeed unchanged."""

    type = "invalid_request_error"


class BadParameters(InvalidRequest):
    """An unknown, missing or malformed parameter: rejected before execution, so not stored."""

    stored = False


class Unauthenticated(InvalidRequest):
    """The API key is missing or not accepted."""

    status = 401
    stored = False


class Declined(StripeError):
    """A declined charge, or one that needs authentication. The attempt's changes are committed."""

    status = 402
    type = "card_error"
    keeps_changes = True


class KeyConflict(StripeError):
    """An idempotency key that is in use, or was used for another request."""

    type = "idempotency_error"
    stored = False


def rate_limited(*, reason: str | None, retry_after_s: int | None) -> StripeError:
    """Returns the rate-limit error; the reason header names the limit."""
    error = InvalidRequest(
        "Request rate limit exceeded. Learn more about rate limits here"
        " https://stripe.com/docs/rate-limits.",
        status=429,
        code="rate_limit",
    )
    error.stored = False
    error.headers = {"Stripe-Rate-Limited-Reason": reason} if reason else {}
    if retry_after_s is not None:
        error.headers = {**error.headers, "Retry-After": str(retry_after_s)}
    return error


def lock_timeout(*, status: int = 429) -> StripeError:
    """Returns the error of a locked object, which clients should retry."""
    error = InvalidRequest(
        "This object cannot be accessed right now because another API request or Stripe"
        " process is currently accessing it. If you see this error intermittently, retry the"
        " request.",
        status=status,
        code="lock_timeout",
    )
    error.stored = False
    error.headers = {"Stripe-Should-Retry": "true"}
    return error


def key_in_use(key: str) -> KeyConflict:
    """Returns the error of an idempotency key that is in use."""
    return KeyConflict(
        "There is currently another in-progress request using this Idempotent Key (that"
        " probably means you submitted twice, and the other request is still going"
        f" through): {key}. Please try again later.",
        status=409,
        code="idempotency_key_in_use",
    )


def no_such(kind: str, object_id: str, *, param: str | None = None) -> InvalidRequest:
    """Returns the error of an unknown object: 404 if named by the path, 400 if by a parameter."""
    words = {
        "credit_note": "credit note",
        "customer_balance_transaction": "customer balance transaction",
        "payment_method": "PaymentMethod",
        "webhook_endpoint": "webhook endpoint",
    }
    noun = words.get(kind, kind)
    return InvalidRequest(
        f"No such {noun}: '{object_id}'",
        status=400 if param else 404,
        code="resource_missing",
        param=param or ("id" if kind in {"customer", "invoice"} else kind),
    )
