"""Import a Stripe account's history, by the same commands as webhooks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import ClassVar

from domain.catalogue.catalogue import Price, TaxRate
from domain.catalogue.commands import SetPrice, SetTaxRate
from domain.core import ids, money
from domain.gateway.objects import ProviderInvoice, RefundsAndDisputes
from domain.gateway.subscriptions import ProviderSubscription
from domain.invoices.invoice import Invoice
from domain.subscriptions.subscription import Subscription
from workers.history.import_run import (
    ELSEWHERE,
    KNOWN,
    NEW,
    OURS,
    PAYMENTS_LAG_S,
    PHASES,
    SKIPPED,
    UNASSIGNED,
    ImportCheckpoint,
    ImportRun,
)
from workers.provider_objects.import_object import import_invoice, import_subscription
from workers.provider_objects.ownership import app_mismatch, invoice_named_by, is_claimed_by
from workers.providers.retry import Page, Span
from workers.providers.stripe.history import StripeHistory
from workers.providers.stripe.past_objects import (
    PastInvoice,
    PastPayment,
    PastPrice,
    PastTaxRate,
    RefundIndex,
)


@dataclass(kw_only=True)
class StripeImport(ImportRun):
    """Import of a Stripe account: catalogue and subscriptions whole, invoices by windows."""

    phases: ClassVar[tuple[str, ...]] = PHASES
    history: StripeHistory
    _refund_index: RefundIndex = field(default_factory=RefundIndex)
    _payments: dict[str, PastPayment] = field(default_factory=dict)

    def now_s(self) -> int:
        """Return the time by Stripe's clock."""
        return self.history.now_s()

    # Objects that are listed as a whole.

    def phase(self, checkpoint: ImportCheckpoint) -> ImportCheckpoint:
        """Import the objects of a phase."""
        match checkpoint.phase:
            case "tax_rates":
                return self.import_pages(checkpoint, self.history.tax_rates, self._import_tax_rate)
            case "prices":
                return self.import_pages(checkpoint, self.history.prices, self._import_price)
            case "customers":
                return self.import_pages(checkpoint, self.history.customers, self._check_customer)
            case "subscriptions":
                return self.import_pages(
                    checkpoint, self.history.subscriptions, self._import_subscription
                )
            case _:
                return self._invoices(checkpoint)

    def _import_tax_rate(self, seen: PastTaxRate) -> str:
        app_id = self.account.app_id
        if self.billing.find(TaxRate, ids.for_tax_rate(app_id, seen.id)) is not None:
            return KNOWN
        if not self.dry_run:
            command = SetTaxRate(
                app_id=app_id,
                tax_rate_id=seen.id,
                name=seen.name,
                rate_ppm=seen.rate_ppm,
                inclusive=seen.inclusive,
                actor=self.account.actor,
            )
            self.billing.set_tax_rate(command, occurred_at=self.now())
        return NEW

    def _import_price(self, seen: PastPrice) -> str:
        app_id = self.account.app_id
        if self.billing.find(Price, ids.for_price(app_id, seen.id)) is not None:
            return KNOWN
        if not 0 <= seen.amount_minor <= money.MAX_AMOUNT_MINOR:
            return SKIPPED
        if not self.dry_run:
            command = SetPrice(
                app_id=app_id,
                price_id=seen.id,
                name=seen.name,
                currency=seen.currency,
                amount_minor=seen.amount_minor,
                interval=seen.interval,
                interval_count=seen.interval_count,
                actor=self.account.actor,
            )
            self.billing.set_price(command, occurred_at=self.now())
        return NEW

    def _check_customer(self, customer: str) -> str:
        """Check that a tenant has the customer; invoices of others stay unassigned."""
        account = self.account
        owner = self.billing.tenant_of_customer(account.app_id, account.connection, customer)
        return UNASSIGNED if owner is None else KNOWN

    def _import_subscription(self, seen: ProviderSubscription) -> str:
        if app_mismatch(self.account, seen) is not None:
            return ELSEWHERE
        if seen.ended_at is not None and seen.ended_at < self.since_s:
            return SKIPPED
        if self.dry_run:
            known = self.billing.find(Subscription, self.account.id_of(seen.id))
            return NEW if known is None else KNOWN
        return self.outcome(
            lambda: import_subscription(seen, self.account, self.deps(RefundsAndDisputes()))
        )

    # Invoices, with their payments, refunds and disputes.

    def _invoices(self, checkpoint: ImportCheckpoint) -> ImportCheckpoint:
        span = Span(start=checkpoint.since, end=checkpoint.until)
        self._refund_index = self.history.refunds_and_disputes(span)
        for number, window in checkpoint.windows():
            paid = Span(start=window.start, end=window.end + PAYMENTS_LAG_S)
            self._payments = self.history.payments(paid)
            checkpoint = self.import_pages(
                checkpoint,
                partial(self.history.invoices, window),
                self._import_invoice,
                share=partial(_share, window=window, span=span),
            )
            checkpoint = self.keep(checkpoint.after_window(number))
        return checkpoint

    def _import_invoice(self, past: PastInvoice) -> str:
        seen = self._with_payment(past)
        if app_mismatch(self.account, seen) is not None:
            return ELSEWHERE
        named = invoice_named_by(seen)
        requested = None if named is None else self.billing.find(Invoice, named)
        if named is not None and (requested is None or is_claimed_by(seen, requested)):
            return OURS  # requested here: its own stream records it
        if self.dry_run:
            known = self.billing.find(Invoice, self.account.id_of(seen.id))
            return NEW if known is None else KNOWN
        if seen.more_lines:
            seen = replace(seen, lines=self.history.lines(seen.id), more_lines=False)
        deps = self.deps(self._refund_index.of(seen.id, past.payments))
        return self.outcome(lambda: import_invoice(seen, self.account, deps, with_refunds=True))

    def _with_payment(self, past: PastInvoice) -> ProviderInvoice:
        known = None if past.default is None else self._payments.get(past.default)
        if known is None and past.default is not None:
            known = self.history.payment(past.default)
        return past.paid_with(known)


def _share(page: Page[PastInvoice], *, window: Span, span: Span) -> float:
    """Return the imported share of the time; a window is read from its end down."""
    if page.last is None:
        reached = window.end
    else:
        newest_first = [past.invoice.created_at or window.start for past in page.items]
        oldest = newest_first[-1] if newest_first else window.end
        reached = window.start + (window.end - oldest)
    return (reached - span.start) / (span.end - span.start)
