"""Read the invoices of Stripe's lists, with what paid them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from domain.gateway.objects import ProviderInvoice
from workers.providers.bounded_fields import read_as
from workers.providers.stripe import objects
from workers.providers.stripe.history_schemas import ListedPayments, ListedTimes
from workers.providers.stripe.past_objects import PastInvoice
from workers.providers.stripe.payment_objects import paid_parts


def past_invoice(data: dict[str, Any]) -> PastInvoice:
    """Read an invoice as of its newest time. Raises ProviderObjectUnreadable."""
    payments = _payments_of(data)
    paid_by = [entry.payment for entry in payments.data]
    named = [one.payment_intent or one.charge for one in paid_by]
    chosen = next((entry.payment for entry in payments.data if entry.is_default), None)
    return PastInvoice(
        invoice=_invoice(data, payments, as_of=_newest_time(data)),
        default=None if chosen is None else chosen.payment_intent,
        payments=tuple(name for name in named if name is not None),
    )


def charged_invoice(data: dict[str, Any], *, as_of: int) -> ProviderInvoice:
    """Read an invoice with its payments, as it is now. Raises ProviderObjectUnreadable."""
    return _invoice(data, _payments_of(data), as_of=as_of)


def _payments_of(data: dict[str, Any]) -> ListedPayments:
    """Take the payments out of an invoice."""
    return read_as(ListedPayments, data.pop("payments", None), kind="invoice.payments")


def _invoice(data: dict[str, Any], payments: ListedPayments, *, as_of: int) -> ProviderInvoice:
    return replace(objects.to_invoice(data, as_of=as_of), paid_parts=paid_parts(payments.data))


def _newest_time(invoice: Mapping[str, Any]) -> int:
    """Return the newest time in an invoice's own fields."""
    read = read_as(ListedTimes, invoice, kind="invoice")
    times = [read.created, *read.status_transitions.values()]
    return max(time for time in times if time is not None)
