"""First payments of subscriptions, where the provider repeats payments by itself (Mollie).

The invoice of the first payment records its consequence for the subscription in the same append:
the subscription is due, or it is never started.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from domain.core import ids
from domain.core.aggregate import NewEvent
from domain.invoices import events as e
from domain.invoices import status
from domain.invoices.view import InvoiceView

_ENDED_UNPAID: Final = frozenset({status.FAILED, status.EXPIRED, status.CANCELED, status.VOID})


def is_first_payment(view: InvoiceView) -> bool:
    """Return whether the invoice's payment is the first one of a subscription."""
    is_requested = view.type == "subscription" and view.origin == "request"
    return is_requested and view.provider_object_type == "payment"


def pending_subscription_id(view: InvoiceView, payment_id: str) -> UUID:
    """Return our id of the subscription that a first payment starts."""
    return ids.for_pending_subscription(view.app_id, view.connection_id, view.mode, payment_id)


def consequences(view: InvoiceView) -> list[NewEvent]:
    """Decide the consequence of a changed payment; none for any other invoice.

    `view`: the invoice with the payment's new state.
    """
    if not is_first_payment(view) or view.subscription_id is not None:
        return []
    known_id = view.provider_object_id
    if view.status == status.PAID and not view.subscription_due:
        payment_id = view.paid_by_object or known_id or ""
        subscription_id = pending_subscription_id(view, payment_id)
        fields = {"app_id": view.app_id, "our_subscription_id": subscription_id}
        events = [NewEvent(e.SubscriptionDue, fields)]
        if known_id is not None and known_id != payment_id:
            # An earlier payment, superseded by this one's successor, was paid after all.
            events.append(_not_started(view, known_id))
        return events
    if view.status in _ENDED_UNPAID and known_id is not None:
        return [_not_started(view, known_id)]
    return []


def supersede(view: InvoiceView) -> list[NewEvent]:
    """Decide that the current payment starts no subscription, because another one replaces it."""
    payment_id = view.provider_object_id
    is_pending = is_first_payment(view) and view.status not in _ENDED_UNPAID
    if not is_pending or payment_id is None or view.status == status.PAID:
        return []
    return [_not_started(view, payment_id)]


def _not_started(view: InvoiceView, payment_id: str) -> NewEvent:
    subscription_id = pending_subscription_id(view, payment_id)
    fields = {"app_id": view.app_id, "our_subscription_id": subscription_id}
    return NewEvent(e.SubscriptionNotStarted, fields)
