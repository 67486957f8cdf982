"""Stripe behind the gateway port, through the official SDK.

One gateway per connection, shared by threads as its HTTP session is. Every POST carries our own
key: the SDK would otherwise make up a random one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from domain.core import metadata as metadata_keys
from domain.core.providers import Mode
from domain.gateway.errors import GatewayRejected
from domain.gateway.objects import (
    InvoiceDraft,
    LineDraft,
    ProviderCustomer,
    ProviderInvoice,
    ProviderLine,
    ProviderPrice,
)
from workers.providers.bounded_fields import read_as, reading
from workers.providers.stripe import objects
from workers.providers.stripe.captures import CaptureCalls
from workers.providers.stripe.client import (
    Answer,
    AwaitRateLimit,
    answered_at,
    call_stripe,
    is_repeated,
    json_of,
    object_in,
    open_client,
    page_of,
    pages,
)
from workers.providers.stripe.refunds import IssuedInvoiceCalls
from workers.providers.stripe.schemas import StripeClientSecret, StripeDocumentLinks
from workers.providers.stripe.setups import SetupCalls
from workers.providers.stripe.subscriptions import SubscriptionCalls

_PAGE: Final = 100
_WITH_PRICES: Final = ["data.pricing.price_details.price"]


class StripeGateway(IssuedInvoiceCalls, CaptureCalls, SubscriptionCalls, SetupCalls):
    """Gateway to a Stripe account in one mode. Each call first waits for the rate limit."""

    def __init__(
        self,
        api_key: str,
        *,
        api_base: str,
        mode: Mode | None = None,
        await_rate_limit: AwaitRateLimit | None = None,
    ) -> None:
        self._client = open_client(
            api_key,
            api_base=api_base,
            mode=mode,
            await_rate_limit=await_rate_limit,
            builds_objects=False,
        )

    def check_credentials(self) -> None:
        """List one customer: a restricted key without that permission can charge nobody.

        Stripe docs: list all customers.
        """
        call_stripe(lambda: self._client.v1.customers.list({"limit": 1}))

    def find_customer(self, customer_id: str) -> ProviderCustomer:
        """Fetch a customer. Stripe docs: retrieve a customer."""
        answer = call_stripe(lambda: self._client.v1.customers.retrieve(customer_id))
        return objects.to_customer(json_of(answer))

    def create_customer(
        self, metadata: dict[str, str], *, contact: dict[str, Any], key: str
    ) -> str:
        """Create a customer. Stripe docs: create a customer."""
        params: Any = {"metadata": metadata, **contact}
        answer = call_stripe(
            lambda: self._client.v1.customers.create(params, {"idempotency_key": key})
        )
        return objects.object_id(json_of(answer))

    def update_customer(
        self, customer_id: str, *, name: str | None, email: str | None, key: str
    ) -> None:
        """Set name and e-mail; an empty text removes them. Stripe docs: update a customer."""
        params: Any = {"name": name or "", "email": email or ""}
        call_stripe(
            lambda: self._client.v1.customers.update(customer_id, params, {"idempotency_key": key})
        )

    def find_customers(self, metadata: dict[str, str], *, created_after: int) -> list[str]:
        """Find customers among the newest ones. Stripe docs: list all customers."""
        since: Any = {"created": {"gte": created_after}, "limit": _PAGE}
        made = pages(self._client.v1.customers, since)
        wanted = metadata.items()
        return [
            objects.object_id(customer)
            for customer in reversed(made)
            if wanted <= objects.metadata_of(customer).items()
        ]

    def find_price(self, price_id: str) -> ProviderPrice:
        """Fetch a price. Stripe docs: retrieve a price."""
        return objects.to_price(
            json_of(call_stripe(lambda: self._client.v1.prices.retrieve(price_id)))
        )

    def create_invoice(self, draft: InvoiceDraft, *, key: str) -> ProviderInvoice:
        """Create a draft. Stripe docs: create an invoice."""
        params: Any = _create_params(draft)
        return self._invoice(
            lambda: self._client.v1.invoices.create(params, {"idempotency_key": key})
        )

    def add_lines(
        self, invoice_id: str, lines: Sequence[LineDraft], *, currency: str, key: str
    ) -> Sequence[ProviderLine] | None:
        """Add all lines in one call. Stripe docs: bulk add invoice line items."""
        params: Any = {"lines": [_line_params(line, currency) for line in lines]}
        answer = call_stripe(
            lambda: self._client.v1.invoices.add_lines(invoice_id, params, {"idempotency_key": key})
        )
        if is_repeated(answer):
            return None
        draft = objects.to_invoice(json_of(answer), as_of=answered_at(answer))
        return None if draft.more_lines else draft.lines

    def list_lines(self, invoice_id: str) -> list[ProviderLine]:
        """Fetch every line, page by page. Stripe docs: retrieve an invoice's line items."""
        found: list[ProviderLine] = []
        params: Any = {"limit": _PAGE}
        while True:
            listed, last = page_of(self._list_page(invoice_id, params))
            found += map(objects.to_line, listed)
            if last is None:
                return found
            params["starting_after"] = last

    def _list_page(self, invoice_id: str, params: Any) -> Answer:  # noqa: ANN401 - a TypedDict of the SDK
        return call_stripe(lambda: self._client.v1.invoices.line_items.list(invoice_id, params))

    def finalize_invoice(self, invoice_id: str, *, key: str, hold: bool = True) -> ProviderInvoice:
        """Finalise the draft. Stripe docs: finalize an invoice."""
        params: Any = {"expand": objects.WITH_PAYMENT}
        if hold:
            params["auto_advance"] = False
        return self._with_all_lines(
            self._invoice(
                lambda: self._client.v1.invoices.finalize_invoice(
                    invoice_id, params, {"idempotency_key": key}
                )
            )
        )

    def pay_invoice(
        self, invoice_id: str, *, off_session: bool, key: str, payment_method: str | None = None
    ) -> ProviderInvoice:
        """Charge the invoice. Stripe docs: pay an invoice."""
        params: Any = {"off_session": off_session, "expand": objects.WITH_PAYMENT}
        if payment_method is not None:
            params["payment_method"] = payment_method
        return self._invoice(
            lambda: self._client.v1.invoices.pay(invoice_id, params, {"idempotency_key": key})
        )

    def fetch_invoice(self, invoice_id: str) -> ProviderInvoice:
        """Fetch an invoice with its payment and lines. Stripe docs: retrieve an invoice."""
        found = self._invoice(
            lambda: self._client.v1.invoices.retrieve(invoice_id, {"expand": objects.WITH_PAYMENT})
        )
        return self.with_deadline(self._with_all_lines(found))

    def _with_all_lines(self, invoice: ProviderInvoice) -> ProviderInvoice:
        """Return the invoice with every line: Stripe embeds the first ten."""
        if not invoice.more_lines:
            return invoice
        return replace(invoice, lines=tuple(self.list_lines(invoice.id)), more_lines=False)

    def find_document_url(self, invoice_id: str) -> str | None:
        """Fetch a fresh link to the PDF, else to the hosted page; Stripe's links expire."""
        invoice = json_of(call_stripe(lambda: self._client.v1.invoices.retrieve(invoice_id)))
        links = read_as(StripeDocumentLinks, invoice, kind="invoice")
        return links.invoice_pdf or links.hosted_invoice_url

    def find_client_secret(self, payment_id: str) -> str | None:
        """Fetch a PaymentIntent's secret. Stripe docs: retrieve a PaymentIntent."""
        intent = json_of(call_stripe(lambda: self._client.v1.payment_intents.retrieve(payment_id)))
        return read_as(StripeClientSecret, intent, kind="payment_intent").client_secret

    def advance_draft(self, invoice_id: str, *, key: str) -> None:
        """Turn on automatic finalisation and charging. Stripe docs: update an invoice."""
        call_stripe(
            lambda: self._client.v1.invoices.update(
                invoice_id, {"auto_advance": True}, {"idempotency_key": key}
            )
        )

    def fetch_draft(self, invoice_id: str) -> ProviderInvoice:
        """Fetch an invoice; the prices of its lines come with the lines' own list.

        They are nested too deep to be expanded in the invoice.
        """
        answer = call_stripe(
            lambda: self._client.v1.invoices.retrieve(invoice_id, {"expand": objects.WITH_PAYMENT})
        )
        data = json_of(answer)
        lines = object_in(data, "lines")
        with reading("invoice.lines"):
            shown = len(lines["data"])
        if shown:
            params: Any = {"limit": shown, "expand": _WITH_PRICES}
            lines["data"], _ = page_of(self._list_page(invoice_id, params))
        return self._with_all_lines(objects.to_invoice(data, as_of=answered_at(answer)))

    def find_invoices(
        self, *, customer: str, reference: str, created_after: int
    ) -> list[ProviderInvoice]:
        """Find invoices in the customer's list; Stripe's search lags, its lists do not."""
        params: Any = {"customer": customer, "created": {"gte": created_after}, "limit": _PAGE}
        found: list[ProviderInvoice] = []
        while True:
            answer = call_stripe(lambda: self._client.v1.invoices.list(params))
            listed, last = page_of(answer)
            found += [
                objects.to_invoice(data, as_of=answered_at(answer))
                for data in listed
                if _reference_in(data) == reference
            ]
            if last is None:
                return found
            params["starting_after"] = last

    def delete_draft(self, invoice_id: str) -> None:
        """Delete a draft; one that is already deleted is no error."""
        try:
            call_stripe(lambda: self._client.v1.invoices.delete(invoice_id))
        except GatewayRejected as error:
            if not error.missing:
                raise

    def _invoice(self, call: Callable[[], Answer]) -> ProviderInvoice:
        answer = call_stripe(call)
        return objects.to_invoice(json_of(answer), as_of=answered_at(answer))


def _create_params(draft: InvoiceDraft) -> dict[str, Any]:
    params: dict[str, Any] = {
        "customer": draft.customer,
        "auto_advance": False,
        "collection_method": "charge_automatically",
        "pending_invoice_items_behavior": "include" if draft.include_pending_items else "exclude",
        "metadata": draft.metadata,
    }
    optional = {
        "currency": draft.currency,
        "footer": draft.footer,
        "description": draft.description,
    }
    params |= {name: value for name, value in optional.items() if value is not None}
    if draft.tax_rate_id is not None:
        params["default_tax_rates"] = [draft.tax_rate_id]
    method = draft.payment_method
    if method is not None and method.startswith(objects.METHOD_ID_PREFIXES):
        params["default_payment_method"] = method
    elif method is not None:
        params["payment_settings"] = {"payment_method_types": [method]}
    return params


def _line_params(line: LineDraft, currency: str) -> dict[str, Any]:
    params: dict[str, Any] = {
        "quantity": line.quantity,
        "metadata": {metadata_keys.LINE: line.reference},
    }
    if line.price is not None:
        params["pricing"] = {"price": line.price}
        if line.name is not None:
            params["description"] = line.name
        return params
    name = line.name or "Item"
    params["description"] = name
    params["price_data"] = {
        "currency": currency,
        "unit_amount": line.amount_minor,
        "product_data": {"name": name},
    }
    return params


def _reference_in(data: dict[str, Any]) -> object:
    """Return the invoice that an object's own metadata names; other objects may be unreadable."""
    metadata = data.get("metadata")
    return metadata.get(metadata_keys.INVOICE) if isinstance(metadata, dict) else None
