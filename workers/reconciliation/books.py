"""Add up what a provider charged, refunded and disputed by day, to compare with the reports.

Lists are read a page at a time and only sums are kept, so that memory does not grow with the
account. Times are the provider's, days are those of UTC. An amount counts as in the reports: a
payment of an invoice when it was paid, a refund that succeeded and a dispute that is not won when
they were made. Payments of other apps, or of no invoice of ours, are none of these books.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final, Literal, TypeVar

from domain.billing import Billing
from domain.gateway.objects import ProviderInvoice, RefundsAndDisputes
from domain.invoices.invoice import Invoice
from domain.invoices.paid_parts import paid_parts
from domain.invoices.payments import is_payment_of
from workers.provider_objects.import_object import ProviderAccount
from workers.provider_objects.ownership import app_mismatch, invoice_named_by
from workers.providers.mollie.history import MollieHistory, PartOfPayment
from workers.providers.retry import Page, Span
from workers.providers.stripe.book_lists import StripeBookLists
from workers.reconciliation.known_objects import KnownObjects

Kind = Literal["charged", "refunded", "disputed", "fees"]
KINDS: Final[tuple[Kind, ...]] = ("charged", "refunded", "disputed", "fees")
Sums = Mapping[tuple[date, str], Mapping[Kind, int]]
"""Minor units by day and currency."""

# For the progress alone: most invoices are paid within this time.
_USUAL_DAYS: Final = 90
_DAY_S: Final = 86400
_REMEMBERED: Final = 10_000
T = TypeVar("T")


@dataclass(kw_only=True)
class ProviderBooks(ABC):
    """Sums of one connection's provider. `unreadable`: objects that no reader accepts.

    `look_back_days`: only objects that were created up to so many days before the period are read;
    None: those of any age, since an object may be paid long after it was created. `report` gets the
    read share after each page. Methods may raise the gateway's errors, LogUnavailable and
    WorkUnavailable.
    """

    account: ProviderAccount
    billing: Billing
    known: KnownObjects
    look_back_days: int | None = None
    report: Callable[[float], None] = lambda _: None
    unreadable: int = field(default=0, init=False)
    _sums: dict[tuple[date, str], dict[Kind, int]] = field(init=False)

    def read(self, period: Span) -> Sums:
        """Read the provider's lists; return the sums of the period's days."""
        self._sums = defaultdict(lambda: dict.fromkeys(KINDS, 0))
        self.add_all(period)
        return dict(self._sums)

    @abstractmethod
    def add_all(self, period: Span) -> None:
        """Read all lists and add what happened in the period."""

    def add(self, kind: Kind, at: int | None, currency: str, amount_minor: int, span: Span) -> None:
        """Add an amount, if it is of the period."""
        if at is not None and span.start <= at < span.end:
            day = datetime.fromtimestamp(at, UTC).date()
            self._sums[day, currency][kind] += amount_minor

    def add_back(self, back: RefundsAndDisputes, currency: str, span: Span) -> None:
        """Add refunds that succeeded and disputes that are not won."""
        for refund in back.refunds:
            if refund.state == "succeeded":
                self.add("refunded", refund.refunded_at, currency, refund.amount_minor, span)
        for dispute in back.disputes:
            if dispute.state != "won":
                self.add("disputed", dispute.disputed_at, currency, dispute.amount_minor, span)

    def pages(self, fetch: Callable[[str | None], Page[T]]) -> Iterator[Page[T]]:
        """Yield the pages of a list; count unreadable objects."""
        after: str | None = None
        while True:
            page = fetch(after)
            self.unreadable += page.unreadable
            yield page
            if page.last is None:
                return
            after = page.last

    def created_for(self, period: Span) -> Span:
        """Return the time in which objects that may be paid in the period were created."""
        if self.look_back_days is None:
            return Span(start=0, end=period.end)
        return Span(start=max(period.start - self.look_back_days * _DAY_S, 0), end=period.end)

    def add_charged(self, seen: ProviderInvoice, period: Span) -> None:
        """Add what was paid towards an invoice, each part at its own time."""
        for paid_at, amount_minor in paid_parts(seen):
            self.add("charged", paid_at, seen.currency, amount_minor, period)

    def is_ours(self, seen: ProviderInvoice) -> bool:
        """Return whether an invoice or payment belongs to this app and mode."""
        return app_mismatch(self.account, seen) is None


@dataclass(kw_only=True)
class StripeBooks(ProviderBooks):
    """Sums of a Stripe account: invoices, and refunds and disputes of their payments.

    `invoice_of` returns the invoice of a payment at Stripe. `with_fees`: its fees, too.
    """

    lists: StripeBookLists
    invoice_of: Callable[[str], str | None]
    with_fees: bool = False

    def add_all(self, period: Span) -> None:
        """Read invoices, refunds and disputes, and fees if they are wanted."""
        self._add_invoices(period)
        currency_of = lru_cache(_REMEMBERED)(self._currency_of)
        for share, fetch in ((0.9, self.lists.refunds), (1.0, self.lists.disputes)):
            for parts in self.pages(lambda after, fetch=fetch: fetch(period, after)):  # type: ignore[misc]
                for part in parts.items:
                    currency = None if part.payment is None else currency_of(part.payment)
                    if currency is not None:
                        self.add_back(part.back, currency, period)
            self.report(share)
        if self.with_fees:
            self._add_fees(period)

    def _add_invoices(self, period: Span) -> None:
        created = self.created_for(period)
        for invoices in self.pages(lambda after: self.lists.charged_invoices(created, after)):
            for one in invoices.items:
                if self.is_ours(one):
                    self.add_charged(one, period)
            oldest = invoices.items[-1].created_at if invoices.items else None
            self.report(0.8 * _share(oldest, period, last=invoices.last))

    def _add_fees(self, period: Span) -> None:
        for fees in self.pages(lambda after: self.lists.fees(period, after)):
            for fee in fees.items:
                self.add("fees", fee.charged_at, fee.currency, fee.amount_minor, period)

    def _currency_of(self, payment: str) -> str | None:
        """Return the currency of a payment of one of our invoices; None for any other payment."""
        at_provider = self.invoice_of(payment)
        if at_provider is None:
            return None
        known = self.known.load(self.known.invoices_of([at_provider]).values())
        for invoice in known.values():
            if isinstance(invoice, Invoice):
                return invoice.view.currency
        return None


@dataclass(kw_only=True)
class MollieBooks(ProviderBooks):
    """Sums of a Mollie account: payments, refunds and chargebacks.

    A second payment of an invoice is owed back: it counts in neither column, as in the reports.
    `import_payments`: payments that were not requested here count, as they are imported.
    """

    lists: MollieHistory
    import_payments: bool = True

    def add_all(self, period: Span) -> None:
        """Read payments, refunds and chargebacks, newest first, down to the period's start."""
        created = self.created_for(period)
        for page in self.pages(self.lists.charged_payments):
            for seen in page.items:
                if self.is_ours(seen) and self._is_expected(seen):
                    self.add_charged(seen, period)
            oldest = page.items[-1].created_at if page.items else None
            self.report(0.6 * _share(oldest, period, last=page.last))
            if oldest is not None and oldest < created.start:
                break
        for share, fetch in ((0.8, self.lists.refunds), (1.0, self.lists.chargebacks)):
            self._add_parts(fetch, period)
            self.report(share)

    def _add_parts(self, fetch: Callable[[str | None], Page[PartOfPayment]], period: Span) -> None:
        for page in self.pages(fetch):
            ids = self.known.invoices_of_payments([part.payment for part in page.items])
            known = self.known.load(ids.values())
            for part in page.items:
                invoice = known.get(ids[part.payment])
                if isinstance(invoice, Invoice) and is_payment_of(invoice.view, part.payment):
                    self.add_back(part.back, invoice.view.currency or "", period)
            if page.items and page.items[-1].created_at < period.start:
                return

    def _is_expected(self, seen: ProviderInvoice) -> bool:
        """Return whether a payment is one of an invoice, and not a second one of the same.

        An imported one is the only payment of its invoice, and need not name it. One that names an
        invoice which the log does not have was requested by a log that lost it: a restored backup.
        """
        if seen.subscription_id is not None:
            return True
        named = invoice_named_by(seen)
        invoice = None if named is None else self.billing.find(Invoice, named)
        if invoice is None:
            invoice = self.billing.find(Invoice, self.account.id_of(seen.id))
        if invoice is None:
            return named is not None or self.import_payments
        return seen.id not in invoice.view.paid_elsewhere


def _share(oldest: int | None, period: Span, *, last: str | None) -> float:
    """Return about the read share of a list that is read from the newest object down."""
    if last is None or oldest is None:
        return 1.0
    usual_s = period.end - period.start + _USUAL_DAYS * _DAY_S
    return min(max((period.end - oldest) / usual_s, 0.0), 0.99)
