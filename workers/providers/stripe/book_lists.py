"""List what a Stripe account charged, invoice by invoice, for the comparison of books."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from domain.gateway.objects import ProviderInvoice
from workers.providers.bounded_fields import (
    Amount,
    Currency,
    ProviderObject,
    Time,
    read_as,
)
from workers.providers.retry import Page, Span
from workers.providers.stripe.audit_lists import StripeAuditLists
from workers.providers.stripe.past_invoices import charged_invoice


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

    def charged_invoices(self, span: Span, after: str | None) -> Page[ProviderInvoice]:
        """List the invoices created in a time range, with their payments."""

        def read(data: dict[str, Any], as_of: int) -> ProviderInvoice:
            return charged_invoice(self.with_payments(data), as_of=as_of)

        return self._current("invoices", span, after, read, expand=["data.payments"])

    def fees(self, span: Span, after: str | None) -> Page[Fee]:
        """List the fees of a time range. Stripe docs: list all balance transactions."""
        return self._current("balance_transactions", span, after, lambda data, _: _fee(data))


def _fee(data: dict[str, Any]) -> Fee:
    read = read_as(_BalanceTransaction, data, kind="balance_transaction")
    return Fee(charged_at=read.created, currency=read.currency, amount_minor=read.fee)
