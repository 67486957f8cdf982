"""All operations of this sandbox, and all that it does by the clock."""

from __future__ import annotations

from sandbox.stripe import (
    advancing,
    balance_transactions,
    canceling,
    charges,
    checkout_sessions,
    confirming,
    coupons,
    credit_notes,
    customers,
    debits,
    disputes,
    events,
    finalizing,
    invoice_items,
    invoice_lines,
    invoice_payments,
    invoices,
    paying,
    payment_intents,
    payment_methods,
    payment_records,
    prices,
    products,
    refund_outcomes,
    refunds,
    renewals,
    setup_intents,
    subscription_updates,
    subscriptions,
    tax_rates,
    webhook_endpoints,
)
from sandbox.stripe.agenda import Actions
from sandbox.stripe.operations import Operation

OPERATIONS: list[Operation] = [
    *customers.OPERATIONS,
    *payment_methods.OPERATIONS,
    *setup_intents.OPERATIONS,
    *checkout_sessions.OPERATIONS,
    *products.OPERATIONS,
    *prices.OPERATIONS,
    *tax_rates.OPERATIONS,
    *coupons.OPERATIONS,
    *subscriptions.OPERATIONS,
    *subscription_updates.OPERATIONS,
    *invoices.OPERATIONS,
    *invoice_lines.OPERATIONS,
    *invoice_items.OPERATIONS,
    *finalizing.OPERATIONS,
    *paying.OPERATIONS,
    *invoice_payments.OPERATIONS,
    *payment_intents.OPERATIONS,
    *canceling.OPERATIONS,
    *confirming.OPERATIONS,
    *charges.OPERATIONS,
    *refunds.OPERATIONS,
    *refund_outcomes.OPERATIONS,
    *disputes.OPERATIONS,
    *credit_notes.OPERATIONS,
    *payment_records.OPERATIONS,
    *balance_transactions.OPERATIONS,
    *webhook_endpoints.OPERATIONS,
    *events.OPERATIONS,
]

# What the agenda may run, by the kind of its entries.
ACTIONS: Actions = {
    **advancing.ACTIONS,
    **checkout_sessions.ACTIONS,
    **debits.ACTIONS,
    **renewals.ACTIONS,
}
