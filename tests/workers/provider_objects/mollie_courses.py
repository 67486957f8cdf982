"""Courses of payments and subscriptions at Mollie, and what the ledger has of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from mollie.api.error import ResponseError

from domain.core.money import step_minor
from domain.invoices.view import InvoiceView
from tests.support.mollie_account import amount as amount_of
from tests.workers.mollie_harness import MollieBench
from tests.workers.provider_objects.stripe_courses import sums_of

HOUR_S: Final = 3600
DAY_S: Final = 24 * HOUR_S
# A method and the currencies that it is tried with. Mollie has none of three decimals.
METHODS: Final[dict[str, tuple[str, ...]]] = {
    "creditcard": ("eur", "jpy", "isk", "huf"),
    "klarna": ("eur", "sek"),
    "banktransfer": ("eur",),
}
ACTIONS: Final = (
    "paid", "authorized", "pending", "failed", "canceled", "expired", "capture",
    "failing capture", "release", "refund", "failing refund", "queued refund", "go on",
    "cancel refund", "chargeback", "reverse", "deliver",
)  # fmt: skip


@dataclass(frozen=True)
class Step:
    """An action on the payment, with an amount in the currency's smallest steps."""

    action: str
    amount: int = 1


@contextmanager
def refusals() -> Iterator[None]:
    """Ignore what Mollie refuses in a state; any other error is raised."""
    try:
        yield
    except ResponseError as error:
        if not 400 <= int(error.status or 0) < 500:
            raise
    except RuntimeError as error:
        if re.search(r": 4\d\d ", str(error)) is None:
            raise


class Course:
    """A course of one payment that was requested here. The provider's clock stands."""

    def __init__(self, mollie: MollieBench, method: str, currency: str, units: int) -> None:
        self.mollie, self.admin = mollie, mollie.account.admin
        self.admin.set_clock(frozen=True)
        self.currency, self.unit = currency, step_minor("mollie", currency)
        quantity = 1 + int(units % 2 == 0)
        line = {
            "name": "Boots",
            "quantity": quantity,
            "amount_minor": units // quantity * self.unit,
            "currency": currency,
        }
        view = mollie.charged(line, payment_method=method).view
        self.invoice_id, self.payment = view.id, view.provider_object_id or ""
        assert self.payment, view.failure

    def take(self, step: Step) -> None:
        """Act on the payment; what its state does not allow changes nothing."""
        with refusals():
            self._acts(step)[step.action]()

    def _acts(self, step: Step) -> dict[str, Callable[[], object]]:
        admin, payment, amount = self.admin, self.payment, self._amount(step.amount)
        outcomes = ("paid", "authorized", "pending", "failed", "canceled", "expired")
        acts: dict[str, Callable[[], object]] = {
            status: lambda status=status: admin.outcome(payment, status)  # type: ignore[misc]  # mypy infers no lambda with a default
            for status in outcomes
        }
        return acts | {
            "capture": lambda: self._capture("succeeded", amount),
            "failing capture": lambda: self._capture("failed", amount),
            "release": lambda: admin.release_authorization(payment),
            "refund": lambda: self._refund("refunded", amount),
            "failing refund": lambda: self._refund("failed", amount),
            "queued refund": lambda: self._refund("refunded", amount, queue_s=HOUR_S),
            "go on": lambda: admin.set_clock(advance_s=3 * HOUR_S),
            "cancel refund": self._cancel_refund,
            "chargeback": lambda: admin.chargeback(payment, amount=amount),
            "reverse": self._reverse,
            "deliver": self.view,
        }

    def _amount(self, units: int) -> dict[str, str]:
        digits = 0 if self.currency in ("jpy", "isk") else 2
        return amount_of(f"{units / 10**digits:.{digits}f}", self.currency.upper())

    def _capture(self, outcome: str, amount: Any) -> None:
        self.admin.set_settings(capture_outcome=outcome)
        self.admin.capture(self.payment, amount=amount)

    def _refund(self, outcome: str, amount: Any, *, queue_s: int = 0) -> None:
        self.admin.set_settings(refund_outcome=outcome, refund_queue_s=queue_s)
        self.admin.refund(self.payment, amount=amount)

    def _cancel_refund(self) -> None:
        refunds = self.mollie.account.get(self.payment).refunds
        for refund in refunds.list():
            refunds.delete(refund["id"])

    def _reverse(self) -> None:
        for chargeback in self.mollie.account.get(self.payment).chargebacks.list():
            self.admin.reverse_chargeback(chargeback["id"])

    def view(self) -> InvoiceView:
        """Return what was recorded once the payment was fetched."""
        self.mollie.receive_webhook(self.payment)
        return self.mollie.invoice(self.invoice_id).view

    def moved(self) -> Counter[str]:
        """Add up the payment's entries of the ledger, in our minor units."""
        sums: Counter[str] = Counter()
        for entry in self.admin.ledger()["entries"]:
            if entry["payment"] == self.payment:
                sums[entry["kind"]] += entry["amount"] * self.unit
        return sums


def follow(
    mollie: MollieBench, method: str, currency: str, units: int, steps: list[Step]
) -> list[dict[str, Any]]:
    """Go through a course; require that our sums are the ledger's. Return Mollie's objects."""
    course = Course(mollie, method, currency, units)
    for step in steps:
        course.take(step)
    view, moved = course.view(), course.moved()
    sums = sums_of([view])
    there = mollie.account.get(course.payment)
    assert sums["collected"] + sums["overpaid"] == moved["payment"]
    assert sums["refunded"] == moved["refund"]
    assert sums["disputed"] == moved["chargeback"] - moved["chargeback_reversed"]
    is_owed = there["status"] in ("open", "pending", "authorized", "failed")
    owed = units * course.unit - moved["payment"] if is_owed else 0
    assert sums["outstanding"] == owed, (there["status"], view.status)
    assert view.total_minor == units * course.unit
    assert view.amount_paid_minor == moved["payment"]
    held = owed if there["status"] == "authorized" else 0
    assert view.amount_capturable_minor == held
    return objects_of(mollie, course.payment)


def objects_of(mollie: MollieBench, payment: str) -> list[dict[str, Any]]:
    """Fetch a payment with its captures, refunds and chargebacks."""
    client = mollie.account.client
    embedded = client.payments.get(payment, embed="captures,refunds,chargebacks")
    found = dict(embedded)
    parts = found.pop("_embedded", {})
    return [found, *(one for listed in parts.values() for one in listed)]


# How often a year has each interval, and how many payments there are in twenty days and a half.
INTERVALS: Final = {
    "1 day": (Fraction(365), 21),
    "10 days": (Fraction(365, 10), 3),
    "1 week": (Fraction(52), 3),
    "2 weeks": (Fraction(26), 2),
    "1 month": (Fraction(12), 1),
    "6 months": (Fraction(2), 1),
    "12 months": (Fraction(1), 1),
}
# The states that Mollie names, and ours.
STATES: Final = {
    "active": "active",
    "pending": "paused",
    "suspended": "unpaid",
    "canceled": "canceled",
    "completed": "canceled",
}
WINDOW_S: Final = 20 * DAY_S + 12 * HOUR_S


def subscribe(mollie: MollieBench, state: str, **fields: Any) -> str:
    """Make a subscription that will be in a state by the next payment; return its id."""
    account, admin = mollie.account, mollie.account.admin
    if state == "pending":
        admin.set_settings(mandate_delay_s=2 * WINDOW_S)
    owner = account.with_mandate()
    admin.set_settings(mandate_delay_s=0)
    more = {"times": 1 if state == "completed" else 40}
    made = str(account.subscribe(owner, **fields, **more).id)
    if state == "canceled":
        owner.subscriptions.delete(made)
    if state == "suspended":
        for mandate in owner.mandates.list():
            owner.mandates.delete(mandate["id"])
    return made
