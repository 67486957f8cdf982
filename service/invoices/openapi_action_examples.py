"""Examples of what is asked of an invoice that exists."""

from typing import Final

from service.invoices.openapi_examples import PAID
from service.invoices.response_schemas import Refund
from service.openapi.declare import Json
from service.openapi.examples import example, one

_AT: Final = "2026-02-03T14:00:00.000Z"
_PAID: Final[Json] = PAID["items"][0] | {"updatedAt": _AT}
_NOT_PAID: Final[Json] = {"amountPaidMinor": 0, "amountDueMinor": 1999, "paidAt": None}
_REFUND: Final = example(
    Refund,
    id="9d1f6c52-6f0e-4a52-9c37-1c2b3a4d5e6f",
    status="succeeded",
    amountMinor=500,
    reason="requested_by_customer",
    creditNote=True,
    at=_AT,
    providerRefundId="re_12345",
    refundedAt=_AT,
)
_NOT_YET: Final[Json] = {"status": "requested", "providerRefundId": None, "refundedAt": None}


def _standing(status: str, **more: object) -> Json:
    """Show an invoice that is not paid, as it stands at Stripe."""
    response = _PAID["providerResponse"] | {"status": "open" if status == "failed" else status}
    known = _PAID | _NOT_PAID | {"status": status, "providerResponse": response}
    return one("invoices", known | more)


def _refunded(refund: Json, *, amount_minor: int) -> Json:
    more = {"amountRefundedMinor": amount_minor, "refundId": refund["id"], "refunds": [refund]}
    return one("invoices", _PAID | more)


RETRY_BODY: Final[Json] = {"paymentMethod": "pm_12345"}
REFUND_BODY: Final[Json] = {"amountMinor": 500, "reason": "requested_by_customer"}

RETRIED: Final = one("invoices", _PAID | {"attempt": 2})
RETRYING: Final = _standing("failed")
VOIDED: Final = _standing("void", amountDueMinor=0)
FINALIZED: Final = _standing("open", attempt=0)
FINALIZING: Final = _standing("draft", attempt=0, number=None)
CAPTURE_BODY: Final[Json] = {"amountMinor": 1500}
_HELD: Final[Json] = {"captureBefore": "2026-02-10T14:00:00.000Z"}
CAPTURED: Final = one("invoices", _PAID | {"totalMinor": 1999, "amountPaidMinor": 1500})
CAPTURING: Final = _standing("processing", amountCapturableMinor=1999, **_HELD)
WRITTEN_OFF: Final = _standing("uncollectible")
REFUNDED: Final = _refunded(_REFUND, amount_minor=500)
REFUNDING: Final = _refunded(_REFUND | _NOT_YET, amount_minor=0)
