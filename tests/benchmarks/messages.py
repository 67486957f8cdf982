"""The requests that callers send, as bytes on the wire."""

import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final, Literal

Kind = Literal["webhooks", "requests"]
KINDS: Final[tuple[Kind, ...]] = ("webhooks", "requests")

_EVENT: Final = Path(__file__).with_name("invoice_paid.json")
_EVENT_ID: Final = "evt_" + "0" * 24
_HEAD: Final = "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"


@dataclass(frozen=True, kw_only=True)
class Shop:
    """Recipients of messages: an app, its tenant and connection, and the secrets of both sides."""

    app_id: str
    tenant_id: str
    connection_id: str
    write_key: str
    webhook_secret: str

    def path(self, kind: Kind) -> str:
        """Return the path that accepts such messages."""
        if kind == "webhooks":
            return f"/webhooks/stripe/{self.connection_id}"
        tenant = f"/api/v1/apps/{self.app_id}/tenants/{self.tenant_id}"
        return f"{tenant}/payment-providers/stripe/invoices"


def writer(kind: Kind, shop: Shop) -> Callable[[], bytes]:
    """Return a function that writes another request at each call."""
    return _webhooks(shop) if kind == "webhooks" else _requests(shop)


def _webhooks(shop: Shop) -> Callable[[], bytes]:
    """Write deliveries of snapshot events, signed, each with an event id of its own."""
    before, after = _EVENT.read_bytes().split(_EVENT_ID.encode())
    size = len(before) + len(_EVENT_ID) + len(after)
    head = _HEAD.format(path=shop.path("webhooks")) + f"content-length: {size}\r\n"
    head_bytes, key = head.encode(), shop.webhook_secret.encode()
    fresh = _fresh_names("evt_", length=len(_EVENT_ID))

    def write() -> bytes:
        body = b"%s%s%s" % (before, fresh(), after)
        occurred_at = b"%d" % time.time()
        signature = hmac.digest(key, b"%s.%s" % (occurred_at, body), "sha256").hex().encode()
        return b"%sstripe-signature: t=%s,v1=%s\r\n\r\n%s" % (
            head_bytes,
            occurred_at,
            signature,
            body,
        )

    return write


def _requests(shop: Shop) -> Callable[[], bytes]:
    """Write requests for an invoice that do not wait, each with an idempotency key of its own."""
    body = json.dumps(invoice_request(shop.tenant_id)).encode()
    headers = {
        "x-api-key": shop.write_key,
        "x-api-key-type": "write",
        "x-client-id": shop.app_id,
        "prefer": "respond-async",
        "content-length": str(len(body)),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head_bytes = (_HEAD.format(path=shop.path("requests")) + lines).encode()
    fresh = _fresh_names("key_", length=28)

    def write() -> bytes:
        return b"%sidempotency-key: %s\r\n\r\n%s" % (head_bytes, fresh(), body)

    return write


def invoice_request(tenant_id: str) -> dict[str, object]:
    """Return the body of a request for an invoice of two lines."""
    line = {"name": "Pro Plan", "quantity": 1, "amountMinor": 1999, "currency": "eur"}
    return {
        "tenantUuid": tenant_id,
        "lineItems": [line, line | {"name": "Setup", "quantity": 2}],
        "type": "payment",
        "userId": "user-1",
        "description": "Pro Plan and setup",
        "metadata": {"order": "2026-0001"},
    }


def _fresh_names(prefix: str, *, length: int) -> Callable[[], bytes]:
    """Yield names that no other caller, of this run or another, yields."""
    own = prefix + secrets.token_hex(6)
    digits = length - len(own)
    numbers = count()

    def fresh() -> bytes:
        return f"{own}{next(numbers):0{digits}}".encode()

    return fresh
