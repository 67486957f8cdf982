"""The one fold of an invoice: what the read model stores, replays render and `asOf` answers.

Pure: no clock, no provider, never raises on an old event.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.core import ids
from domain.core.calendar import from_unix
from domain.invoices import events as e
from domain.invoices import refund_events as m
from domain.invoices import refunds as invoices_refunds
from domain.invoices import status
from domain.invoices.events import OverpaymentReturned
from domain.invoices.steps import StepRecord, take_step


@dataclass(slots=True)
class InvoiceView:
    """An invoice as callers see it, and (from `as_of` down) what decisions need."""

    id: UUID
    app_id: UUID
    tenant_id: UUID | None
    provider: str
    connection: str
    connection_id: UUID
    mode: str
    type: str
    origin: str
    created_at: datetime
    updated_at: datetime
    user_id: str | None = None
    dialect: str | None = None
    status: str = status.REQUESTED
    number: str | None = None
    currency: str | None = None
    total_minor: int | None = None
    tax_minor: int | None = None
    amount_paid_minor: int = 0
    amount_refunded_minor: int = 0
    amount_disputed_minor: int = 0
    amount_overpaid_minor: int = 0
    dispute_status: str | None = None
    lines: list[dict[str, Any]] = field(default_factory=list)
    payments: list[dict[str, Any]] = field(default_factory=list)
    refunds: list[dict[str, Any]] = field(default_factory=list)
    disputes: list[dict[str, Any]] = field(default_factory=list)
    customer: str | None = None
    subscription_id: str | None = None
    subscription_due: bool = False
    period_start: datetime | None = None
    period_end: datetime | None = None
    due_at: datetime | None = None
    issued_at: datetime | None = None
    paid_at: datetime | None = None
    description: str | None = None
    footer: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    attempt: int = 0
    provider_object_type: str | None = None
    provider_object_id: str | None = None
    objects: list[str] = field(default_factory=list)
    paid_by_object: str | None = None
    next_action: dict[str, str] | None = None
    hosted_url: str | None = None
    failure: dict[str, str | None] | None = None
    body: str | None = None
    as_of: int = 0
    payment_as_of: int = 0
    facts: list[int] = field(default_factory=list)
    paid_elsewhere: dict[str, int] = field(default_factory=dict)
    returned_elsewhere: dict[str, int] = field(default_factory=dict)
    overpaid_here_minor: int = 0
    steps: dict[str, StepRecord] = field(default_factory=dict)
    in_progress: bool = True
    asked: dict[str, Any] | None = None
    gave_up: dict[str, Any] | None = None
    request: dict[str, Any] = field(default_factory=dict)
    request_hash: str | None = None

    @property
    def body_owner(self) -> UUID | None:
        """Whose erasure deletes what the provider said of this: the app's own tenant."""
        return None if self.tenant_id is None else ids.for_tenant(self.app_id, self.tenant_id)


def fold(view: InvoiceView | None, event: e.InvoiceEvent) -> InvoiceView:
    """Take one fact in. The view is changed in place and returned; the first fact makes it."""
    if view is None:
        return _begin(event)
    view.updated_at = event.timestamp
    match event:
        case e.PaymentEvent():
            _take_payment(view, event)
        case e.InvoiceIssued() | e.InvoiceDrafted() | e.CheckoutOpened():
            _take_issue(view, event)
        case m.RefundRequested() | m.RefundPending() | m.RefundSucceeded() | m.RefundFailed():
            invoices_refunds.take_refund(view, event)
        case m.DisputeEvent():
            invoices_refunds.take_dispute(view, event)
        case e.InvoiceVoided() | e.MarkedUncollectible():
            _take_provider_state(view, event)
            void = isinstance(event, e.InvoiceVoided)
            view.status = status.VOID if void else status.UNCOLLECTIBLE
            # Why an attempt was refused before is no longer what there is to say.
            view.next_action, view.failure, view.in_progress = None, None, False
        case _:
            _take_progress(view, event)
    if not view.in_progress:
        view.asked = None
    return view


def _begin(event: e.InvoiceEvent) -> InvoiceView:
    match event:
        case e.InvoiceRequested():
            return _begin_requested(event)
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
                provider_object_type=event.provider_object_type,
                provider_object_id=event.provider_object_id,
                in_progress=False,
            )
    raise AssertionError(f"a stream cannot begin with {type(event).__name__}")


def _begin_requested(event: e.InvoiceRequested) -> InvoiceView:
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
        lines=[dict(line) for line in event.lines],
        request={
            "lines": event.lines,
            "tax_rate_id": event.tax_rate_id,
            "payment_method": event.payment_method,
            "redirect_url": event.redirect_url,
            "expected_total_minor": event.expected_total_minor,
            "off_session": event.off_session,
            "flow": event.flow,
            "charge_immediately": event.charge_immediately,
        },
        request_hash=event.request_hash,
    )


def _take_progress(view: InvoiceView, event: e.InvoiceEvent) -> None:
    match event:
        case e.ProviderInvoiceCreated():
            if event.provider_object_type == "payment":
                # Another one may stand for the invoice by now, of which nothing is known yet.
                view.objects, view.facts = [*view.objects, event.provider_object_id], []
            view.provider_object_type = event.provider_object_type
            view.provider_object_id = event.provider_object_id
            view.customer = event.customer
            view.subscription_id = event.subscription_id or view.subscription_id
        case e.SubscriptionDue():
            view.subscription_due = True
        case e.SubscriptionCreated():
            view.subscription_id, view.subscription_due = event.subscription_id, False
        case e.InvoiceAssigned():
            view.tenant_id = event.tenant_id
        case e.InvoiceRejected():
            view.status = status.REJECTED
            view.failure = {"code": event.code, "declineCode": None, "message": event.message}
            view.failure |= {"path": event.path, "providerCode": event.provider_code}
            view.in_progress = False
        case e.ProviderStateConfirmed():
            view.as_of = max(view.as_of, event.as_of)
            if event.source != "webhook":  # webhooks say nothing of the payment
                view.payment_as_of = max(view.payment_as_of, event.as_of)
        case e.UnexpectedPayment() | e.InvoiceOverpaid() | OverpaymentReturned():
            _take_overpayment(view, event)
        case _:
            take_step(view, event)


def _take_overpayment(
    view: InvoiceView, event: e.UnexpectedPayment | e.InvoiceOverpaid | OverpaymentReturned
) -> None:
    match event:
        case e.UnexpectedPayment():
            view.paid_elsewhere[event.provider_object_id] = event.amount_minor
        case OverpaymentReturned():
            view.returned_elsewhere[event.provider_object_id] = event.amount_minor
        case _:
            view.overpaid_here_minor = event.amount_minor
    kept = sum(view.paid_elsewhere.values()) - sum(view.returned_elsewhere.values())
    view.amount_overpaid_minor = view.overpaid_here_minor + kept


def _take_provider_state(view: InvoiceView, event: Any) -> None:  # noqa: ANN401 - every event with as_of
    view.as_of = max(view.as_of, event.as_of)
    view.payment_as_of = max(view.payment_as_of, event.as_of)
    view.facts = list(event.facts)
    view.body = event.body or view.body
    view.gave_up = None


def _take_issue(
    view: InvoiceView, event: e.InvoiceIssued | e.InvoiceDrafted | e.CheckoutOpened
) -> None:
    _take_provider_state(view, event)
    view.provider_object_type = event.provider_object_type
    view.provider_object_id = event.provider_object_id
    view.currency = event.currency
    view.total_minor = event.total_minor
    if not isinstance(event, e.InvoiceDrafted):
        issued_at = from_unix(getattr(event, "issued_at", None))
        view.issued_at = view.issued_at or issued_at or event.timestamp
    view.status = status.DRAFT if isinstance(event, e.InvoiceDrafted) else status.OPEN
    view.customer = event.customer or view.customer
    if isinstance(event, e.CheckoutOpened):
        view.next_action, view.failure = {"type": "redirect", "url": event.url}, None
        view.objects = [*view.objects, event.provider_object_id]
        view.tax_minor = event.tax_minor
        view.lines = view.lines if event.lines is None else [dict(line) for line in event.lines]
        view.in_progress = False
        return
    view.tax_minor = event.tax_minor
    view.lines = [dict(line) for line in event.lines]
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


def _take_payment(view: InvoiceView, event: e.PaymentEvent) -> None:
    _take_provider_state(view, event)
    view.next_action, view.failure, view.in_progress = None, None, False
    payment: dict[str, Any] = {
        "id": event.payment_id or _unsettled(view),
        "at": event.timestamp.isoformat(),
    }
    match event:
        case e.PaymentActionRequired():
            view.status = status.REQUIRES_ACTION
            view.next_action = {"type": event.action, "url": event.url}
        case e.PaymentProcessing():
            view.status = status.PROCESSING
        case e.PaymentSucceeded():
            view.status = status.PAID
            view.amount_paid_minor = event.amount_minor
            view.paid_by_object = event.object_id or view.provider_object_id
            view.paid_at = from_unix(event.paid_at)
            payment |= {"amountMinor": event.amount_minor, "method": event.method}
        case e.PaymentFailed():
            view.status = status.FAILED
            view.failure = {
                "code": event.code,
                "declineCode": event.decline_code,
                "message": event.message,
            }
            payment |= {"amountMinor": event.amount_minor, "failure": dict(view.failure)}
        case e.PaymentExpired():
            view.status = status.EXPIRED
        case e.PaymentCanceled():
            view.status = status.CANCELED
    payment["status"] = view.status
    _merge(view.payments, payment)


def _unsettled(view: InvoiceView) -> str | None:
    """Name the payment that a webhook without its id speaks of: the last one not yet settled."""
    last = view.payments[-1] if view.payments else None
    return None if last is None or last["status"] == status.PAID else last["id"]


def _merge(entries: list[dict[str, Any]], entry: dict[str, Any]) -> None:
    """Put the newest word about one payment or refund in the place of the older.

    Why an earlier attempt was refused is no longer true of a payment that has gone on.
    """
    for index, known in enumerate(entries):
        if known["id"] == entry["id"]:
            kept = {name: value for name, value in known.items() if name != "failure"}
            entries[index] = kept | entry
            return
    entries.append(entry)
