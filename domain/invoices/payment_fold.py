"""The part of the fold about an invoice's payments and the provider's state; pure, as `fold` is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from domain.core.calendar import from_unix
from domain.core.failures import Failure
from domain.invoices import payment_events as pe
from domain.invoices import status
from domain.invoices.view import InvoiceView, PaidPart, Payment, Progress


def apply_provider_state(view: InvoiceView, event: Any) -> None:  # noqa: ANN401 - every event with as_of
    """Store the provider's newer state, which every event with `as_of` carries."""
    view.as_of = max(view.as_of, event.as_of)
    view.payment_as_of = max(view.payment_as_of, event.as_of)
    view.progress = Progress.of(event.progress)
    view.body = event.body or view.body
    view.gave_up = None


def apply_payment(view: InvoiceView, event: pe.PaymentEvent) -> None:
    """Store a payment's state and the status that follows from it."""
    apply_provider_state(view, event)
    view.next_action, view.failure, view.in_progress = None, None, False
    amount_minor: int | None = None
    method: str | None = None
    match event:
        case pe.PaymentActionRequired():
            view.status = status.REQUIRES_ACTION
            view.next_action = {"type": event.action, "url": event.url}
        case pe.PaymentProcessing():
            view.status = status.PROCESSING
        case pe.PaymentSucceeded():
            view.status = status.PAID
            view.amount_due_minor = event.amount_due_minor or 0
            _apply_paid(view, event.amount_minor, paid_at=event.paid_at)
            view.paid_by_object = event.object_id or view.provider_object_id
            view.paid_at = from_unix(event.paid_at)
            amount_minor, method = event.amount_minor, event.method
        case pe.PaymentFailed():
            view.status = status.FAILED
            view.failure = Failure(
                code=event.code, message=event.message, decline_code=event.decline_code
            )
            amount_minor = event.amount_minor
        case pe.PaymentExpired():
            view.status, view.amount_due_minor = status.EXPIRED, 0
        case pe.PaymentCanceled():
            view.status, view.amount_due_minor = status.CANCELED, 0
    payment = Payment(
        id=event.payment_id or _last_unpaid_id(view),
        status=view.status,
        updated_at=event.timestamp,
        amount_minor=amount_minor,
        method=method,
        failure=view.failure,
    )
    _merge(view.payments, payment)


def apply_amount_due(view: InvoiceView, event: pe.AmountDueChanged) -> None:
    """Store the amount due and the amount paid; the status does not change."""
    view.as_of = max(view.as_of, event.as_of)
    view.payment_as_of = max(view.payment_as_of, event.as_of)
    view.progress = Progress.of(event.progress)
    view.body = event.body or view.body
    view.amount_due_minor = event.amount_due_minor
    _apply_paid(view, event.amount_paid_minor, paid_at=event.paid_at or event.as_of)


def apply_authorization(view: InvoiceView, event: pe.AuthorizationChanged) -> None:
    """Store what an authorized payment holds, and until when."""
    view.amount_capturable_minor = event.amount_capturable_minor
    view.capture_before = from_unix(event.capture_before)


def _apply_paid(view: InvoiceView, amount_minor: int, *, paid_at: int) -> None:
    """Set the amount paid; what was added to it counts at `paid_at`."""
    added = amount_minor - sum(part.amount_minor for part in view.paid_parts)
    moment = from_unix(paid_at)
    if added and moment is not None:
        view.paid_parts = [*view.paid_parts, PaidPart(paid_at=moment, amount_minor=added)]
    view.amount_paid_minor = amount_minor


def _last_unpaid_id(view: InvoiceView) -> str | None:
    """Return the id of the last unpaid payment, which a webhook without a payment id is about."""
    last = view.payments[-1] if view.payments else None
    return None if last is None or last.status == status.PAID else last.id


def _merge(payments: list[Payment], payment: Payment) -> None:
    """Replace the entry of the same payment, or append a new one.

    An amount that only the older entry has is kept; the failure of an earlier attempt is not.
    """
    for index, known in enumerate(payments):
        if known.id == payment.id:
            amount_minor = payment.amount_minor
            payments[index] = replace(
                payment,
                amount_minor=known.amount_minor if amount_minor is None else amount_minor,
                method=payment.method or known.method,
            )
            return
    payments.append(payment)


def apply_overpayment(
    view: InvoiceView, event: pe.UnexpectedPayment | pe.InvoiceOverpaid | pe.OverpaymentReturned
) -> None:
    """Store amounts paid in excess, and the part of them that was returned."""
    match event:
        case pe.UnexpectedPayment():
            view.paid_elsewhere[event.provider_object_id] = event.amount_minor
        case pe.OverpaymentReturned():
            view.returned_elsewhere[event.provider_object_id] = event.amount_minor
        case _:
            view.overpaid_here_minor = event.amount_minor
    kept = sum(view.paid_elsewhere.values()) - sum(view.returned_elsewhere.values())
    view.amount_overpaid_minor = view.overpaid_here_minor + kept
