"""Events of an invoice up to its provider's object, and those that may follow."""

from __future__ import annotations

from typing import Final

from domain.invoices import events as e
from domain.invoices import payment_events as pe
from domain.invoices.invoice import Invoice
from tests.domain.given import Given, Happened, happened

REQUESTED: Final = happened(e.InvoiceRequested)
CREATED: Final = happened(e.ProviderInvoiceCreated)
ISSUED: Final = happened(e.InvoiceIssued)
FAILED: Final = happened(pe.PaymentFailed)
ACTION: Final = happened(pe.PaymentActionRequired)
PROCESSING: Final = happened(pe.PaymentProcessing)
PAID: Final = happened(pe.PaymentSucceeded)
UNCOLLECTIBLE: Final = happened(e.MarkedUncollectible)


def given_created(*facts: Happened) -> Given[Invoice]:
    """Start from an invoice that the provider has, and what happened to it since."""
    return Given(Invoice, REQUESTED, CREATED, *facts)
