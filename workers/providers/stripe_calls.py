"""How we call Stripe: the SDK's client with our own settings, and its answers and errors in ours.

The version of Stripe's API is pinned here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final, Never, Protocol

import orjson
import stripe

from domain.gateway import GatewayMisconfigured, GatewayRejected, GatewayUnavailable

API_VERSION: Final = "2026-10-28.endive"
CONNECT_TIMEOUT_S: Final = 3.05
READ_TIMEOUT_S: Final = 20.0
NETWORK_RETRIES: Final = 1
_TOO_MANY: Final = 429
_CONFLICT: Final = 409
_SERVER_FAULT: Final = 500


class Answer(Protocol):
    """What the SDK returns, whatever its type: it remembers the bytes it was read from."""

    @property
    def last_response(self) -> Any:  # noqa: ANN401 - the SDK does not export its type
        """The answer's body, headers and status."""


def open_client(api_key: str, *, api_base: str) -> stripe.StripeClient:
    """Make a client whose version, time-outs and retries are ours."""
    stripe.enable_telemetry = False  # it writes an id below the home folder and sends it
    return stripe.StripeClient(
        api_key,
        base_addresses={"api": api_base.rstrip("/")},
        stripe_version=API_VERSION,
        max_network_retries=NETWORK_RETRIES,
        http_client=stripe.RequestsClient(timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S)),
    )


def json_of(answer: Answer) -> dict[str, Any]:
    """Read the bytes that Stripe sent, not the SDK's idea of them."""
    parsed: dict[str, Any] = orjson.loads(answer.last_response.body)
    return parsed


def asked_at(answer: Answer) -> int:
    """Tell when Stripe answered, by its own clock: Unix seconds."""
    headers: Mapping[str, str] = answer.last_response.headers
    return int(parsedate_to_datetime(headers["Date"]).timestamp())


def ask(call: Callable[[], Answer]) -> Answer:
    """Call, and say in the port's three words what went wrong."""
    try:
        return call()
    except stripe.StripeError as error:
        _translate(error)


def _translate(error: stripe.StripeError) -> Never:
    """Sort Stripe's errors. Only what is surely final becomes a rejection."""
    body = error.error
    code = (None if body is None else body.code) or error.code or "unknown"
    message = error.user_message or f"Stripe answered {error.http_status}."
    match error:
        case stripe.AuthenticationError() | stripe.PermissionError():
            raise GatewayMisconfigured(f"Stripe refuses our credentials ({code})") from error
        case stripe.CardError():
            raise GatewayRejected(
                message,
                code=code,
                decline_code=None if body is None else body.decline_code,
                param=error.param,
                declined=True,
            ) from error
        case stripe.InvalidRequestError() | stripe.IdempotencyError():
            status = error.http_status
            if status in (_CONFLICT, _TOO_MANY) or status is None or status >= _SERVER_FAULT:
                raise _unavailable(error, code) from error
            raise GatewayRejected(
                message,
                code=code,
                param=getattr(error, "param", None),
                missing=code == "resource_missing",
            ) from error
    raise _unavailable(error, code) from error


def _unavailable(error: stripe.StripeError, code: str) -> GatewayUnavailable:
    """Anything else has an unknown outcome: the same key is tried again."""
    headers: Mapping[str, str] = error.headers or {}
    wish = headers.get("Retry-After", "")
    limited = isinstance(error, stripe.RateLimitError)
    return GatewayUnavailable(
        f"{type(error).__name__} ({error.http_status}, {code})",
        retry_after_s=float(wish) if wish.replace(".", "", 1).isdigit() else None,
        counted=not limited,
    )
