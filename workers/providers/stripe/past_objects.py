"""Objects of a Stripe account's history, as an import reads them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace

from domain.core.calendar import Interval
from domain.gateway.objects import (
    ProviderCreditNote,
    ProviderDispute,
    ProviderInvoice,
    ProviderPayment,
    ProviderRefund,
    RefundsAndDisputes,
)


@dataclass(frozen=True, kw_only=True)
class PastPrice:
    """A price with one amount. `interval`: None for a one-time price."""

    id: str
    name: str | None
    currency: str
    amount_minor: int
    interval: Interval | None
    interval_count: int


@dataclass(frozen=True, kw_only=True)
class PastTaxRate:
    """A tax rate, in millionths."""

    id: str
    name: str | None
    rate_ppm: int
    inclusive: bool


@dataclass(frozen=True, kw_only=True)
class PastPayment:
    """A payment, and the time of its last attempt."""

    payment: ProviderPayment
    occurred_at: int


@dataclass(frozen=True, kw_only=True)
class PastInvoice:
    """An invoice without its payments, and the ids of these.

    `default`: the payment that counts. `payments`: payments and charges.
    """

    invoice: ProviderInvoice
    default: str | None
    payments: tuple[str, ...]

    def paid_with(self, known: PastPayment | None) -> ProviderInvoice:
        """Return the invoice with its payment, as of the newest time of both."""
        if known is None:
            return self.invoice
        as_of = max(self.invoice.as_of, known.occurred_at)
        return replace(self.invoice, payment=known.payment, as_of=as_of)


@dataclass(kw_only=True)
class RefundIndex:
    """Index of refunds and disputes by their payment or charge, of credit notes by invoice."""

    refunds: dict[str, list[ProviderRefund]] = field(default_factory=lambda: defaultdict(list))
    disputes: dict[str, list[ProviderDispute]] = field(default_factory=lambda: defaultdict(list))
    notes: dict[str, list[ProviderCreditNote]] = field(default_factory=lambda: defaultdict(list))

    def of(self, invoice_id: str, payments: tuple[str, ...]) -> RefundsAndDisputes:
        """Return the refunds and disputes of an invoice's payments, and its credit notes."""
        return RefundsAndDisputes(
            refunds=tuple(one for name in payments for one in self.refunds.get(name, ())),
            disputes=tuple(one for name in payments for one in self.disputes.get(name, ())),
            credit_notes=tuple(self.notes.get(invoice_id, ())),
        )
