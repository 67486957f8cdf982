"""Read a Stripe account's history from lists, with one call per page; nothing is written.

The list of invoices is joined with that of the same time's payments; refunds are read once. So an
account of ten thousand invoices takes some hundred calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, cast

from domain.core.providers import Mode
from domain.gateway.objects import (
    ProviderCreditNote,
    ProviderDispute,
    ProviderLine,
    ProviderRefund,
)
from domain.gateway.subscriptions import ProviderSubscription
from eventlog.security.safe_json import without_secrets
from workers.providers.bounded_fields import read_as
from workers.providers.retry import Page, RetryingCaller, Span, read_page, read_readable
from workers.providers.stripe import objects, payment_objects, refund_objects
from workers.providers.stripe.client import (
    AwaitRateLimit,
    answered_at,
    call_stripe,
    json_of,
    open_client,
    page_of,
)
from workers.providers.stripe.history_schemas import (
    ListedIntent,
    ListedPrice,
    ListedTaxRate,
    PaidBy,
)
from workers.providers.stripe.past_invoices import past_invoice
from workers.providers.stripe.past_objects import (
    PastInvoice,
    PastPayment,
    PastPrice,
    PastTaxRate,
    RefundIndex,
)
from workers.providers.stripe.subscription_objects import (
    ITEMS_WITH_AMOUNTS,
    WITH_AMOUNTS,
    items_need_list,
    to_subscription,
)

PAGE: Final = 100
_PPM_OF_PERCENT: Final = 10_000
Json = Mapping[str, Any]
Listed = tuple[list[dict[str, Any]], str | None]


class StripeHistory:
    """History of a Stripe account in one mode. All calls are GETs and raise the port's errors."""

    def __init__(
        self,
        api_key: str,
        *,
        api_base: str,
        mode: Mode,
        await_rate_limit: AwaitRateLimit | None = None,
        call_with_retries: RetryingCaller | None = None,
    ) -> None:
        self._client = open_client(
            api_key,
            api_base=api_base,
            mode=mode,
            await_rate_limit=await_rate_limit,
            builds_objects=False,
        )
        self._call_with_retries = call_with_retries or RetryingCaller()

    def now_s(self) -> int:
        """Return the time by Stripe's clock."""
        return answered_at(self._get("customers", {"limit": 1}))

    def tax_rates(self, after: str | None) -> Page[PastTaxRate]:
        """List tax rates. Stripe docs: list all tax rates."""
        found, last = self._page("tax_rates", after)
        return read_page(found, lambda data: _tax_rate(without_secrets(data)), last=last)

    def prices(self, after: str | None) -> Page[PastPrice]:
        """List the prices with one amount. Stripe docs: list all prices."""
        found, last = self._page("prices", after, expand=["data.product"])
        page = read_page(found, lambda data: _price(without_secrets(data)), last=last)
        priced = [price for price in page.items if price is not None]
        return Page(items=priced, last=last, unreadable=page.unreadable)

    def customers(self, after: str | None) -> Page[str]:
        """List customers' ids. Stripe docs: list all customers."""
        found, last = self._page("customers", after)
        return read_page(found, objects.object_id, last=last)

    def subscriptions(self, after: str | None) -> Page[ProviderSubscription]:
        """List subscriptions, ended ones too. Stripe docs: list subscriptions."""
        params: dict[str, Any] = {
            "status": "all",
            "limit": PAGE,
            "expand": ["data.discounts.source.coupon", "data.schedule"],
        }
        answer = self._get("subscriptions", params | _beyond(after))
        found, last = page_of(answer)
        as_of = answered_at(answer)
        return read_page(found, lambda data: self._subscription(data, as_of=as_of), last=last)

    def _subscription(self, data: dict[str, Any], *, as_of: int) -> ProviderSubscription:
        """Read a listed subscription; one with further items or tiers is fetched.

        Tiers are nested too deep to be expanded in a list.
        """
        read = to_subscription(data, as_of=as_of)
        if not read.is_incomplete:
            return read
        answer = self._get(f"subscriptions/{read.id}", {"expand": WITH_AMOUNTS})
        data = json_of(answer)
        if items_need_list(data):
            params = {"subscription": read.id, "expand": ITEMS_WITH_AMOUNTS}
            data["items"] = {"data": list(self._every("subscription_items", params))}
        return to_subscription(data, as_of=answered_at(answer))

    def _every(self, what: str, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the objects of a list that belongs to an object."""
        after: str | None = None
        while True:
            found, after = page_of(self._get(what, {**params, "limit": PAGE} | _beyond(after)))
            yield from found
            if after is None:
                return

    def with_payments(self, invoice: dict[str, Any]) -> dict[str, Any]:
        """Complete the payments of a listed invoice: Stripe expands the first ten of them."""
        payments = invoice.get("payments")
        if isinstance(payments, dict) and payments.get("has_more"):
            named = {"invoice": objects.object_id(invoice)}
            invoice["payments"] = {"data": list(self._every("invoice_payments", named))}
        return invoice

    def invoices(self, span: Span, after: str | None) -> Page[PastInvoice]:
        """List the invoices created in a time range. Stripe docs: list all invoices."""
        found, last = self._page("invoices", after, span=span, expand=["data.payments"])
        return read_page(found, lambda data: past_invoice(self.with_payments(data)), last=last)

    def newest(self) -> list[str]:
        """Return the ids of the newest invoices. Stripe docs: list all invoices."""
        found, _ = self._page("invoices", None)
        return list(read_readable(found, objects.object_id))

    def lines(self, invoice_id: str) -> tuple[ProviderLine, ...]:
        """List an invoice's lines. Stripe docs: retrieve an invoice's line items."""
        found: list[ProviderLine] = []
        after: str | None = None
        while True:
            listed, after = self._page(f"invoices/{invoice_id}/lines", after)
            found += [objects.to_line(line) for line in listed]
            if after is None:
                return tuple(found)

    def payments(self, span: Span) -> dict[str, PastPayment]:
        """List the payments created in a time range. Stripe docs: list all PaymentIntents."""
        listed = self._all("payment_intents", span=span, expand=["data.latest_charge"])
        found = read_readable(listed, lambda data: (objects.object_id(data), _payment(data)))
        return dict(found)

    def payment(self, payment_id: str) -> PastPayment:
        """Fetch one payment that was created at another time than its invoice."""
        answer = self._get(f"payment_intents/{payment_id}", {"expand": ["latest_charge"]})
        return _payment(json_of(answer))

    def refunds_and_disputes(self, span: Span) -> RefundIndex:
        """List refunds, disputes and credit notes; the notes identify our refunds."""
        index = RefundIndex()
        notes = self._all("credit_notes", span=span)
        references: dict[str, str] = {}
        for invoice_id, noted, named in read_readable(notes, _credit_note):
            index.notes[invoice_id].append(noted)
            references |= named
        refunds = self._all("refunds", span=span)
        for paid_by, refund in read_readable(refunds, partial(_refund, references)):
            index.refunds[paid_by].append(refund)
        for paid_by, dispute in read_readable(self._all("disputes", span=span), _dispute):
            if dispute is not None:
                index.disputes[paid_by].append(dispute)
        return index

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
        params: dict[str, Any] = {"limit": PAGE} | _beyond(after)
        if span is not None:
            params["created"] = {"gte": span.start, "lt": span.end}
        if expand is not None:
            params["expand"] = expand
        return page_of(self._get(what, params))

    def _get(self, what: str, params: dict[str, Any]) -> _Raw:
        """Fetch an object or a list."""

        def call() -> _Raw:
            return _Raw(self._client.raw_request("get", f"/v1/{what}", **params))

        return self._call_with_retries(lambda: cast("_Raw", call_stripe(call)))


@dataclass(frozen=True)
class _Raw:
    """An answer that was not converted to the SDK's objects."""

    last_response: Any


def _beyond(after: str | None) -> dict[str, str]:
    return {} if after is None else {"starting_after": after}


def _tax_rate(data: Json) -> PastTaxRate:
    read = read_as(ListedTaxRate, data, kind="tax_rate")
    return PastTaxRate(
        id=read.id,
        name=read.display_name,
        rate_ppm=int((read.percentage or 0) * _PPM_OF_PERCENT),
        inclusive=read.inclusive,
    )


def _price(data: Json) -> PastPrice | None:
    """Read a price; None for one whose amount depends on how much was used or bought."""
    read = read_as(ListedPrice, data, kind="price")
    recurring = read.recurring
    if read.unit_amount is None or (recurring and recurring.usage_type == "metered"):
        return None
    return PastPrice(
        id=read.id,
        name=read.nickname or (None if read.product is None else read.product.name),
        currency=read.currency,
        amount_minor=read.unit_amount,
        interval=None if recurring is None else recurring.interval,
        interval_count=(recurring.interval_count if recurring else None) or 1,
    )


def _payment(intent: Json) -> PastPayment:
    read = read_as(ListedIntent, intent, kind="payment_intent")
    tried = read.latest_charge or read
    return PastPayment(payment=payment_objects.to_payment(intent), occurred_at=tried.created)


def _refund(references: Mapping[str, str], data: Json) -> tuple[str, ProviderRefund]:
    """Read a refund with its payment; a credit note may have its reference."""
    reference = references.get(objects.object_id(data))
    return paid_by(data), refund_objects.to_refund(data, reference=reference)


def _credit_note(data: Json) -> tuple[str, ProviderCreditNote, dict[str, str]]:
    """Read a credit note with its invoice and the references of its refunds."""
    invoice_id, noted = refund_objects.invoice_of(data), refund_objects.to_credit_note(data)
    return invoice_id, noted, refund_objects.references_in([data])


def _dispute(data: Json) -> tuple[str, ProviderDispute | None]:
    return paid_by(data), refund_objects.to_dispute(data)


def paid_by(back: Json) -> str:
    """Return the payment of a refund or dispute; old ones have only a charge."""
    read = read_as(PaidBy, back, kind="refund")
    return read.payment_intent or read.charge or ""
