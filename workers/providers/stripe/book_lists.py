"""List what a Stripe account charged, invoice by invoice, for the comparison of books."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from domain.gateway.errors import ProviderObjectUnreadable
from domain.gateway.objects import ProviderInvoice
from workers.providers.bounded_fields import (
    Amount,
    Currency,
    ProviderObject,
    Time,
    Token,
    read_as,
)
from workers.providers.retry import Page, Span
from workers.providers.stripe import objects
from workers.providers.stripe.audit_lists import StripeAuditLists


class _Transitions(ProviderObject):
    paid_at: Time | None = None


class _Payment(ProviderObject):
    status: Token
    amount_paid: Amount | None = None
    status_transitions: _Transitions


class _Payments(ProviderObject):
    data: list[_Payment]
    has_more: bool = False


@dataclass(frozen=True, kw_only=True)
class ChargedInvoice:
    """An invoice, and what was paid towards it: (Unix seconds, minor units), in order."""

    invoice: ProviderInvoice
    parts: tuple[tuple[int, int], ...]


class _BalanceTransaction(ProviderObject):
    created: Time
    currency: Currency
    fee: Amount


@dataclass(frozen=True, kw_only=True)
class Fee:
    """The provider's fee of one movement of the account's balance, in the balance's currency."""

    charged_at: int
    currency: str
    amount_minor: int


class StripeBookLists(StripeAuditLists):
    """The lists of a Stripe account in one mode. All calls are GETs and raise the port's errors."""

    def charged_invoices(self, span: Span, after: str | None) -> Page[ChargedInvoice]:
        """List the invoices created in a time range, with their payments."""
        return self._current("invoices", span, after, _charged, expand=["data.payments"])

    def fees(self, span: Span, after: str | None) -> Page[Fee]:
        """List the fees of a time range. Stripe docs: list all balance transactions."""
        return self._current("balance_transactions", span, after, lambda data, _: _fee(data))


def _fee(data: dict[str, Any]) -> Fee:
    read = read_as(_BalanceTransaction, data, kind="balance_transaction")
    return Fee(charged_at=read.created, currency=read.currency, amount_minor=read.fee)


def _charged(data: dict[str, Any], as_of: int) -> ChargedInvoice:
    """Read an invoice and its payments; what no payment explains was paid with the last one."""
    payments = read_as(_Payments, data.pop("payments", None), kind="invoice.payments")
    if payments.has_more:
        raise ProviderObjectUnreadable("invoice.payments.has_more")
    invoice = objects.to_invoice(data, as_of=as_of)
    paid = sorted(
        (one.status_transitions.paid_at, one.amount_paid or 0)
        for one in payments.data
        if one.status == "paid" and one.status_transitions.paid_at is not None
    )
    parts = [(at, amount) for at, amount in paid if amount]
    rest = invoice.amount_paid_minor - sum(amount for _, amount in parts)
    if invoice.paid_at is not None and (parts or rest):
        last = parts.pop()[1] if parts else 0
        parts.append((invoice.paid_at, last + rest))
    return ChargedInvoice(invoice=invoice, parts=tuple(part for part in parts if part[1]))
