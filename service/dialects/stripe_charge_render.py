"""Build the PaymentIntent of seeds 000 and 001 (Stripe docs: the PaymentIntent object)."""

from typing import Any, Final

from domain.invoices import status
from domain.invoices.view import InvoiceView
from service.http.envelope import Json

_STATUS: Final = {
    status.PAID: "succeeded",
    status.PROCESSING: "processing",
    status.REQUIRES_ACTION: "requires_action",
    status.VOID: "canceled",
    status.CANCELED: "canceled",
}


def payment_intent(view: InvoiceView, stored: Json | None) -> Json:
    """Return the PaymentIntent of the default payment, with the older `invoice` field.

    `stored` is the provider's invoice as kept, expanded to its payment. Where nothing was to be
    charged there is no PaymentIntent, and what callers look at is told from the invoice.
    """
    found = _default(stored or {})
    if found is not None:
        return found | {"invoice": view.provider_object_id}
    return {
        "id": None,
        "object": "payment_intent",
        "amount": 0,
        "amount_received": 0,
        "currency": view.currency,
        "status": _STATUS.get(view.status, "requires_payment_method"),
        "invoice": view.provider_object_id,
    }


def _default(invoice: Json) -> Json | None:
    payments: list[Any] = (invoice.get("payments") or {}).get("data") or []
    for payment in payments:
        intent = (payment.get("payment") or {}).get("payment_intent")
        if payment.get("is_default") and isinstance(intent, dict):
            return intent
    return None
