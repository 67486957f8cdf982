"""Translate Mollie's errors to the port's. Only a certainly final error is a rejection."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, Never

from domain.gateway.errors import (
    GatewayConflict,
    GatewayMisconfigured,
    GatewayRejected,
    GatewayUnavailable,
)
from eventlog.security.safe_json import cleaned

_RATE_LIMITED_S: Final = 1.0
_MAX_RETRY_AFTER_S: Final = 900.0
_UNACCEPTED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_FINAL: Final[Mapping[int, str]] = {
    HTTPStatus.BAD_REQUEST: "bad_request",
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.GONE: "gone",
    HTTPStatus.UNPROCESSABLE_ENTITY: "unprocessable_entity",
}
_MISSING: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})


def raise_port_error(status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> Never:
    """Raise the port's error; an error that is not known to be final has an unknown outcome.

    A conflict is not final at once: a call with the same key may be in progress.
    """
    detail, named = body.get("detail"), body.get("field")
    if status in _UNACCEPTED:
        raise GatewayMisconfigured(f"Mollie rejects our credentials ({status})")
    if status in _FINAL and isinstance(detail, str):
        raise GatewayRejected(
            cleaned(detail),
            code=_FINAL[status],
            param=cleaned(named) if isinstance(named, str) else None,
            missing=status in _MISSING,
        )
    if status == HTTPStatus.CONFLICT:
        raise GatewayConflict(f"Mollie answered {status}")
    limited = status == HTTPStatus.TOO_MANY_REQUESTS
    raise GatewayUnavailable(
        f"Mollie answered {status}",
        retry_after_s=_retry_after_s(headers) or (_RATE_LIMITED_S if limited else None),
        counted=not limited,
    )


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Read Retry-After in seconds, bounded; a date is ignored."""
    wish = headers.get("Retry-After", "")
    return min(float(wish), _MAX_RETRY_AFTER_S) if wish.replace(".", "", 1).isdigit() else None
