"""Count rejected webhook deliveries and record them for operators."""

import hashlib
import ipaddress
from typing import Final
from uuid import uuid4

from starlette.requests import Request

from eventlog.security.safe_json import cleaned
from projections.access.queries import ConnectionRow
from projections.inbox.rejected import RejectedDelivery
from service.http.errors import TooLarge, TooSlow, WebhookRejected
from service.webhooks.context import context_of

_LONGEST_HEADER: Final = 200
_MOST_DIGITS: Final = 15


Rejection = WebhookRejected | TooLarge | TooSlow
REJECTIONS: Final = (WebhookRejected, TooLarge, TooSlow)


def record_rejection(
    request: Request, connection: ConnectionRow, error: Rejection, *, raw: bytes | None
) -> None:
    """Count and record a delivery that was rejected; `raw` is None before its body is read."""
    context, reason = context_of(request), _reason(error)
    context.recording.metrics.record_delivery(connection.provider, reason)
    context.rejections.add(
        RejectedDelivery(
            id=uuid4(),
            app_id=connection.app_id,
            connection_id=connection.connection_id,
            connection=connection.name,
            provider=connection.provider,
            mode=connection.mode,
            received_at=context.now(),
            reason=reason,
            size_bytes=_announced(request) if raw is None else len(raw),
            body_sha256=None if raw is None else hashlib.sha256(raw).hexdigest(),
            content_type=_header(request, "content-type"),
            user_agent=_header(request, "user-agent"),
            remote=_remote(request),
        )
    )


def _reason(error: Rejection) -> str:
    if isinstance(error, WebhookRejected):
        return error.reason
    return "too_large" if isinstance(error, TooLarge) else "too_slow"


def _announced(request: Request) -> int | None:
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() and len(length) <= _MOST_DIGITS else None


def _header(request: Request, header: str) -> str | None:
    """Return the beginning of a header without secrets, in characters that can be stored."""
    value = request.headers.get(header)
    return None if value is None else cleaned(value)[:_LONGEST_HEADER]


def _remote(request: Request) -> str:
    """Return the kind of network of the sender, or of the proxy."""
    try:
        address = ipaddress.ip_address(request.client.host if request.client else "")
    except ValueError:
        return "unknown"
    if address.is_loopback:
        return "loopback"
    return "private" if address.is_private else "public"
