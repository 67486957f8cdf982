"""Courses of invoices that others make at Stripe: bills, and what happens to them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import orjson
import stripe

from domain.invoices.view import InvoiceView
from projections.reports.invoice_sums import parts_of
from tests.support.stripe_account import CARDS
from tests.workers.provider_objects.field_values import FieldValues
from tests.workers.stripe_harness import Bench

# Smallest steps of amounts; the other currencies have steps of one minor unit.
STEPS: Final = {"isk": 100, "kwd": 10}
CURRENCIES: Final = ("eur", "jpy", "isk", "kwd")
ACTIONS: Final = (
    "pay", "decline", "pay part", "pay outside", "hold", "capture", "release", "overpay", "note",
    "credit", "noted outside", "noted refund", "void note", "refund", "fail refund", "dispute",
    "win", "lose", "void", "write off", "revise", "deliver",
)  # fmt: skip


@dataclass(frozen=True)
class Bill:
    """An invoice to make: amounts of its lines, its tax, and the customer's balance before."""

    amounts: Sequence[int]
    tax: str | None = None
    balance: int = 0


@dataclass(frozen=True)
class Step:
    """An action on one of the invoices, after a gap of the provider's time."""

    action: str
    invoice: int = 0
    amount: int = 1
    gap_s: int = 0


@contextmanager
def refusals() -> Iterator[None]:
    """Ignore what the provider refuses in a state; any other error is raised."""
    try:
        yield
    except (stripe.InvalidRequestError, stripe.CardError):
        pass
    except RuntimeError as error:
        if re.search(r": 4\d\d ", str(error)) is None:
            raise


class Course:
    """A course of invoices of one customer. The provider's clock stands but for the gaps."""

    def __init__(self, bench: Bench, *, currency: str = "eur") -> None:
        self.bench, self.admin = bench, bench.account.admin
        self.v1: Any = bench.account.v1
        self.admin.set_clock(frozen=True)
        self.currency, self.unit = currency, STEPS.get(currency, 1)
        self.customer = bench.account.add_customer()
        self.invoices: list[str] = []

    def bill(self, bill: Bill) -> None:
        if bill.balance:
            entry = {"amount": bill.balance * self.unit, "currency": self.currency}
            self.v1.customers.balance_transactions.create(self.customer, entry)
        params: Any = {"customer": self.customer, "currency": self.currency}
        if bill.tax is not None:
            params["default_tax_rates"] = [self._tax_rate(inclusive=bill.tax == "contained")]
        made = self.v1.invoices.create(params).id
        lines = [{"amount": amount * self.unit} for amount in bill.amounts]
        self.v1.invoices.add_lines(made, {"lines": lines})
        with refusals():
            self.v1.invoices.finalize_invoice(made)
        self.invoices.append(made)

    def _tax_rate(self, *, inclusive: bool) -> str:
        # A fraction of these currencies' smallest amounts could not be charged.
        percentage = 0 if self.unit > 1 else 21
        rate = {"display_name": "VAT", "percentage": percentage, "inclusive": inclusive}
        return str(self.v1.tax_rates.create(rate).id)

    def take(self, step: Step) -> None:
        """Act on an invoice; what its state does not allow changes nothing."""
        if step.gap_s:
            self.admin.set_clock(advance_s=step.gap_s)
        invoice = self.invoices[step.invoice % len(self.invoices)]
        with refusals():
            self._acts(invoice, step.amount * self.unit)[step.action]()

    def _acts(self, invoice: str, amount: int) -> dict[str, Callable[[], object]]:
        admin, invoices = self.admin, self.v1.invoices
        return {
            "pay": lambda: invoices.pay(invoice),
            "decline": self._decline(invoice),
            "pay part": lambda: admin.pay_part(invoice, amount),
            "pay outside": lambda: invoices.pay(invoice, {"paid_out_of_band": True}),
            "hold": lambda: admin.pay_part(invoice, amount, capture="manual"),
            "capture": lambda: self._each_held(invoice, "capture", {"amount_to_capture": amount}),
            "release": lambda: self._each_held(invoice, "cancel", {}),
            "overpay": lambda: admin.overpay(invoice, amount=amount),
            "note": lambda: self._note(invoice, amount=amount),
            "credit": lambda: self._note(invoice, amount=amount, credit_amount=amount),
            "noted outside": lambda: self._note(invoice, amount=amount, out_of_band_amount=amount),
            "noted refund": lambda: self._note(invoice, amount=amount, refund_amount=amount),
            "void note": lambda: self._void_note(invoice),
            "refund": lambda: admin.refund(invoice, amount=amount),
            "fail refund": self._fail_refund,
            "dispute": lambda: admin.dispute(invoice, amount=amount),
            "win": lambda: self._decide("win"),
            "lose": lambda: self._decide("lose"),
            "void": lambda: invoices.void_invoice(invoice),
            "write off": lambda: invoices.mark_uncollectible(invoice),
            "revise": lambda: self._revise(invoice, amount),
            "deliver": self.deliver,
        }

    def deliver(self) -> None:
        self.bench.deliver("invoice", "credit_note", "charge", "refund", "payment_intent.")

    def _each_held(self, invoice: str, verb: str, params: Any) -> None:
        for entry in self.v1.invoice_payments.list({"invoice": invoice}).data:
            intent = str(getattr(entry.payment, "payment_intent", None))
            found = self.v1.payment_intents.list({"customer": self.customer, "limit": 100}).data
            if any(one.id == intent and one.status == "requires_capture" for one in found):
                getattr(self.v1.payment_intents, verb)(intent, params)

    def _note(self, invoice: str, **amounts: int) -> None:
        self.v1.credit_notes.create({"invoice": invoice, **amounts})

    def _decline(self, invoice: str) -> Callable[[], object]:
        def pay() -> None:
            card = {"customer": self.customer}
            method = self.v1.payment_methods.attach(CARDS["declined"], card).id
            self.v1.invoices.pay(invoice, {"payment_method": method})

        return pay

    def _void_note(self, invoice: str) -> None:
        for note in self.v1.credit_notes.list({"invoice": invoice, "limit": 1}).data:
            self.v1.credit_notes.void_credit_note(note.id)

    def _fail_refund(self) -> None:
        for charge in self.v1.charges.list({"customer": self.customer, "limit": 100}).data:
            for refund in self.v1.refunds.list({"charge": charge.id}).data[:1]:
                self.admin.fail_refund(refund.id)

    def _decide(self, verdict: str) -> None:
        for charge in self.v1.charges.list({"customer": self.customer, "limit": 100}).data:
            for dispute in self.v1.disputes.list({"charge": charge.id}).data:
                if dispute.status in ("needs_response", "under_review"):
                    self.admin.decide_dispute(dispute.id, verdict)

    def _revise(self, invoice: str, amount: int) -> None:
        self.invoices.append(self.admin.revise(invoice, amount=amount)["id"])

    def there(self) -> list[Any]:
        """Fetch the invoices, with what is shown only if it is expanded."""
        expand = {"expand": ["amount_paid_off_stripe", "payments"]}
        return [self.v1.invoices.retrieve(invoice, expand) for invoice in self.invoices]

    def moved(self) -> Counter[str]:
        """Add up the ledger's entries of the customer by their kind."""
        sums: Counter[str] = Counter()
        for entry in self.admin.ledger()["entries"]:
            if entry["customer"] == self.customer:
                sums[entry["kind"]] += entry["amount"]
        return sums


def sums_of(views: Sequence[InvoiceView]) -> Counter[str]:
    """Add up what the invoices count for in reports, and what was paid beyond them."""
    found: Counter[str] = Counter()
    for view in views:
        found["overpaid"] += view.amount_overpaid_minor
        for part, (amount_minor, _) in parts_of(view).items():
            found[part.kind] += amount_minor
    return found


def follow(bench: Bench, bills: Sequence[Bill], steps: Sequence[Step], currency: str) -> None:
    """Go through a course; require that our sums are those of the ledger and of the lists."""
    course = Course(bench, currency=currency)
    for bill in bills:
        course.bill(bill)
    for step in steps:
        course.take(step)
    course.deliver()
    there, moved = course.there(), course.moved()
    views = [bench.imported(one.id).view for one in there]
    sums, outside = sums_of(views), sum(one.amount_paid_off_stripe or 0 for one in there)
    assert sums["collected"] + sums["overpaid"] == moved["charge"] + outside
    assert sums["refunded"] == moved["refund"] - moved["refund_reversal"]
    assert sums["disputed"] == moved["dispute"] - moved["dispute_reversal"]
    owed = [one.amount_remaining for one in there if one.status == "open"]
    assert sums["outstanding"] == sum(owed)
    for view, one in zip(views, there, strict=True):
        assert view.total_minor == one.total
        assert view.tax_minor == sum(tax.amount for tax in one.total_taxes or ())
        assert view.amount_paid_minor == one.amount_paid - (one.amount_overpaid or 0)
        notes = course.v1.credit_notes.list({"invoice": one.id, "limit": 100}).data
        assert len(view.credit_notes) == len(notes)
        assert len(view.lines) == one["lines"].total_count


def note_fields(bench: Bench, values: FieldValues, *services: str) -> None:
    """Add the fields of the account's newest objects to the values."""
    for service in services:
        params: Any = {"limit": 100}
        if service == "invoices":
            params["expand"] = ["data.amount_paid_off_stripe"]
        if service == "prices":
            params["expand"] = ["data.tiers", "data.currency_options"]
        if service == "coupons":
            params["expand"] = ["data.currency_options"]
        listed = getattr(bench.account.v1, service).list(params)
        values.add(orjson.loads(listed.last_response.body)["data"])
