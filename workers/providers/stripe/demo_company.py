"""Act as the demo company and its customers at Stripe: catalogue, subscriptions, invoices, banks.

Customers are named by numbers of the caller. An action that has nothing to act on does nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from workers.providers.stripe.client import open_client

_TAX_NAMES: Final = {"DE": "USt.", "NL": "BTW", "FR": "TVA"}
_TAX_PERCENT: Final = {"DE": 19.0, "NL": 21.0, "FR": 20.0}


class Admin(Protocol):
    """Actions of banks and of users of Stripe's dashboard, which Stripe's API does not have."""

    def post(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        """Send one action."""


@dataclass(kw_only=True)
class _Customer:
    id: str
    currency: str
    tax_rates: list[str]
    subscription: str | None = None
    dispute: str | None = None


class StripeDemoCompany:
    """The demo company's account at the simulated Stripe."""

    def __init__(self, api_key: str, *, api_base: str, admin: Admin) -> None:
        self._v1 = open_client(api_key, api_base=api_base, mode="test").v1
        self._admin = admin
        self._prices: dict[tuple[str, str], str] = {}
        self._tax_rates: dict[str, str] = {}
        self.one_time_price = ""
        self._customers: dict[int, _Customer] = {}

    def tax_rate(self, country: str) -> str | None:
        """Return the id of a country's tax rate; None if it has none."""
        return self._tax_rates.get(country)

    @property
    def customer_ids(self) -> dict[int, str]:
        """Return the customers' ids at Stripe by number."""
        return {number: customer.id for number, customer in self._customers.items()}

    def make_catalogue(
        self, plans: Sequence[tuple[str, int, str]], *, one_time: tuple[str, int]
    ) -> None:
        """Create a product and prices in EUR and USD for each plan, and tax rates.

        `plans`: name, amount for one seat in minor units, interval. `one_time`: name and amount in
        EUR of what requests of the API sell.
        """
        for name, amount_minor, interval in plans:
            product = self._v1.products.create({"name": name})
            for currency in ("eur", "usd"):
                params: Any = {
                    "product": product.id,
                    "currency": currency,
                    "unit_amount": amount_minor,
                    "recurring": {"interval": interval},
                }
                self._prices[name, currency] = self._v1.prices.create(params).id
        product, (_, amount_minor) = self._v1.products.create({"name": one_time[0]}), one_time
        price: Any = {"product": product.id, "currency": "eur", "unit_amount": amount_minor}
        self.one_time_price = self._v1.prices.create(price).id
        for country, percent in _TAX_PERCENT.items():
            rate: Any = {
                "display_name": _TAX_NAMES[country],
                "percentage": percent,
                "inclusive": False,
                "country": country,
            }
            self._tax_rates[country] = self._v1.tax_rates.create(rate).id

    def add_customer(
        self, number: int, *, name: str, email: str, country: str, currency: str
    ) -> None:
        """Create a customer, billed in one currency with its country's tax."""
        address: Any = {"name": name, "email": email, "address": {"country": country}}
        made = self._v1.customers.create(address)
        rates = [self._tax_rates[country]] if country in self._tax_rates else []
        self._customers[number] = _Customer(id=made.id, currency=currency, tax_rates=rates)

    def subscribe(self, number: int, *, plan: str, seats: int, method: str) -> None:
        """Start a subscription, charged to a new payment method."""
        customer = self._customers[number]
        self.replace_method(number, method)
        params: Any = {
            "customer": customer.id,
            "items": [{"price": self._prices[plan, customer.currency], "quantity": seats}],
            "default_tax_rates": customer.tax_rates,
            "off_session": True,
        }
        customer.subscription = self._v1.subscriptions.create(params).id

    def replace_method(self, number: int, method: str) -> None:
        """Set a customer's default payment method: a test card, or a debit by its IBAN."""
        customer = self._customers[number]
        if not method.startswith("pm_"):
            debit: Any = {
                "type": "sepa_debit",
                "sepa_debit": {"iban": method},
                "billing_details": {"name": "Accounts", "email": "accounts@example.org"},
            }
            method = self._v1.payment_methods.create(debit).id
        attached = self._v1.payment_methods.attach(method, {"customer": customer.id}).id
        self._v1.customers.update(
            customer.id, {"invoice_settings": {"default_payment_method": attached}}
        )

    def bill(
        self, number: int, *, amount_minor: int, description: str, due_days: int | None
    ) -> None:
        """Bill something once: charge it now, or send an invoice that is due after some days."""
        customer = self._customers[number]
        invoice: Any = {
            "customer": customer.id,
            "currency": customer.currency,
            "default_tax_rates": customer.tax_rates,
            "auto_advance": True,
        }
        if due_days is not None:
            invoice |= {"collection_method": "send_invoice", "days_until_due": due_days}
        made = self._v1.invoices.create(invoice)
        lines: Any = {"lines": [{"amount": amount_minor, "description": description}]}
        self._v1.invoices.add_lines(made.id, lines)
        self._v1.invoices.finalize_invoice(made.id)
        if due_days is not None:
            self._v1.invoices.send_invoice(made.id)

    def pay_open(self, number: int, *, method: str) -> None:
        """Pay the newest open invoice on its page."""
        if invoice := self._newest(number, "open"):
            self._admin.post(f"/invoices/{invoice}/pay_on_page", {"payment_method": method})

    def close_open(self, number: int, *, ending: str) -> None:
        """Void the newest open invoice, or mark it uncollectible, in the dashboard."""
        if invoice := self._newest(number, "open"):
            self._admin.post(f"/invoices/{invoice}/{ending}", {})

    def change_seats(self, number: int, *, seats: int) -> None:
        """Change the quantity of the subscription; the difference is prorated."""
        subscription = self._running(number)
        if subscription is not None:
            item = next(iter(subscription["items"]["data"]))
            change: Any = {"items": [{"id": item["id"], "quantity": seats}]}
            self._v1.subscriptions.update(subscription.id, change)

    def cancel(self, number: int) -> None:
        """End the subscription now."""
        subscription = self._running(number)
        if subscription is not None:
            self._v1.subscriptions.cancel(subscription.id)

    def refund(self, number: int, *, percent: int) -> None:
        """Refund a share of the newest paid invoice in the dashboard."""
        if invoice := self._newest(number, "paid"):
            amount_minor = self._v1.invoices.retrieve(invoice).amount_paid * percent // 100
            self._admin.post("/refunds", {"invoice": invoice, "amount": amount_minor})

    def dispute(self, number: int) -> None:
        """Open a dispute of the newest paid invoice."""
        if invoice := self._newest(number, "paid"):
            opened = self._admin.post(f"/charges/{invoice}/dispute", {})
            self._customers[number].dispute = opened["dispute"]["id"]

    def close_dispute(self, number: int, *, won: bool) -> None:
        """Close the open dispute."""
        if dispute := self._customers[number].dispute:
            self._admin.post(f"/disputes/{dispute}/{'win' if won else 'lose'}", {})

    def decline_next(self) -> None:
        """Do nothing: at Stripe, renewals fail by the customer's card."""

    def _newest(self, number: int, status: str) -> str | None:
        """Return the newest invoice in a status that asks for money."""
        params: Any = {"customer": self._customers[number].id, "status": status, "limit": 10}
        listed = self._v1.invoices.list(params).data
        return next((invoice.id for invoice in listed if invoice.total > 0), None)

    def _running(self, number: int) -> Any:  # noqa: ANN401 - the SDK's subscription
        """Fetch the subscription; None if it has ended."""
        known = self._customers[number].subscription
        if known is None:
            return None
        found = self._v1.subscriptions.retrieve(known)
        return found if found.status in ("active", "past_due") else None
