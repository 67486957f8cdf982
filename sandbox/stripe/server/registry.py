"""Registry of all operations and agenda handlers."""

from __future__ import annotations

from sandbox.stripe.balance import balance_transactions as account_balance
from sandbox.stripe.catalogue import coupons, prices, products, tax_rates
from sandbox.stripe.checkout import sessions as checkout_sessions
from sandbox.stripe.checkout import setup_intents
from sandbox.stripe.collection import (
    advance,
    cancel_intent,
    confirm_intent,
    debits,
    own_intents,
    part_payments,
)
from sandbox.stripe.collection import pay as payment
from sandbox.stripe.core.agenda_runner import Actions
from sandbox.stripe.core.operations import Operation
from sandbox.stripe.credit_notes import credit_notes
from sandbox.stripe.customers import balance_transactions, customers
from sandbox.stripe.disputes import disputes
from sandbox.stripe.invoices import invoices
from sandbox.stripe.invoices import items as invoice_items
from sandbox.stripe.invoices import lifecycle as invoice_lifecycle
from sandbox.stripe.invoices import lines as invoice_lines
from sandbox.stripe.payment_methods import payment_methods
from sandbox.stripe.payments import charges, invoice_payments, payment_intents, payment_records
from sandbox.stripe.refunds import outcomes as refund_outcomes
from sandbox.stripe.refunds import refunds
from sandbox.stripe.schedules import schedules
from sandbox.stripe.subscriptions import cancel, create_preview, pause, renewals, subscriptions
from sandbox.stripe.subscriptions import items as subscription_items
from sandbox.stripe.subscriptions import update as subscription_updates
from sandbox.stripe.webhooks import endpoints as webhook_endpoints
from sandbox.stripe.webhooks import events

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
    *cancel.OPERATIONS,
    *subscription_items.OPERATIONS,
    *pause.OPERATIONS,
    *schedules.OPERATIONS,
    *create_preview.OPERATIONS,
    *invoices.OPERATIONS,
    *invoice_lines.OPERATIONS,
    *invoice_items.OPERATIONS,
    *invoice_lifecycle.OPERATIONS,
    *payment.OPERATIONS,
    *invoice_payments.OPERATIONS,
    *payment_intents.OPERATIONS,
    *own_intents.OPERATIONS,
    *part_payments.OPERATIONS,
    *cancel_intent.OPERATIONS,
    *confirm_intent.OPERATIONS,
    *charges.OPERATIONS,
    *refunds.OPERATIONS,
    *refund_outcomes.OPERATIONS,
    *disputes.OPERATIONS,
    *credit_notes.OPERATIONS,
    *payment_records.OPERATIONS,
    *balance_transactions.OPERATIONS,
    *account_balance.OPERATIONS,
    *webhook_endpoints.OPERATIONS,
    *events.OPERATIONS,
]

# Agenda handlers by kind of entry.
ACTIONS: Actions = {
    **advance.ACTIONS,
    **checkout_sessions.ACTIONS,
    **debits.ACTIONS,
    **own_intents.ACTIONS,
    **renewals.ACTIONS,
    **pause.ACTIONS,
    **schedules.ACTIONS,
}
