"""Read the payments of Stripe's invoices into the port's objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from domain.gateway.objects import InvoicePayment, PaymentState, ProviderPayment
from workers.providers.bounded_fields import read_as
from workers.providers.stripe.schemas import (
    StripeInvoice,
    StripeInvoicePayment,
    StripePartOfInvoice,
    StripePaymentError,
    StripePaymentIntent,
)

Json = Mapping[str, Any]

_OWNER_WANTED: Final = "authentication_required"
_PAYMENT_STATES: Final[dict[str, PaymentState]] = {
    "requires_action": "requires_action",
    "requires_confirmation": "open",
    "requires_capture": "processing",
    "processing": "processing",
    "succeeded": "succeeded",
    "canceled": "canceled",
}

_NO_ERROR: Final = StripePaymentError()


def payment_of(invoice: StripeInvoice) -> ProviderPayment | None:
    """Read the payment that counts, where the answer was expanded down to its PaymentIntent.

    Stripe cancels its own payment of an invoice that others paid in parts: the newest of these
    counts then.
    """
    entries = () if invoice.payments is None else invoice.payments.data
    chosen = next((entry for entry in entries if entry.is_default), None)
    if invoice.status == "paid" and chosen is not None and chosen.status == "canceled":
        chosen = max(entries, key=lambda entry: entry.paid_at or 0)
    intent = None if chosen is None else chosen.payment.payment_intent
    return None if intent is None else _payment(intent)


def held_payment(invoice: StripeInvoice) -> StripePaymentIntent | None:
    """Return the first payment of an invoice that waits for its capture."""
    entries = () if invoice.payments is None else invoice.payments.data
    intents = (entry.payment.payment_intent for entry in entries)
    waiting = (one for one in intents if one is not None and one.status == "requires_capture")
    return next(waiting, None)


def capturable_minor(invoice: StripeInvoice, held: StripePaymentIntent | None) -> int | None:
    """Return the held amount; None where the payments were not expanded."""
    if invoice.payments is None:
        return None
    return 0 if held is None else held.amount_capturable or 0


def paid_parts(entries: Iterable[StripePartOfInvoice]) -> tuple[tuple[int, int], ...]:
    """Return when the payments came in, and what each paid, in order."""
    paid = ((entry.paid_at, entry.amount_paid or 0) for entry in entries)
    return tuple(sorted((at, amount) for at, amount in paid if at is not None and amount))


def parts_of(invoice: StripeInvoice) -> tuple[tuple[int, int], ...]:
    """Return an invoice's paid parts; none where its payments are not there, or not all of them."""
    listed = invoice.payments
    return () if listed is None or listed.has_more else paid_parts(listed.data)


def to_payment(intent: Json) -> ProviderPayment:
    """Read a PaymentIntent. Raises ProviderObjectUnreadable."""
    return _payment(read_as(StripePaymentIntent, intent, kind="payment_intent"))


def _payment(intent: StripePaymentIntent) -> ProviderPayment:
    """Read a PaymentIntent; one that waits for another method was refused if it says why.

    A bank that asked for the customer while nobody was there is refused with a code of its own;
    the customer can still confirm on the hosted page, so it is no failure yet.
    """
    error = intent.last_payment_error
    state = _PAYMENT_STATES.get(intent.status)
    if state is None:
        state = "open" if error is None else "failed"
    error = error or _NO_ERROR
    if state == "failed" and error.code == _OWNER_WANTED:
        state = "requires_action"
    return ProviderPayment(
        id=intent.id,
        state=state,
        amount_minor=intent.amount,
        method=intent.payment_method or error.payment_method,
        charge=intent.latest_charge,
        code=error.code,
        decline_code=error.decline_code,
        message=error.message,
    )


def to_invoice_payment(payment: Json) -> InvoicePayment:
    """Read the payment of an invoice that was paid by a PaymentIntent."""
    read = read_as(StripeInvoicePayment, payment, kind="invoice_payment")
    return InvoicePayment(
        invoice_id=read.invoice,
        payment_id=read.payment.payment_intent,
        amount_minor=read.amount_paid,
    )
