"""Examples of webhook deliveries."""

from typing import Final

from service.openapi.declare import Json
from service.openapi.examples import INVOICE, example, one
from service.webhooks.openapi_inbox import STRIPE_EVENT
from service.webhooks.response_schemas import Delivery

_KIND: Final = "webhookDeliveries"
_AT: Final = "2026-01-31T09:30:02.000Z"
_APPLIED: Final = [{"invoiceId": INVOICE, "subscriptionId": None, "effect": "changed"}]
_DELIVERY: Final[Json] = example(
    Delivery,
    id="9d2f6a34-1c55-5b8e-8a0d-7e6f5d4c3b2a",
    state="applied",
    connection="stripe",
    provider="stripe",
    mode="test",
    providerEventId="evt_12345",
    type="invoice.paid",
    objectType="invoice",
    objectId="in_12345",
    invoiceId=INVOICE,
    effects=_APPLIED,
    timesApplied=1,
    timesParked=0,
    timesReplayed=0,
    occurredAt=_AT,
    receivedAt=_AT,
    updatedAt=_AT,
    position=4712,
)
_REFUSED: Final[Json] = example(
    Delivery,
    id="3f8b1c7e-64d2-4f0a-b0a5-2d1e9c8b7a60",
    state="failed",
    reason="forged",
    connection="stripe",
    provider="stripe",
    mode="test",
    effects=[],
    timesApplied=0,
    timesParked=0,
    timesReplayed=0,
    receivedAt=_AT,
    updatedAt=_AT,
    refused={
        "sizeBytes": 2048,
        "bodySha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "contentType": "application/json; charset=utf-8",
        "userAgent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        "remote": "public",
    },
)
PAGE: Final[Json] = {
    "kind": _KIND,
    "totalItems": 2,
    "totalItemsIsExact": True,
    "itemsLength": 2,
    "items": [_REFUSED, _DELIVERY],
    "nextCursor": None,
}


def _happened(position: int, kind: str, **more: object) -> Json:
    plain: Json = {"by": "webhook:evt_12345", "reason": None, "retried": None, "effects": []}
    return {"position": position, "type": f"provider_event.{kind}", "at": _AT, **plain, **more}


SINGLE: Final = one(
    _KIND,
    {
        **_DELIVERY,
        "history": [_happened(4710, "received"), _happened(4712, "applied", effects=_APPLIED)],
        "payload": STRIPE_EVENT,
    },
)
REPLAYED_DELIVERY: Final = one(
    _KIND,
    {
        **_DELIVERY,
        "effects": [{"invoiceId": INVOICE, "subscriptionId": None, "effect": "confirmed"}],
        "timesApplied": 2,
        "timesReplayed": 1,
        "position": 4731,
    },
)
REPLAY_REQUESTED: Final = one(
    _KIND, {**_DELIVERY, "state": "received", "timesReplayed": 1, "position": 4730}
)
