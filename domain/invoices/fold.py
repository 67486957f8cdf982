"""The one fold of an invoice: used by the read model, by replays and by `asOf`.

Pure: it has no clock, calls no provider and never raises on an old event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Final, cast

from domain.core.calendar import from_unix
from domain.core.failures import Failure
from domain.core.steps import GaveUp, StepRecord
from domain.invoices import action_events as ae
from domain.invoices import events as e
from domain.invoices import payment_events as pe
from domain.invoices import refund_events as m
from domain.invoices import refunds, status
from domain.invoices.payment_fold import (
    apply_amount_due,
    apply_authorization,
    apply_overpayment,
    apply_payment,
    apply_provider_state,
)
from domain.invoices.steps import REFUND_STEP, STEP_OF
from domain.invoices.view import (
    InvoiceRequest,
    InvoiceView,
    Line,
    PendingRequest,
    RequestedLine,
)

Apply = Callable[[InvoiceView, Any], None]
# An authorization ends with them; they may come without the payment that had it.
_NOTHING_IS_HELD: Final = frozenset({status.PAID, status.CANCELED, status.EXPIRED, status.VOID})


def fold(view: InvoiceView | None, event: e.InvoiceEvent) -> InvoiceView:
    """Apply one event. The view is changed in place and returned; the first event creates it."""
    if view is None:
        return _first_view(event)
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


def _first_view(event: e.InvoiceEvent) -> InvoiceView:
    match event:
        case e.InvoiceRequested():
            return _requested_view(event)
        case e.InvoiceImported():
            return InvoiceView(
                id=event.originator_id,
                app_id=event.app_id,
                tenant_id=event.tenant_id,
                provider=event.provider,
                connection=event.connection,
                connection_id=event.connection_id,
                mode=event.mode,
                type=event.type,
                origin=event.origin,
                created_at=from_unix(event.created_at) or event.timestamp,
                updated_at=event.timestamp,
                description=event.description,
                footer=event.footer,
                metadata=dict(event.metadata or {}),
                status=status.DRAFT,
                currency=event.currency,
                customer=event.customer,
                subscription_id=event.subscription_id,
                revision_of=event.revision_of,
                provider_object_type=event.provider_object_type,
                provider_object_id=event.provider_object_id,
                in_progress=False,
            )
    raise AssertionError(f"a stream cannot begin with {type(event).__name__}")


def _requested_view(event: e.InvoiceRequested) -> InvoiceView:
    return InvoiceView(
        id=event.originator_id,
        app_id=event.app_id,
        tenant_id=event.tenant_id,
        provider=event.provider,
        connection=event.connection,
        connection_id=event.connection_id,
        mode=event.mode,
        type=event.type,
        origin="request",
        created_at=event.timestamp,
        updated_at=event.timestamp,
        user_id=event.user_id,
        customer=event.customer,
        dialect=event.dialect,
        description=event.description,
        footer=event.footer,
        metadata=dict(event.metadata),
        lines=_lines(event.lines),
        request=InvoiceRequest(
            lines=[_requested_line(line) for line in event.lines],
            tax_rate_id=event.tax_rate_id,
            payment_method=event.payment_method,
            redirect_url=event.redirect_url,
            expected_total_minor=event.expected_total_minor,
            off_session=event.off_session,
            flow=event.flow,
            charge_immediately=event.charge_immediately,
        ),
        request_hash=event.request_hash,
    )


def _lines(stored: Iterable[Mapping[str, Any]]) -> list[Line]:
    """Copy the lines of an event."""
    return [cast("Line", dict(line)) for line in stored]


def _requested_line(line: Mapping[str, Any]) -> RequestedLine:
    return RequestedLine(
        name=line.get("name"),
        quantity=line.get("quantity", 1),
        price=line.get("price"),
        amount_minor=line.get("amount_minor"),
        currency=line.get("currency"),
    )


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
            _apply_step(view, event)


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
    view.customer = event.customer or view.customer
    if isinstance(event, e.CheckoutOpened):
        view.next_action, view.failure = {"type": "redirect", "url": event.url}, None
        view.objects = [*view.objects, event.provider_object_id]
        view.tax_minor = event.tax_minor
        view.lines = view.lines if event.lines is None else _lines(event.lines)
        view.in_progress = False
        return
    view.tax_minor = event.tax_minor
    view.lines = _lines(event.lines)
    if isinstance(event, e.InvoiceDrafted):
        view.in_progress = False
        return
    view.number = event.number
    view.subscription_id = event.subscription_id or view.subscription_id
    view.hosted_url = event.hosted_url
    view.due_at = from_unix(event.due_at)
    view.period_start, view.period_end = from_unix(event.period_start), from_unix(event.period_end)
    view.in_progress = event.charging
    if not event.charging and event.hosted_url:
        view.next_action = {"type": "redirect", "url": event.hosted_url}


_ACTIONS: Final[dict[type[e.InvoiceEvent], str]] = {
    ae.RetryRequested: "retry",
    ae.VoidRequested: "void",
    ae.FinalizeRequested: "finalize",
    ae.UncollectibleRequested: "uncollectible",
    ae.CaptureRequested: "capture",
}


def _apply_step(view: InvoiceView, event: e.InvoiceEvent) -> None:
    """Apply an event about a step or a requested action."""
    match event:
        case e.StepStarted():
            view.steps[event.step] = StepRecord(
                event.step, event.attempt, event.key, event.timestamp, dict(event.plan)
            )
            view.attempt = max(view.attempt, event.attempt)
        case e.StepGaveUp() | e.StepResent():
            _apply_gave_up(view, event)
        case ae.RequestRefused() | ae.CaptureAccepted():
            view.in_progress = False
        case _ if type(event) in _ACTIONS:
            _apply_request(view, event)


def _apply_request(view: InvoiceView, event: Any) -> None:  # noqa: ANN401 - one of the five above
    """Store a requested action until an outcome ends it."""
    step = STEP_OF[_ACTIONS[type(event)]]
    before = view.steps.get(step)
    view.pending_request = PendingRequest(
        action=_ACTIONS[type(event)],
        request_id=event.request_id,
        step=step,
        attempt=1 if before is None else before.attempt + 1,
        payment_method=getattr(event, "payment_method", None),
        amount_minor=getattr(event, "amount_minor", None),
    )
    view.in_progress, view.gave_up = True, None


def _apply_gave_up(view: InvoiceView, event: e.StepGaveUp | e.StepResent) -> None:
    """Store whether a step waits for an operator; the step of a refund has its own mark."""
    gave_up: GaveUp | None = None
    if isinstance(event, e.StepGaveUp):
        gave_up = GaveUp(event.step, event.attempts, event.last_error)
    refund = refunds.find_refund(view, event.step.removeprefix(REFUND_STEP), None)
    if refund is None:
        view.gave_up = gave_up
    else:
        view.refunds[view.refunds.index(refund)] = replace(refund, gave_up=gave_up is not None)


_APPLIED_BY: Final[tuple[tuple[type | tuple[type, ...], Apply], ...]] = (
    (pe.PaymentEvent, apply_payment),
    ((e.InvoiceIssued, e.InvoiceDrafted, e.CheckoutOpened), _apply_issue),
    (m.RefundEvent, refunds.apply_refund),
    (pe.AmountDueChanged, apply_amount_due),
    (pe.AuthorizationChanged, apply_authorization),
    (m.DisputeEvent, refunds.apply_dispute),
    ((m.CreditNoteEvent, m.CreditNoteRefused), refunds.apply_credit_note),
    ((e.InvoiceVoided, e.MarkedUncollectible), _apply_end),
    (e.ProviderStateConfirmed, _apply_confirmation),
    (e.InvoiceEvent, _apply_progress),
)
