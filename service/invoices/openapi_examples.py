"""Examples that several routes show."""

from typing import Final

from service.invoices.response_schemas import (
    Invoice,
    Line,
    RequestedInvoice,
    RequestedLine,
    SingleInvoice,
)
from service.openapi.declare import Json
from service.openapi.examples import INVOICE, TENANT, example, one

_AT: Final = "2026-01-31T09:30:00.000Z"

REQUEST_BODY: Final[Json] = {
    "tenantUuid": TENANT,
    "lineItems": [{"name": "Pro Plan", "price": "price_12345"}],
    "taxRateId": "txr_12345",
    "type": "payment",
}
REQUEST_BODY_WITH_AMOUNT: Final[Json] = {
    "tenantUuid": TENANT,
    "lineItems": [{"name": "Consulting", "quantity": 3, "amountMinor": 9900, "currency": "eur"}],
    "type": "payment",
    "metadata": {"order": "A-1001"},
    "expectedTotalMinor": 29700,
}

_LINE: Final = example(RequestedLine, name="Pro Plan", quantity=1, price="price_12345")
_KNOWN: Final[Json] = {
    "id": INVOICE,
    "tenantUuid": TENANT,
    "provider": "stripe",
    "connection": "stripe",
    "mode": "test",
    "status": "paid",
    "type": "payment",
    "origin": "request",
    "number": "F3A1-0001",
    "currency": "eur",
    "totalMinor": 1999,
    "amountPaidMinor": 1999,
    "amountDueMinor": 0,
    "amountCapturableMinor": 0,
    "amountRefundedMinor": 0,
    "amountDisputedMinor": 0,
    "amountOverpaidMinor": 0,
    "taxMinor": 319,
    "lineItems": [_LINE],
    "customer": "cus_12345",
    "metadata": {},
    "attempt": 1,
    "providerObjectType": "invoice",
    "providerObjectId": "in_12345",
    "documentUrl": "https://billing.example.com/d/eyJhbGciOiJIUzI1NiJ9",
    "createdAt": _AT,
    "updatedAt": "2026-01-31T09:30:02.000Z",
    "paidAt": "2026-01-31T09:30:02.000Z",
    "position": 4711,
}
_RESPONSE: Final = {"id": "in_12345", "object": "invoice", "status": "paid"}
_WAITING: Final[Json] = _KNOWN | {
    "status": "requested",
    "number": None,
    "currency": None,
    "totalMinor": None,
    "amountPaidMinor": 0,
    "amountDueMinor": None,
    "taxMinor": None,
    "attempt": 0,
    "providerObjectType": None,
    "providerObjectId": None,
    "documentUrl": None,
    "paidAt": None,
    "updatedAt": _AT,
    "position": 4705,
}
_TAKEN: Final = {"id": "pi_12345", "at": _AT, "amountMinor": 1999, "method": "card"}


PAID: Final = one("invoices", example(RequestedInvoice, **_KNOWN, providerResponse=_RESPONSE))
REQUESTED: Final = one("invoices", example(RequestedInvoice, **_WAITING))
SINGLE: Final = one(
    "invoices",
    example(
        SingleInvoice,
        **_KNOWN,
        providerResponse=_RESPONSE,
        lines=[example(Line, **_LINE | {"id": "il_12345", "totalMinor": 1999})],
        payments=[_TAKEN | {"status": "paid"}],
        refunds=[],
        disputes=[],
        creditNotes=[],
    ),
)
PAGE: Final[Json] = {
    **one("invoices", example(Invoice, **_KNOWN)),
    "totalItems": 48,
    "totalItemsIsExact": True,
    "nextCursor": "WyIyMDI2LTAxLTMxIl0",
}
TIMELINE: Final[Json] = {
    "kind": "events",
    "items": [
        {
            "position": 4705,
            "type": "invoice.requested",
            "at": _AT,
            "by": "key:2f1c9a1e-0000-4000-8000-000000000000",
            "data": {"provider": "stripe", "type": "payment"},
        },
        {
            "position": 4711,
            "type": "invoice.payment_succeeded",
            "at": "2026-01-31T09:30:02.000Z",
            "by": "worker",
            "data": {"amountMinor": 1999, "source": "answer"},
        },
    ],
}
CSV: Final = "id,tenantUuid,status,…\r\n5b0f3c1e-2a4d-5e6f-8a9b-0c1d2e3f4a5b,…\r\n"
