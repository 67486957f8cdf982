"""Examples of subscriptions."""

from typing import Final

from service.openapi.declare import Json
from service.openapi.examples import INVOICE, TENANT, example, one
from service.subscriptions.response_schemas import Subscription

_AT: Final = "2026-01-31T09:30:00.000Z"
_END: Final = "2026-02-28T09:30:00.000Z"
_ID: Final = "7d3f0a52-91c4-5b8e-a6d0-3e2f1c0b9a87"

_KNOWN: Final = example(
    Subscription,
    id=_ID,
    tenantUuid=TENANT,
    provider="stripe",
    connection="stripe",
    mode="test",
    origin="request",
    status="active",
    providerSubscriptionId="sub_12345",
    customer="cus_12345",
    invoiceId=INVOICE,
    currency="eur",
    lineItems=[
        {
            "name": "Pro Plan",
            "quantity": 2,
            "price": "price_monthly",
            "amountMinor": 999,
            "amountDecimal": None,
            "currency": "eur",
            "interval": "month",
            "intervalCount": 1,
            "usageBased": False,
        }
    ],
    monthlyMinor=1998,
    scheduledPhases=[],
    periodStart=_AT,
    periodEnd=_END,
    metadata={},
    createdAt=_AT,
    updatedAt="2026-01-31T09:30:02.000Z",
    position=4718,
)
_LATER: Final[Json] = {"updatedAt": "2026-02-03T14:00:00.000Z", "position": 5103}
_YEARLY: Final[Json] = {"price": "price_yearly", "quantity": 2}

CANCEL_BODY: Final[Json] = {"atPeriodEnd": True}
CHANGE_BODY: Final[Json] = {"lineItems": [_YEARLY], "when": "periodEnd"}

ACTIVE: Final = one("subscriptions", _KNOWN)
CANCELED: Final = one(
    "subscriptions",
    _KNOWN | _LATER | {"cancelAt": _END, "canceledAt": "2026-02-03T14:00:00.000Z"},
)
CHANGED: Final = one(
    "subscriptions",
    _KNOWN | _LATER | {"scheduledChange": {"lineItems": [_YEARLY], "at": _END}},
)
PAGE: Final[Json] = {
    **one("subscriptions", _KNOWN),
    "totalItems": 12,
    "totalItemsIsExact": True,
    "nextCursor": "WyIyMDI2LTAxLTMxIl0",
}
TIMELINE: Final[Json] = {
    "kind": "events",
    "items": [
        {
            "position": 4716,
            "type": "subscription.started",
            "at": _AT,
            "by": "worker",
            "data": {"origin": "request", "providerSubscriptionId": "sub_12345"},
        },
        {
            "position": 4718,
            "type": "subscription.activated",
            "at": "2026-01-31T09:30:02.000Z",
            "by": "worker",
            "data": {"monthlyMinor": 1998, "source": "answer"},
        },
    ],
}
