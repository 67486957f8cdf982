"""Act as the demo company and its customers at Mollie: mandates, subscriptions, payments, banks.

Customers are named by numbers of the caller. An action that has nothing to act on does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Protocol

from domain.core import calendar, money
from workers.providers.mollie.client import MollieClients

_REDIRECT: Final = "https://shop.example.org/thanks"


class Admin(Protocol):
    """Actions of payers and banks, which Mollie's API does not have."""

    def post(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        """Send one action."""


@dataclass(kw_only=True)
class _Plan:
    amount_minor: int
    interval: str


@dataclass(kw_only=True)
class _Customer:
    id: str
    method: str = "ideal"
    plan: str = ""
    subscription: str | None = None
    chargeback: str | None = None


class MollieDemoCompany:
    """The demo company's account at the simulated Mollie. `today`: by the account's clock."""

    def __init__(
        self, api_key: str, *, api_base: str, admin: Admin, today: Callable[[], date]
    ) -> None:
        clients = MollieClients(api_key, api_base=api_base, mode="test")
        self._client = clients.for_thread()
        self._admin = admin
        self._today = today
        self._plans: dict[str, _Plan] = {}
        self._customers: dict[int, _Customer] = {}

    @property
    def customer_ids(self) -> dict[int, str]:
        """Return the customers' ids at Mollie by number."""
        return {number: customer.id for number, customer in self._customers.items()}

    def make_catalogue(
        self, plans: Sequence[tuple[str, int, str]], *, one_time: tuple[str, int]
    ) -> None:
        """Keep the plans here: Mollie has no catalogue."""
        del one_time
        self._plans = {
            name: _Plan(amount_minor=amount_minor, interval=interval)
            for name, amount_minor, interval in plans
        }

    def add_customer(
        self, number: int, *, name: str, email: str, country: str, currency: str
    ) -> None:
        """Create a customer; all are billed in EUR."""
        del country, currency
        made = self._client.customers.create({"name": name, "email": email})
        self._customers[number] = _Customer(id=made.id)

    def subscribe(self, number: int, *, plan: str, seats: int, method: str) -> None:
        """Charge the first payment, and start a subscription with the mandate that it creates."""
        customer, chosen = self._customers[number], self._plans[plan]
        customer.method, customer.plan = method, plan
        amount = _euro(chosen.amount_minor * seats)
        self._pay(customer, amount, f"{plan}, first period", sequenceType="first")
        body = {
            "amount": amount,
            "interval": calendar.to_mollie(chosen.interval, 1),
            "description": plan,
            "startDate": calendar.after(self._today(), chosen.interval, 1).isoformat(),
        }
        made = self._client.customers.get(customer.id).subscriptions.create(body)
        customer.subscription = made.id

    def replace_method(self, number: int, method: str) -> None:
        """Do nothing: at Mollie, a mandate is replaced by a new first payment."""

    def bill(
        self, number: int, *, amount_minor: int, description: str, due_days: int | None
    ) -> None:
        """Charge one payment at once: Mollie has no invoices with days to pay."""
        del due_days
        self._pay(self._customers[number], _euro(amount_minor), description)

    def pay_open(self, number: int, *, method: str) -> None:
        """Do nothing: no payment is left open."""

    def close_open(self, number: int, *, ending: str) -> None:
        """Do nothing: no payment is left open."""

    def change_seats(self, number: int, *, seats: int) -> None:
        """Change the amount of the subscription from its next payment on."""
        customer = self._customers[number]
        amount = _euro(self._plans[customer.plan].amount_minor * seats)
        self._update(customer, {"amount": amount})

    def cancel(self, number: int) -> None:
        """End the subscription now."""
        customer = self._customers[number]
        if customer.subscription is not None:
            owner = self._client.customers.get(customer.id)
            owner.subscriptions.delete(customer.subscription)
            customer.subscription = None

    def refund(self, number: int, *, percent: int) -> None:
        """Refund a share of the newest paid payment."""
        payment = self._newest_paid(self._customers[number])
        if payment is not None:
            paid_minor = money.from_major(payment["amount"]["value"], "eur")
            amount_minor = paid_minor * percent // 100
            body = {"amount": _euro(amount_minor), "description": "Goodwill"}
            self._client.payments.get(payment["id"]).refunds.create(body)

    def dispute(self, number: int) -> None:
        """Create a chargeback of the newest paid payment."""
        customer = self._customers[number]
        payment = self._newest_paid(customer)
        if payment is not None:
            taken = self._admin.post(f"/payments/{payment['id']}/chargeback", {})
            customer.chargeback = taken["id"]

    def close_dispute(self, number: int, *, won: bool) -> None:
        """Reverse the chargeback, or leave it."""
        chargeback = self._customers[number].chargeback
        if won and chargeback is not None:
            self._admin.post(f"/chargebacks/{chargeback}/reverse", {})

    def decline_next(self) -> None:
        """Make the account's next renewal fail."""
        self._admin.post("/settings", {"next_outcomes": ["failed"]})

    def notify_at(self, url: str) -> None:
        """Set the webhook URL of all running subscriptions' payments to `url`."""
        for customer in self._customers.values():
            self._update(customer, {"webhookUrl": url})

    def _pay(
        self, customer: _Customer, amount: dict[str, str], description: str, **more: str
    ) -> None:
        """Create a payment, and let the customer pay it on the checkout page."""
        body = {
            "amount": amount,
            "description": description,
            "redirectUrl": _REDIRECT,
            "customerId": customer.id,
            **more,
        }
        made = self._client.payments.create(body)
        outcome = {"status": "paid", "method": customer.method}
        self._admin.post(f"/payments/{made.id}/outcome", outcome)

    def _update(self, customer: _Customer, fields: dict[str, Any]) -> None:
        """Change the subscription, unless it has ended."""
        if customer.subscription is None:
            return
        owner = self._client.customers.get(customer.id)
        if owner.subscriptions.get(customer.subscription)["status"] == "active":
            owner.subscriptions.update(customer.subscription, fields)

    def _newest_paid(self, customer: _Customer) -> Any:  # noqa: ANN401 - the SDK's payment
        """Return the newest paid payment; None if nothing is paid."""
        listed = self._client.customers.get(customer.id).payments.list(limit=50)
        return next((payment for payment in listed if payment["status"] == "paid"), None)


def _euro(amount_minor: int) -> dict[str, str]:
    """Return an amount as Mollie writes it."""
    return {"value": money.to_mollie(amount_minor, "eur"), "currency": "EUR"}
