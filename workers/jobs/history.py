"""Import what an account at the provider has had, by the same commands as its webhooks.

Whatever is read twice, by a kill or a second run, changes nothing: ids follow from the provider's,
and a word that says what is known leaves no event. Nothing is written at the provider.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

from domain import ids, money
from domain.billing import Billing
from domain.catalogue import Price, TaxRate
from domain.commands import SetPrice, SetTaxRate
from domain.errors import StaleWrite
from domain.gateway import MoneyBack, ProviderInvoice, ProviderSubscription
from domain.invoice import Invoice
from domain.subscription import Subscription
from projections.places import Places
from workers.jobs.belief import disbelief_of_app, invoice_named_by
from workers.jobs.history_places import PAYMENTS_LAG_S, PHASES, Place
from workers.jobs.importing import Account, ImportDesk, import_invoice, import_subscription
from workers.providers.stripe_history import (
    MoneyBackBook,
    Page,
    PastInvoice,
    PastPayment,
    PastPrice,
    PastTaxRate,
    Span,
    StripeHistory,
)

T = TypeVar("T")
_STALE_TRIES: Final = 3

NEW, CHANGED, KNOWN = "new", "changed", "known"
OURS, ELSEWHERE, SKIPPED, UNASSIGNED = "ours", "elsewhere", "skipped", "unassigned"


@dataclass(frozen=True, kw_only=True)
class Told:
    """What went back on one invoice, known beforehand."""

    back: MoneyBack

    def fetch_money_back(self, _: str) -> MoneyBack:
        """Give it."""
        return self.back


@dataclass(kw_only=True)
class HistoryImport:
    """One connection's import. `report` is told of each page; `dry_run` records nothing.

    Every method may raise the gateway's errors, LogUnavailable and WorkUnavailable: run it again.
    """

    account: Account
    history: StripeHistory
    billing: Billing
    places: Places
    pool: ThreadPoolExecutor
    now: Callable[[], datetime]
    report: Callable[[Place, float], None]
    dry_run: bool = False
    _started: datetime = field(init=False)
    _since: int = field(init=False)
    _book: MoneyBackBook = field(default_factory=MoneyBackBook)
    _payments: dict[str, PastPayment] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name the place that is kept."""
        return f"import:{self.account.connection_id}"

    def run(self, since: int) -> Place:
        """Import from a second on, or go on where that was left."""
        self._started, self._since = self.now(), since
        place = self._begin(since)
        for phase in PHASES[PHASES.index(place.phase) :]:
            place = place if phase == place.phase else self._keep(place.at_phase(phase))
            place = self._invoices(place) if phase == "invoices" else self._phase(place)
        return self._keep(replace(place, finished=True))

    def _begin(self, since: int) -> Place:
        kept = None if self.dry_run else self.places.find(self.name)
        if kept is not None:
            place = Place(**kept)
            if not place.finished and place.since == since:
                return place
        return Place(since=since, until=self.history.now_s() + 1)

    def _keep(self, place: Place) -> Place:
        if not self.dry_run:
            self.places.keep(self.name, place.to_json())
        return place

    # What is listed as a whole.

    def _phase(self, place: Place) -> Place:
        match place.phase:
            case "tax_rates":
                return self._pages(place, self.history.tax_rates, self._take_tax_rate)
            case "prices":
                return self._pages(place, self.history.prices, self._take_price)
            case "customers":
                return self._pages(place, self.history.customers, self._look_at_customer)
            case _:
                return self._pages(place, self.history.subscriptions, self._take_subscription)

    def _pages(
        self,
        place: Place,
        fetch: Callable[[str | None], Page[T]],
        take: Callable[[T], str],
        *,
        share: Callable[[Page[T]], float] = lambda _: 0.0,
    ) -> Place:
        """Take pages in, each by several threads; the place moves on once all of one stands.

        After the last one the caller moves it on, in one go.
        """
        while True:
            page = fetch(place.after)
            outcomes = list(self.pool.map(take, page.items))
            place = place.counted(outcomes, after=page.last)
            self.report(place, share(page))
            if page.last is None:
                return place
            self._keep(place)

    def _take_tax_rate(self, seen: PastTaxRate) -> str:
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
                by=self.account.by,
            )
            self.billing.set_tax_rate(command, at=self.now())
        return NEW

    def _take_price(self, seen: PastPrice) -> str:
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
                by=self.account.by,
            )
            self.billing.set_price(command, at=self.now())
        return NEW

    def _look_at_customer(self, customer: str) -> str:
        """Tell whether a customer is a tenant's; who is nobody's has its invoices unassigned."""
        account = self.account
        owner = self.billing.tenant_of_customer(account.app_id, account.connection, customer)
        return UNASSIGNED if owner is None else KNOWN

    def _take_subscription(self, seen: ProviderSubscription) -> str:
        if disbelief_of_app(self.account, seen) is not None:
            return ELSEWHERE
        if seen.ended_at is not None and seen.ended_at < self._since:
            return SKIPPED
        if self.dry_run:
            known = self.billing.find(Subscription, self.account.id_of(seen.id))
            return NEW if known is None else KNOWN
        return self._outcome(
            lambda: import_subscription(seen, self.account, self._desk(MoneyBack()))
        )

    # Invoices, with their payments and what went back on them.

    def _invoices(self, place: Place) -> Place:
        span = Span(start=place.since, end=place.until)
        self._book = self.history.money_back(span)
        for number, window in place.windows():
            paid = Span(start=window.start, end=window.end + PAYMENTS_LAG_S)
            self._payments = self.history.payments(paid)
            place = self._pages(
                place,
                partial(self.history.invoices, window),
                self._take_invoice,
                share=partial(_share, window=window, span=span),
            )
            place = self._keep(place.after_window(number))
        return place

    def _take_invoice(self, past: PastInvoice) -> str:
        seen = self._with_payment(past)
        if disbelief_of_app(self.account, seen) is not None:
            return ELSEWHERE
        if invoice_named_by(seen) is not None:
            return OURS  # it was asked for here, and its own stream tells of it
        if self.dry_run:
            known = self.billing.find(Invoice, self.account.id_of(seen.id))
            return NEW if known is None else KNOWN
        desk = self._desk(self._book.of(past.payments))
        return self._outcome(lambda: import_invoice(seen, self.account, desk, money_back=True))

    def _with_payment(self, past: PastInvoice) -> ProviderInvoice:
        known = None if past.default is None else self._payments.get(past.default)
        if known is None and past.default is not None:
            known = self.history.payment(past.default)
        return past.paid_with(known)

    def _desk(self, back: MoneyBack) -> ImportDesk:
        return ImportDesk(billing=self.billing, gateway=Told(back=back), now=self.now)

    def _outcome(self, take: Callable[[], Invoice | Subscription]) -> str:
        """Take one in, again where a webhook was faster; tell whether that was news."""
        for tries in range(1, _STALE_TRIES + 1):
            try:
                taken = take()
            except StaleWrite:
                if tries == _STALE_TRIES:
                    raise
            else:
                break
        if taken.created_on >= self._started:
            return NEW
        return CHANGED if taken.modified_on >= self._started else KNOWN


def _share(page: Page[PastInvoice], *, window: Span, span: Span) -> float:
    """Tell how much of the time is done: up to the window, and in it from its end down."""
    if page.last is None:
        reached = window.end
    else:
        oldest = page.items[-1].invoice.created_at or window.start
        reached = window.start + (window.end - oldest)
    return (reached - span.start) / (span.end - span.start)
