"""The one fold of an invoice: used by the read model, by replays and by `asOf`.

Pure: it has no clock, calls no provider and never raises on an old event.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

from domain.core.calendar import from_unix
from domain.core.failures import Failure
from domain.invoices import disputes, refunds, status
from domain.invoices import events as e
from domain.invoices import payment_events as pe
from domain.invoices import refund_events as m
from domain.invoices.first_view import copy_lines, first_view
from domain.invoices.payment_fold import (
    apply_amount_due,
    apply_authorization,
    apply_overpayment,
    apply_payment,
    apply_provider_state,
)
from domain.invoices.step_fold import apply_step
from domain.invoices.view import InvoiceView

Apply = Callable[[InvoiceView, Any], None]
# An authorization ends with them; they may come without the payment that had it.
_NOTHING_IS_HELD: Final = frozenset({status.PAID, status.CANCELED, status.EXPIRED, status.VOID})


def fold(view: InvoiceView | None, event: e.InvoiceEvent) -> InvoiceView:
    """Apply one event. The view is changed in place and returned; the first event creates it."""
    if view is None:
        return first_view(event)
    view.updated_at = event.timestamp
    _apply_of(type(event))(view, event)
    _clear_ended(view)
    return view


@cache
def _apply_of(kind: type[e.InvoiceEvent]) -> Apply:
    """Choose the function that applies events of a kind, once for all of them."""
    return next(apply for kinds, apply in _APPLIED_BY if issubclass(kind, kinds))


def _clear_ended(view: InvoiceView) -> None:
    """Clear what ends with an invoice's status or with its step."""
    if view.status in _NOTHING_IS_HELD:
        view.amount_capturable_minor, view.capture_before = 0, None
    if not view.in_progress:
        view.pending_request = None


def _apply_progress(view: InvoiceView, event: e.InvoiceEvent) -> None:
    match event:
        case e.ProviderInvoiceCreated():
            if event.provider_object_type == "payment":
                # A new payment replaces the one before; nothing is known of it yet.
                view.objects = [*view.objects, event.provider_object_id]
                view.progress = None
            view.provider_object_type = event.provider_object_type
            view.provider_object_id = event.provider_object_id
            view.customer = event.customer
            view.subscription_id = event.subscription_id or view.subscription_id
        case e.SubscriptionDue():
            view.subscription_due = True
        case e.SubscriptionCreated():
            view.subscription_id, view.subscription_due = event.subscription_id, False
        case e.InvoiceAssigned() | e.InvoiceRevised():
            _apply_link(view, event)
        case e.InvoiceRejected():
            view.status = status.REJECTED
            view.failure = Failure(
                code=event.code,
                message=event.message,
                path=event.path,
                provider_code=event.provider_code,
            )
            view.in_progress = False
        case pe.UnexpectedPayment() | pe.InvoiceOverpaid() | pe.OverpaymentReturned():
            apply_overpayment(view, event)
        case _:
            apply_step(view, event)


def _apply_confirmation(view: InvoiceView, event: e.ProviderStateConfirmed) -> None:
    view.as_of = max(view.as_of, event.as_of)
    if event.source != "webhook":  # webhooks do not carry the payment
        view.payment_as_of = max(view.payment_as_of, event.as_of)


def _apply_end(view: InvoiceView, event: e.InvoiceVoided | e.MarkedUncollectible) -> None:
    apply_provider_state(view, event)
    void = isinstance(event, e.InvoiceVoided)
    view.status = status.VOID if void else status.UNCOLLECTIBLE
    view.amount_due_minor = 0 if void else view.amount_due_minor
    # The reason of an earlier refusal does not apply any more.
    view.next_action, view.failure, view.in_progress = None, None, False


def _apply_link(view: InvoiceView, event: e.InvoiceAssigned | e.InvoiceRevised) -> None:
    match event:
        case e.InvoiceAssigned():
            view.tenant_id = event.tenant_id
        case e.InvoiceRevised():
            view.revised_by = event.revised_by


def _apply_issue(
    view: InvoiceView, event: e.InvoiceIssued | e.InvoiceDrafted | e.CheckoutOpened
) -> None:
    apply_provider_state(view, event)
    view.provider_object_type = event.provider_object_type
    view.provider_object_id = event.provider_object_id
    view.currency = event.currency
    view.total_minor = event.total_minor
    view.amount_due_minor = event.amount_due_minor
    if view.amount_due_minor is None:
        view.amount_due_minor = event.total_minor - view.amount_paid_minor
    if not isinstance(event, e.InvoiceDrafted):
        issued_at = from_unix(getattr(event, "issued_at", None))
        view.issued_at = view.issued_at or issued_at or event.timestamp
    view.status = status.DRAFT if isinstance(event, e.InvoiceDrafted) else status.OPEN
    # A provider never changes an object's customer or subscription; an answer may still be wrong.
    view.customer = view.customer or event.customer
    if isinstance(event, e.CheckoutOpened):
        view.next_action, view.failure = {"type": "redirect", "url": event.url}, None
        view.objects = [*view.objects, event.provider_object_id]
        view.tax_minor = event.tax_minor
        view.lines = view.lines if event.lines is None else copy_lines(event.lines)
        view.in_progress = False
        return
    view.tax_minor = event.tax_minor
    view.lines = copy_lines(event.lines)
    if isinstance(event, e.InvoiceDrafted):
        view.in_progress = False
        return
    view.number = event.number
    view.subscription_id = view.subscription_id or event.subscription_id
    view.hosted_url = event.hosted_url
    view.due_at = from_unix(event.due_at)
    view.period_start, view.period_end = from_unix(event.period_start), from_unix(event.period_end)
    view.in_progress = event.charging
    if not event.charging and event.hosted_url:
        view.next_action = {"type": "redirect", "url": event.hosted_url}


_APPLIED_BY: Final[tuple[tuple[type | tuple[type, ...], Apply], ...]] = (
    (pe.PaymentEvent, apply_payment),
    ((e.InvoiceIssued, e.InvoiceDrafted, e.CheckoutOpened), _apply_issue),
    (m.RefundEvent, refunds.apply_refund),
    (pe.AmountDueChanged, apply_amount_due),
    (pe.AuthorizationChanged, apply_authorization),
    (m.DisputeEvent, disputes.apply_dispute),
    ((m.CreditNoteEvent, m.CreditNoteRefused), refunds.apply_credit_note),
    ((e.InvoiceVoided, e.MarkedUncollectible), _apply_end),
    (e.ProviderStateConfirmed, _apply_confirmation),
    (e.InvoiceEvent, _apply_progress),
)
