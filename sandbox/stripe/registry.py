"""All operations of this sandbox."""

from __future__ import annotations

from sandbox.stripe import (
    catalogue,
    charges,
    customers,
    events,
    finalizing,
    invoice_lines,
    invoice_payments,
    invoices,
    paying,
    payment_intents,
    payment_methods,
    tax_rates,
    webhook_endpoints,
)
from sandbox.stripe.operations import Operation

OPERATIONS: list[Operation] = [
    *customers.OPERATIONS,
    *payment_methods.OPERATIONS,
    *catalogue.OPERATIONS,
    *tax_rates.OPERATIONS,
    *invoices.OPERATIONS,
    *invoice_lines.OPERATIONS,
    *finalizing.OPERATIONS,
    *paying.OPERATIONS,
    *invoice_payments.OPERATIONS,
    *payment_intents.OPERATIONS,
    *charges.OPERATIONS,
    *webhook_endpoints.OPERATIONS,
    *events.OPERATIONS,
]
