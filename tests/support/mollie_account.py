"""A Mollie account in the sandbox, as its owner sees it: payments, customers, money."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any, Self

import httpx
import requests
from mollie.api.client import Client
from mollie.api.objects.customer import Customer
from mollie.api.objects.payment import Payment
from mollie.api.objects.subscription import Subscription

from tests.support import plain_http
from tests.support.mollie_admin import MollieAdmin

Json = dict[str, Any]

SHOP = "https://shop.example.org"


def amount(value: str = "10.00", currency: str = "EUR") -> Json:
    return {"value": value, "currency": currency}


@dataclass
class MollieAccount:
    """The SDK's client, the admin's client, and short ways to things."""

    url: str
    key: str = field(default_factory=lambda: f"test_{secrets.token_hex(15)}")
    timeout_s: int = 60

    def __post_init__(self) -> None:
        self.admin = MollieAdmin(self.url, self.key)
        self.client = Client(api_endpoint=self.url, timeout=(3, self.timeout_s), retry=0)
        self.client.set_api_key(self.key)
        # The SDK uses the session that it has. One of its own would look for the environment's
        # proxies at each call.
        self.client._client = session = requests.Session()  # noqa: SLF001 - it takes none
        session.trust_env = False
        self._browser = plain_http.client(timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client._client.close()  # noqa: SLF001 - the SDK has no way to close its session
        self.admin.close()
        self._browser.close()

    def pay(self, value: str = "10.00", *, key: str = "", **fields: Any) -> Payment:
        """A new payment, open until somebody decides."""
        body = {
            "amount": amount(value),
            "description": "Order 1",
            "redirectUrl": f"{SHOP}/back",
            **fields,
        }
        payment: Payment = self.client.payments.create(body, idempotency_key=key)
        return payment

    def get(self, payment: str) -> Payment:
        return self.client.payments.get(payment)

    def customer(self, **fields: Any) -> Customer:
        body = {"name": "Ada", "email": "ada@example.org", **fields}
        customer: Customer = self.client.customers.create(body)
        return customer

    def at_checkout(self, payment: Payment, status: str, *, method: str | None = None) -> str:
        """Decides at the checkout page, as its form does. Returns where the browser is led."""
        page = payment.checkout_url or payment.changepaymentstate_url
        form = {"status": status} | ({"method": method} if method else {})
        answer = self._browser.post(page, data=form)
        if answer.status_code != httpx.codes.SEE_OTHER:
            raise RuntimeError(f"{answer.status_code} {answer.text}")
        return answer.headers["location"]

    def with_mandate(self, method: str = "creditcard", **fields: Any) -> Customer:
        """A customer whose first payment is paid."""
        customer = self.customer()
        first = self.pay("1.00", customerId=customer.id, sequenceType="first", **fields)
        self.at_checkout(first, "paid", method=method)
        return customer

    def subscribe(self, customer: Customer, **fields: Any) -> Subscription:
        """A monthly subscription of a customer with a mandate."""
        body = {"amount": amount(), "interval": "1 month", "description": "Plan 1", **fields}
        subscription: Subscription = customer.subscriptions.create(body)
        return subscription

    def charged(self) -> list[int]:
        """The amounts that the sandbox's own ledger says were taken."""
        entries = self.admin.ledger()["entries"]
        return [entry["amount"] for entry in entries if entry["kind"] == "payment"]
