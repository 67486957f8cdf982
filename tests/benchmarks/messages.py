"""The requests that callers send, as bytes on the wire."""

import hmac
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final, Literal

Kind = Literal["webhooks", "requests", "refused"]
KINDS: Final[tuple[Kind, ...]] = ("webhooks", "requests")
"""Those that are recorded; `refused` is a request for an invoice without lines."""

_EVENT: Final = Path(__file__).with_name("invoice_paid.json")
_EVENT_ID: Final = "evt_" + "0" * 24
_INVOICE_ID: Final = "in_1QXfKd2eZvKYlo2C4yQ8pRsW"
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
        """Return the path that such messages are sent to."""
        if kind == "webhooks":
            return f"/webhooks/stripe/{self.connection_id}"
        tenant = f"/api/v1/apps/{self.app_id}/tenants/{self.tenant_id}"
        return f"{tenant}/payment-providers/stripe/invoices"


def writer(kind: Kind, shop: Shop) -> Callable[[], bytes]:
    """Return a function that writes another request at each call."""
    if kind == "webhooks":
        return _webhooks(shop)
    lines: dict[str, object] = {} if kind == "requests" else {"lineItems": []}
    return _requests(shop, invoice_request(shop.tenant_id) | lines)


def _webhooks(shop: Shop) -> Callable[[], bytes]:
    """Write deliveries of snapshot events, signed, each with an event and an invoice of its own."""
    event = _EVENT.read_bytes()
    size = len(event)
    before, after = event.split(_EVENT_ID.encode())
    head = _HEAD.format(path=shop.path("webhooks")) + f"content-length: {size}\r\n"
    head_bytes, key = head.encode(), shop.webhook_secret.encode()
    fresh = _fresh_names("evt_", length=len(_EVENT_ID))
    fresh_invoice = _fresh_names("in_", length=len(_INVOICE_ID))
    invoice_id = _INVOICE_ID.encode()

    def write() -> bytes:
        body = b"%s%s%s" % (before, fresh(), after.replace(invoice_id, fresh_invoice()))
        occurred_at = b"%d" % time.time()
        signature = hmac.digest(key, b"%s.%s" % (occurred_at, body), "sha256").hex().encode()
        return b"%sstripe-signature: t=%s,v1=%s\r\n\r\n%s" % (
            head_bytes,
            occurred_at,
            signature,
            body,
        )

    return write


def _requests(shop: Shop, document: Mapping[str, object]) -> Callable[[], bytes]:
    """Write requests for an invoice that do not wait, each with an idempotency key of its own."""
    body = json.dumps(document).encode()
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
