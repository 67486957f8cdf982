"""Stripe's event types: those applied from their payload, and those that need a fetch."""

from __future__ import annotations

from typing import Final

# Their objects are invoices and complete, so that they are applied from the payload.
APPLIED_TYPES: Final = (
    "invoice.created",
    "invoice.updated",
    "invoice.finalized",
    "invoice.finalization_failed",
    "invoice.paid",
    "invoice.payment_failed",
    "invoice.payment_action_required",
    "invoice.voided",
    "invoice.marked_uncollectible",
    "invoice.deleted",
    "invoice.overpaid",
)

# Their objects are Checkout sessions of payment-method setups.
SETUP_TYPES: Final = ("checkout.session.completed", "checkout.session.expired")

# Its object names a payment of an invoice; one that is known already is not fetched.
INVOICE_PAYMENT_PAID: Final = "invoice_payment.paid"

# Their objects name a payment or a credit note; the invoice is fetched.
FETCH_TYPES: Final = (
    "payment_intent.processing",
    "payment_intent.amount_capturable_updated",
    INVOICE_PAYMENT_PAID,
    "charge.expired",
    "charge.refunded",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "credit_note.created",
    "credit_note.updated",
    "credit_note.voided",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
)

# Their object is the schedule of a subscription, which is fetched.
SCHEDULE_TYPES: Final = (
    "subscription_schedule.created",
    "subscription_schedule.updated",
    "subscription_schedule.released",
    "subscription_schedule.canceled",
    "subscription_schedule.completed",
    "subscription_schedule.aborted",
)

# Their object is a customer; what is known of its tenant is enough.
CUSTOMER_DELETED: Final = "customer.deleted"

# Their objects are subscriptions and complete.
SUBSCRIPTION_TYPES: Final = (
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "customer.subscription.pending_update_applied",
    "customer.subscription.pending_update_expired",
    "customer.subscription.trial_will_end",
)

# The types that a webhook endpoint is registered for.
EVENT_TYPES: Final = (
    *APPLIED_TYPES,
    *SETUP_TYPES,
    *FETCH_TYPES,
    *SCHEDULE_TYPES,
    CUSTOMER_DELETED,
    *SUBSCRIPTION_TYPES,
)

# They carry an invoice that does not exist yet.
PREVIEW_TYPES: Final = frozenset({"invoice.upcoming"})
