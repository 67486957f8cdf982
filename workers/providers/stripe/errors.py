"""Translate Stripe's errors to the port's. Only a certainly final error is a rejection."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, Never

import stripe

from domain.gateway.errors import (
    GatewayConflict,
    GatewayMisconfigured,
    GatewayRejected,
    GatewayUnavailable,
)

# Nothing was done because another call is in progress: the same key is retried soon.
_LOCKED_RETRY_S: Final = {"lock_timeout": 0.5, "idempotency_key_in_use": 1.0}
# The SDK has no class of their own for these.
_FINAL: Final = frozenset({HTTPStatus.GONE, HTTPStatus.UNPROCESSABLE_ENTITY})
_RATE_LIMITED_S: Final = 1.0
_MAX_RETRY_AFTER_S: Final = 900.0


def raise_port_error(error: stripe.StripeError) -> Never:
    """Raise what the error means; anything that is not known to be final has an unknown outcome."""
    body = error.error
    code = (None if body is None else body.code) or error.code or "unknown"
    message = error.user_message or f"Stripe answered {error.http_status}."
    if error.http_status == HTTPStatus.CONFLICT:
        raise GatewayConflict(_description(error, code)) from error
    if code in _LOCKED_RETRY_S or isinstance(error, stripe.RateLimitError):
        raise _unavailable(error, code) from error
    match error:
        case stripe.AuthenticationError() | stripe.PermissionError():
            raise GatewayMisconfigured(f"Stripe rejects our credentials ({code})") from error
        case stripe.CardError():
            raise GatewayRejected(
                message,
                code=code,
                decline_code=None if body is None else body.decline_code,
                param=error.param,
                declined=True,
            ) from error
        case stripe.InvalidRequestError() | stripe.IdempotencyError():
            raise GatewayRejected(
                message,
                code=code,
                param=getattr(error, "param", None),
                missing=code == "resource_missing",
            ) from error
        case _ if error.http_status in _FINAL and body is not None:
            gone = error.http_status == HTTPStatus.GONE
            raise GatewayRejected(message, code=code, missing=gone) from error
    raise GatewayUnavailable(
        _description(error, code), retry_after_s=_retry_after_s(error)
    ) from error


def _unavailable(error: stripe.StripeError, code: str) -> GatewayUnavailable:
    pause_s = _LOCKED_RETRY_S.get(code, _RATE_LIMITED_S)
    return GatewayUnavailable(
        _description(error, code), retry_after_s=_retry_after_s(error) or pause_s, counted=False
    )


def _description(error: stripe.StripeError, code: str) -> str:
    if isinstance(error, stripe.APIConnectionError):
        return f"no answer from Stripe: {error.user_message}"
    return f"{type(error).__name__} ({error.http_status}, {code})"


def _retry_after_s(error: stripe.StripeError) -> float | None:
    """Read Retry-After in seconds, bounded; Stripe sends no dates there."""
    headers: Mapping[str, str] = error.headers or {}
    wish = headers.get("Retry-After", "")
    return min(float(wish), _MAX_RETRY_AFTER_S) if wish.replace(".", "", 1).isdigit() else None
