"""Read a Stripe account's history from lists, with one call per page; nothing is written.

The list of invoices is joined with that of the same time's payments; refunds are read once. So an
account of ten thousand invoices takes some hundred calls.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final, cast

from domain.core import metadata as metadata_keys
from domain.core.calendar import Interval
from domain.core.providers import Mode
from domain.gateway.objects import (
    ProviderDispute,
    ProviderInvoice,
    ProviderPayment,
    ProviderRefund,
    RefundsAndDisputes,
)
from domain.gateway.subscriptions import ProviderSubscription
from eventlog.security.safe_json import cleaned, without_secrets
from workers.providers.retry import Page, RetryingCaller, Span
from workers.providers.stripe import objects
from workers.providers.stripe.client import (
    AwaitRateLimit,
    answered_at,
    call_stripe,
    json_of,
    open_client,
)
from workers.providers.stripe.subscription_objects import to_subscription

PAGE: Final = 100
_PPM_OF_PERCENT: Final = 10_000
Json = Mapping[str, Any]
Listed = tuple[list[dict[str, Any]], str | None]


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

    `default`: the payment that counts. `payments`: payments and charges. `more`: not all are named.
    """

    invoice: ProviderInvoice
    default: str | None
    payments: tuple[str, ...]
    more: bool

    def paid_with(self, known: PastPayment | None) -> ProviderInvoice:
        """Return the invoice with its payment, as of the newest time of both."""
        if known is None:
            return self.invoice
        as_of = max(self.invoice.as_of, known.occurred_at)
        return replace(self.invoice, payment=known.payment, as_of=as_of)


@dataclass(kw_only=True)
class RefundIndex:
    """Index of refunds and disputes by their payment or charge."""

    refunds: dict[str, list[ProviderRefund]] = field(default_factory=lambda: defaultdict(list))
    disputes: dict[str, list[ProviderDispute]] = field(default_factory=lambda: defaultdict(list))

    def of(self, payments: tuple[str, ...]) -> RefundsAndDisputes:
        """Return the refunds and disputes of an invoice's payments."""
        return RefundsAndDisputes(
            refunds=tuple(one for name in payments for one in self.refunds.get(name, ())),
            disputes=tuple(one for name in payments for one in self.disputes.get(name, ())),
        )


class StripeHistory:
    """One Stripe account in one mode. All calls are GETs and raise the port's errors."""

    def __init__(
        self,
        api_key: str,
        *,
        api_base: str,
        mode: Mode,
        await_rate_limit: AwaitRateLimit | None = None,
        patience: RetryingCaller | None = None,
    ) -> None:
        self._client = open_client(
            api_key, api_base=api_base, mode=mode, await_rate_limit=await_rate_limit
        )
        self._patience = patience or RetryingCaller()

    def now_s(self) -> int:
        """Return the time by Stripe's clock."""
        return answered_at(self._get("customers", {"limit": 1}))

    def tax_rates(self, after: str | None) -> Page[PastTaxRate]:
        """List tax rates. Stripe docs: list all tax rates."""
        found, last = self._page("tax_rates", after)
        return Page(items=[_tax_rate(without_secrets(data)) for data in found], last=last)

    def prices(self, after: str | None) -> Page[PastPrice]:
        """List the prices with one amount. Stripe docs: list all prices."""
        found, last = self._page("prices", after, expand=["data.product"])
        priced = [_price(without_secrets(data)) for data in found]
        return Page(items=[price for price in priced if price is not None], last=last)

    def customers(self, after: str | None) -> Page[str]:
        """List customers' ids. Stripe docs: list all customers."""
        found, last = self._page("customers", after)
        return Page(items=[data["id"] for data in found], last=last)

    def subscriptions(self, after: str | None) -> Page[ProviderSubscription]:
        """List subscriptions, ended ones too. Stripe docs: list subscriptions."""
        asked: dict[str, Any] = {
            "status": "all",
            "limit": PAGE,
            "expand": ["data.discounts.source.coupon"],
        }
        answer = self._get("subscriptions", asked | _beyond(after))
        found, last = _read(answer)
        items = [to_subscription(data, as_of=answered_at(answer)) for data in found]
        return Page(items=items, last=last)

    def invoices(self, span: Span, after: str | None) -> Page[PastInvoice]:
        """List the invoices created in a time range. Stripe docs: list all invoices."""
        found, last = self._page("invoices", after, span=span, expand=["data.payments"])
        return Page(items=[_invoice(data) for data in found], last=last)

    def payments(self, span: Span) -> dict[str, PastPayment]:
        """List the payments created in a time range. Stripe docs: list all PaymentIntents."""
        listed = self._all("payment_intents", span=span, expand=["data.latest_charge"])
        return {data["id"]: _payment(data) for data in listed}

    def payment(self, payment_id: str) -> PastPayment:
        """Fetch one payment that was created at another time than its invoice."""
        answer = self._get(f"payment_intents/{payment_id}", {"expand": ["latest_charge"]})
        return _payment(json_of(answer))

    def money_back(self, span: Span) -> RefundIndex:
        """List refunds and disputes, and credit notes to identify our refunds."""
        book = RefundIndex()
        references = {
            refund_id: note["metadata"][metadata_keys.REFUND]
            for note in self._all("credit_notes", span=span)
            if metadata_keys.REFUND in (note.get("metadata") or {})
            for refund_id in objects.refund_ids_of(note)
        }
        for data in self._all("refunds", span=span):
            refund = objects.to_refund(data, reference=references.get(data["id"]))
            book.refunds[_paid_by(data)].append(refund)
        for data in self._all("disputes", span=span):
            dispute = objects.to_dispute(data)
            if dispute is not None:
                book.disputes[_paid_by(data)].append(dispute)
        return book

    def _all(
        self, what: str, *, span: Span, expand: list[str] | None = None
    ) -> Iterator[dict[str, Any]]:
        after: str | None = None
        while True:
            found, after = self._page(what, after, span=span, expand=expand)
            yield from found
            if after is None:
                return

    def _page(
        self,
        what: str,
        after: str | None,
        *,
        span: Span | None = None,
        expand: list[str] | None = None,
    ) -> Listed:
        """Fetch a page; return its items, and the id that the next page starts after."""
        asked: dict[str, Any] = {"limit": PAGE} | _beyond(after)
        if span is not None:
            asked["created"] = {"gte": span.start, "lt": span.end}
        if expand is not None:
            asked["expand"] = expand
        return _read(self._get(what, asked))

    def _get(self, what: str, asked: dict[str, Any]) -> _Raw:
        """Fetch raw bytes: building the SDK's objects takes longer than all else together."""

        def call() -> _Raw:
            return _Raw(self._client.raw_request("get", f"/v1/{what}", **asked))

        return self._patience(lambda: cast("_Raw", call_stripe(call)))


@dataclass(frozen=True)
class _Raw:
    """An answer that was not converted to the SDK's objects."""

    last_response: Any


def _beyond(after: str | None) -> dict[str, str]:
    return {} if after is None else {"starting_after": after}


def _read(answer: _Raw) -> Listed:
    page = json_of(answer)
    return page["data"], page["data"][-1]["id"] if page["has_more"] else None


def _tax_rate(data: Json) -> PastTaxRate:
    return PastTaxRate(
        id=data["id"],
        name=data["display_name"],
        rate_ppm=int(Decimal(str(data["percentage"])) * _PPM_OF_PERCENT),
        inclusive=data["inclusive"],
    )


def _price(data: Json) -> PastPrice | None:
    """Read a price; None for one whose amount depends on how much was used or bought."""
    recurring = data["recurring"] or {}
    amount_minor = data["unit_amount"]
    if amount_minor is None or recurring.get("usage_type") == "metered":
        return None
    product = data["product"]
    return PastPrice(
        id=data["id"],
        name=data["nickname"] or (product.get("name") if isinstance(product, dict) else None),
        currency=data["currency"],
        amount_minor=objects.whole(amount_minor),
        interval=cast("Interval | None", recurring.get("interval")),
        interval_count=recurring.get("interval_count") or 1,
    )


def _invoice(data: dict[str, Any]) -> PastInvoice:
    payments = data.pop("payments")
    entries = payments["data"]
    named = {
        entry["id"]: objects.id_of(entry["payment"].get("payment_intent"))
        or objects.id_of(entry["payment"].get("charge"))
        for entry in entries
    }
    chosen = next((entry for entry in entries if entry["is_default"]), None)
    default = None if chosen is None else chosen["payment"].get("payment_intent")
    return PastInvoice(
        invoice=objects.to_invoice(data, as_of=_newest_time(data)),
        default=objects.id_of(default),
        payments=tuple(name for name in named.values() if name is not None),
        more=payments["has_more"],
    )


def _newest_time(invoice: Json) -> int:
    """Return the newest time in an invoice's own fields."""
    times = [invoice["created"], *invoice["status_transitions"].values()]
    return max(objects.whole(time) for time in times if time is not None)


def _payment(intent: Json) -> PastPayment:
    charge = intent["latest_charge"]
    tried = charge if isinstance(charge, dict) else intent
    payment = objects.to_payment(intent)
    said = payment.message if payment.message is None else cleaned(payment.message)
    return PastPayment(
        payment=replace(payment, message=said), occurred_at=objects.whole(tried["created"])
    )


def _paid_by(back: Json) -> str:
    """Return the payment of a refund or dispute; old ones have only a charge."""
    named = objects.id_of(back.get("payment_intent")) or objects.id_of(back.get("charge"))
    return named or ""
