"""A Stripe account in the sandbox, as its owner sees it: catalogue, customers, money."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import requests
import stripe

from tests.support.sandbox import SandboxAdmin
from workers.providers.stripe.client import API_VERSION

CARDS = {
    "succeeds": "pm_card_visa",
    "declined": "pm_card_chargeCustomerFail",
    "insufficient_funds": "pm_card_visa_chargeDeclinedInsufficientFunds",
    "needs_authentication": "pm_card_authenticationRequired",
}


@dataclass
class Account:
    """A Stripe account in the sandbox, with a catalogue."""

    url: str
    key: str = field(default_factory=lambda: f"sk_test_{secrets.token_hex(12)}")

    def __post_init__(self) -> None:
        stripe.enable_telemetry = False
        self.admin = SandboxAdmin(self.url, self.key)
        session = requests.Session()
        # Each call would look for the environment's proxies, for a third of its time.
        session.trust_env = False
        self._http = stripe.RequestsClient(timeout=(3, 20), session=session)
        self.v1 = stripe.StripeClient(
            self.key,
            base_addresses={"api": self.url},
            stripe_version=API_VERSION,
            max_network_retries=0,
            http_client=self._http,
        ).v1

    def __enter__(self) -> Self:
        return self

    @cached_property
    def product(self) -> str:
        """A product, made on first use."""
        return self.v1.products.create({"name": "Pro Plan"}).id

    @cached_property
    def price(self) -> str:
        """Its price, made on first use."""
        return self.add_price(1999)

    @cached_property
    def tax_rate(self) -> str:
        """A tax rate, made on first use."""
        rate: Any = {"display_name": "VAT", "percentage": 21.0, "inclusive": False}
        return self.v1.tax_rates.create(rate).id

    def __exit__(self, *_: object) -> None:
        self._http.close()  # type: ignore[no-untyped-call]
        self.admin.close()

    def add_price(self, amount: int, **more: Any) -> str:
        params: Any = {"product": self.product, "currency": "eur", "unit_amount": amount, **more}
        return self.v1.prices.create(params).id

    def add_customer(self, card: str | None = "succeeds") -> str:
        customer = self.v1.customers.create({"name": "Ada", "email": "ada@example.com"}).id
        if card is not None:
            method = self.v1.payment_methods.attach(CARDS[card], {"customer": customer}).id
            settings: Any = {"invoice_settings": {"default_payment_method": method}}
            self.v1.customers.update(customer, settings)
        return customer

    def charged(self) -> list[int]:
        """The amounts that the sandbox's own ledger says were taken."""
        entries = self.admin.ledger()["entries"]
        return [entry["amount"] for entry in entries if entry["kind"] == "charge"]
