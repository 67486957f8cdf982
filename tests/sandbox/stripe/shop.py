"""Create the objects of most tests: a customer with a card, a price, a tax rate, an invoice."""

from __future__ import annotations

import uuid
from typing import Any

import stripe

from tests.support.sandbox import SandboxAdmin, SandboxProcess

stripe.enable_telemetry = False


def fresh_key() -> str:
    return f"sk_test_{uuid.uuid4().hex}"


_OPEN: list[stripe.RequestsClient | SandboxAdmin] = []


def client_of(
    url: str, key: str, *, retries: int = 0, timeout_s: float = 60
) -> stripe.StripeClient:
    http = stripe.RequestsClient(timeout=(3.05, timeout_s))
    _OPEN.append(http)
    return stripe.StripeClient(
        key, base_addresses={"api": url}, max_network_retries=retries, http_client=http
    )


def close_clients() -> None:
    """Closes the connections of the clients made so far; the SDK's open new ones if need be."""
    for client in _OPEN:
        client.close()


class Shop:
    """An account of its own: the SDK's client, the admin client, and short ways to things."""

    def __init__(self, sandbox: SandboxProcess, key: str | None = None) -> None:
        self.key = key or fresh_key()
        self.url = sandbox.url
        self.stripe = client_of(sandbox.url, self.key).v1
        self.admin = SandboxAdmin(sandbox.url, self.key)
        _OPEN.append(self.admin)

    def customer(self, card: str | None = "pm_card_visa", **fields: Any) -> stripe.Customer:
        customer = self.stripe.customers.create({"email": "ada@example.org", **fields})
        if card is None:
            return customer
        method = self.stripe.payment_methods.attach(card, {"customer": customer.id})
        settings = {"default_payment_method": method.id}
        return self.stripe.customers.update(customer.id, {"invoice_settings": settings})

    def price(self, amount: int = 1000, currency: str = "eur", **fields: Any) -> stripe.Price:
        return self.stripe.prices.create(
            {
                "currency": currency,
                "unit_amount": amount,
                "product_data": {"name": "Book"},
                **fields,
            }
        )

    def rate(self, percentage: float, *, inclusive: bool) -> stripe.TaxRate:
        return self.stripe.tax_rates.create(
            {"display_name": "VAT", "percentage": percentage, "inclusive": inclusive}
        )

    def draft(self, customer: str, *amounts: int, **fields: Any) -> stripe.Invoice:
        invoice = self.stripe.invoices.create(
            {"customer": customer, "currency": "eur", "auto_advance": False, **fields}
        )
        if not amounts:
            return invoice
        lines: Any = [{"amount": amount, "description": "Thing"} for amount in amounts]
        return self.stripe.invoices.add_lines(invoice.id, {"lines": lines})

    def opened(self, customer: str, *amounts: int, **fields: Any) -> stripe.Invoice:
        draft = self.draft(customer, *(amounts or (1000,)), **fields)
        return self.stripe.invoices.finalize_invoice(draft.id, {"auto_advance": False})

    def event_types(self) -> list[str]:
        """All events' types, oldest first."""
        return [str(event.type) for event in self.stripe.events.list({"limit": 100}).data][::-1]
