"""First payments: where the provider repeats payments, one of a customer who is there begins them.

What it came to is remembered by the invoice that asked for it, in the same append: the subscription
is due, or it is forgone.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from domain.core import ids
from domain.invoices import events as e
from domain.invoices import status
from domain.invoices.view import InvoiceView

if TYPE_CHECKING:
    from domain.invoices.invoice import Invoice

_CAME_TO_NOTHING: Final = frozenset({status.FAILED, status.EXPIRED, status.CANCELED, status.VOID})


def begins_subscription(view: InvoiceView) -> bool:
    """Tell whether a payment stands for the invoice that is to begin a subscription."""
    asked = view.type == "subscription" and view.origin == "request"
    return asked and view.provider_object_type == "payment"


def pending_subscription_id(view: InvoiceView, payment_id: str) -> UUID:
    """Name the stream of the subscription that a first payment is to begin."""
    return ids.for_pending_subscription(view.app_id, view.connection_id, view.mode, payment_id)


def take_note(known: Invoice, *, actor: str, occurred_at: datetime) -> None:
    """Say what the payment's new state means for the subscription; of no other invoice anything."""
    view = known.view
    if not begins_subscription(view) or view.subscription_id is not None:
        return
    if view.status == status.PAID and not view.subscription_due:
        payment = view.paid_by_object or view.provider_object_id or ""
        subscription_id = pending_subscription_id(view, payment)
        known.record_event(
            e.SubscriptionDue,
            occurred_at=occurred_at,
            actor=actor,
            app_id=view.app_id,
            our_subscription_id=subscription_id,
        )
        if view.provider_object_id not in (None, payment):
            # An earlier one, which another had taken the place of, was paid after all.
            mark_not_started(known, view.provider_object_id, actor=actor, occurred_at=occurred_at)
    elif view.status in _CAME_TO_NOTHING and view.provider_object_id is not None:
        mark_not_started(known, view.provider_object_id, actor=actor, occurred_at=occurred_at)


def make_way(known: Invoice, *, actor: str, occurred_at: datetime) -> None:
    """Say that the payment before begins nothing, now that another takes its place."""
    view = known.view
    before = view.provider_object_id
    waited = begins_subscription(view) and view.status not in _CAME_TO_NOTHING
    if waited and before is not None and view.status != status.PAID:
        mark_not_started(known, before, actor=actor, occurred_at=occurred_at)


def mark_not_started(known: Invoice, payment_id: str, *, actor: str, occurred_at: datetime) -> None:
    """Say that a payment begins nothing."""
    view = known.view
    subscription_id = pending_subscription_id(view, payment_id)
    known.record_event(
        e.SubscriptionNotStarted,
        occurred_at=occurred_at,
        actor=actor,
        app_id=view.app_id,
        our_subscription_id=subscription_id,
    )
