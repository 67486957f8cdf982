"""All operations of this sandbox, and all that it does by the clock."""

from __future__ import annotations

from sandbox.stripe import (
    charges,
    confirming,
    customers,
    events,
    finalizing,
    invoice_items,
    invoice_lines,
    invoice_payments,
    invoices,
    paying,
    payment_intents,
    payment_methods,
    prices,
    products,
    tax_rates,
    webhook_endpoints,
)
from sandbox.stripe.agenda import Actions
from sandbox.stripe.operations import Operation

OPERATIONS: list[Operation] = [
    *customers.OPERATIONS,
    *payment_methods.OPERATIONS,
    *products.OPERATIONS,
    *prices.OPERATIONS,
    *tax_rates.OPERATIONS,
    *invoices.OPERATIONS,
    *invoice_lines.OPERATIONS,
    *invoice_items.OPERATIONS,
    *finalizing.OPERATIONS,
    *paying.OPERATIONS,
    *invoice_payments.OPERATIONS,
    *payment_intents.OPERATIONS,
    *confirming.OPERATIONS,
    *charges.OPERATIONS,
    *webhook_endpoints.OPERATIONS,
    *events.OPERATIONS,
]

# What the agenda may run, by the kind of its entries.
ACTIONS: Actions = {}
