"""Build the events of an invoice from a provider's snapshot."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from domain.core import ids
from domain.core.aggregate import NewEvent
from domain.core.effects import WORKER
from domain.gateway.objects import ProviderInvoice
from domain.invoices import events as e
from domain.invoices import payment_events as pe
from domain.invoices import status
from domain.invoices.paid_parts import paid_minor, paid_parts
from domain.invoices.staleness import issued_lines, progress_of
from domain.invoices.view import InvoiceView


@dataclass(frozen=True, kw_only=True, slots=True)
class UpdateSource:
    """The origin of a provider's snapshot.

    `source`: answer, webhook, reconciliation, import. `body`: hash of the stored provider object.
    `provider_type`: the provider event's type. `charging`: an attempt to charge follows.
    `attempted`: the snapshot is the result of our own attempt.
    """

    source: str
    actor: str
    occurred_at: datetime
    body: str | None = None
    provider_type: str | None = None
    charging: bool = False
    attempted: bool = False

    @property
    def is_from_worker(self) -> bool:
        """Return whether the running step itself reports the snapshot."""
        return self.actor == WORKER


_PAYMENT_EVENTS: Final[dict[str, type[pe.PaymentEvent]]] = {
    status.REQUIRES_ACTION: pe.PaymentActionRequired,
    status.PROCESSING: pe.PaymentProcessing,
    status.FAILED: pe.PaymentFailed,
    status.EXPIRED: pe.PaymentExpired,
    status.CANCELED: pe.PaymentCanceled,
}


def issued(
    view: InvoiceView, snapshot: ProviderInvoice, update: UpdateSource, *, charging: bool
) -> NewEvent:
    """Build InvoiceIssued; `charging`: an attempt to charge follows."""
    return NewEvent(
        e.InvoiceIssued,
        {
            **_snapshot_fields(snapshot, update),
            **_object_fields(view, snapshot),
            "customer": snapshot.customer,
            "provider_object_type": snapshot.object_type,
            "number": snapshot.number,
            "hosted_url": snapshot.hosted_url,
            "due_at": snapshot.due_at,
            "period_start": snapshot.period_start,
            "period_end": snapshot.period_end,
            "charging": charging,
            "issued_at": snapshot.issued_at,
            "subscription_id": snapshot.subscription_id,
        },
    )


def drafted(view: InvoiceView, draft: ProviderInvoice, update: UpdateSource) -> NewEvent:
    """Build InvoiceDrafted."""
    return NewEvent(
        e.InvoiceDrafted,
        {
            **_snapshot_fields(draft, update),
            **_object_fields(view, draft),
            "customer": draft.customer,
            "provider_object_type": "invoice",
        },
    )


def checkout_opened(
    view: InvoiceView, payment: ProviderInvoice, update: UpdateSource, *, dashboard_url: str | None
) -> NewEvent:
    """Build CheckoutOpened."""
    return NewEvent(
        e.CheckoutOpened,
        {
            **_snapshot_fields(payment, update),
            **_object_fields(view, payment),
            "customer": payment.customer,
            "provider_object_type": payment.object_type,
            "url": payment.hosted_url or "",
            "dashboard_url": dashboard_url,
        },
    )


def succeeded(snapshot: ProviderInvoice, update: UpdateSource) -> NewEvent:
    """Build PaymentSucceeded."""
    return NewEvent(
        pe.PaymentSucceeded,
        {
            **_snapshot_fields(snapshot, update),
            "payment_id": None if snapshot.payment is None else snapshot.payment.id,
            "amount_minor": paid_minor(snapshot),
            "amount_due_minor": snapshot.amount_due_minor,
            "method": None if snapshot.payment is None else snapshot.payment.method,
            "paid_at": snapshot.paid_at or snapshot.as_of,
            "object_id": snapshot.id,
        },
    )


def amount_due_changed(snapshot: ProviderInvoice, update: UpdateSource) -> NewEvent:
    """Build AmountDueChanged."""
    return NewEvent(
        pe.AmountDueChanged,
        {
            **_snapshot_fields(snapshot, update),
            "amount_due_minor": snapshot.amount_due_minor,
            "amount_paid_minor": paid_minor(snapshot),
            "paid_at": _newest_part(snapshot),
        },
    )


def earlier_parts(
    view: InvoiceView, snapshot: ProviderInvoice, update: UpdateSource
) -> list[NewEvent]:
    """Build AmountDueChanged for new parts that count before the snapshot's own event does."""
    events, paid, whole = [], 0, paid_minor(snapshot)
    own = snapshot.paid_at if snapshot.state == "paid" else _newest_part(snapshot)
    for paid_at, amount_minor in paid_parts(snapshot):
        paid += amount_minor
        if paid > view.amount_paid_minor and paid_at != own:
            part = replace(
                snapshot,
                amount_paid_minor=paid + snapshot.amount_overpaid_minor,
                amount_due_minor=snapshot.amount_due_minor + whole - paid,
                paid_parts=((paid_at, amount_minor),),
            )
            events.append(amount_due_changed(part, update))
    return events


def _newest_part(snapshot: ProviderInvoice) -> int | None:
    return snapshot.paid_parts[-1][0] if snapshot.paid_parts else None


def authorization_changed(snapshot: ProviderInvoice, update: UpdateSource) -> NewEvent:
    """Build AuthorizationChanged."""
    return NewEvent(
        pe.AuthorizationChanged,
        {
            "amount_capturable_minor": snapshot.amount_capturable_minor or 0,
            "capture_before": snapshot.capture_before,
            "source": update.source,
        },
    )


def payment_event(snapshot: ProviderInvoice, update: UpdateSource, *, then: str) -> NewEvent:
    """Build the event of a payment that leads to status `then`, other than paid."""
    payment = snapshot.payment
    fields = _snapshot_fields(snapshot, update)
    fields["payment_id"] = None if payment is None else payment.id
    if then == status.REQUIRES_ACTION:
        fields |= {"action": "redirect", "url": snapshot.hosted_url or ""}
    elif then == status.FAILED and payment is not None:
        fields |= {
            "amount_minor": payment.amount_minor,
            "code": payment.code or "payment_failed",
            "decline_code": payment.decline_code,
            "message": payment.message or "The payment was refused.",
        }
    return NewEvent(_PAYMENT_EVENTS[then], fields)


def closed(snapshot: ProviderInvoice, update: UpdateSource, *, then: str) -> NewEvent:
    """Build InvoiceVoided or MarkedUncollectible."""
    kind = e.InvoiceVoided if then == status.VOID else e.MarkedUncollectible
    return NewEvent(kind, _snapshot_fields(snapshot, update))


def overpaid(snapshot: ProviderInvoice, update: UpdateSource) -> NewEvent:
    """Build InvoiceOverpaid; the amount only grows."""
    return NewEvent(
        pe.InvoiceOverpaid,
        {
            "amount_minor": snapshot.amount_overpaid_minor,
            "currency": snapshot.currency,
            "source": update.source,
        },
    )


def revised(view: InvoiceView, snapshot: ProviderInvoice, update: UpdateSource) -> list[NewEvent]:
    """Build InvoiceRevised; none where the revision is known, or there is none."""
    revision = snapshot.latest_revision
    if revision is None or revision == snapshot.id:
        return []
    revised_by = ids.for_provider_object(view.app_id, view.connection_id, view.mode, revision)
    if revised_by == view.revised_by:
        return []
    fields = {"revised_by": revised_by, "provider_object_id": revision, "source": update.source}
    return [NewEvent(e.InvoiceRevised, fields)]


def payments_left_over(view: InvoiceView, object_ids: list[str]) -> NewEvent:
    """Build PaymentsLeftOver for the payments that must not be paid any more."""
    return NewEvent(pe.PaymentsLeftOver, {"app_id": view.app_id, "object_ids": object_ids})


def unexpected_payment(
    view: InvoiceView, snapshot: ProviderInvoice, update: UpdateSource
) -> NewEvent:
    """Build UnexpectedPayment."""
    return NewEvent(
        pe.UnexpectedPayment,
        {
            "provider_object_id": snapshot.id,
            "amount_minor": snapshot.amount_paid_minor,
            "currency": snapshot.currency,
            "source": update.source,
            "object_type": snapshot.object_type,
            "app_id": view.app_id,
        },
    )


def _snapshot_fields(snapshot: ProviderInvoice, update: UpdateSource) -> dict[str, Any]:
    return {
        "source": update.source,
        "as_of": snapshot.as_of,
        "progress": list(progress_of(snapshot)),
        "body": update.body,
    }


def _object_fields(view: InvoiceView, snapshot: ProviderInvoice) -> dict[str, Any]:
    return {
        "provider_object_id": snapshot.id,
        "currency": snapshot.currency,
        "total_minor": snapshot.total_minor,
        "tax_minor": snapshot.tax_minor,
        "amount_due_minor": snapshot.amount_due_minor,
        "lines": issued_lines(snapshot, view),
    }
