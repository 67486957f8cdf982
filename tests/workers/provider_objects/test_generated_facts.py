"""Any legal course of Stripe's money objects: our sums equal the sandbox's ledger and lists.

Invoices made by hand get part payments, captures, credit notes, refunds, disputes, revisions and
endings in any order; subscriptions have any kind of price, quantity and discount. What Stripe
refuses in a state is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import pytest
import stripe
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from domain.core import ids
from domain.invoices.view import InvoiceView
from domain.subscriptions.subscription import Subscription
from projections.reports.invoice_sums import parts_of
from projections.reports.recurring_revenue import share_of
from tests.workers.stripe_harness import Bench

FEW: Final = 4
MANY: Final = 12
_MONTHLY: Final = {"interval": "month"}
_REFUSED: Final = (stripe.InvalidRequestError, stripe.CardError, RuntimeError)


class Course:
    """A course of invoices made by hand for one customer."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.v1, self.admin = bench, bench.account.v1, bench.account.admin
        self.customer = bench.account.add_customer()
        self.invoices: list[str] = []
        self.outside_minor = 0

    def bill(self, amounts: list[int]) -> str:
        made = self.v1.invoices.create({"customer": self.customer, "currency": "eur"}).id
        for amount in amounts:
            line: Any = {"customer": self.customer, "invoice": made, "amount": amount}
            self.v1.invoice_items.create(line | {"currency": "eur"})
        self.v1.invoices.finalize_invoice(made)
        self.invoices.append(made)
        return made

    def act(self, action: str, invoice: str, amount: int) -> None:
        """Act on an invoice; what its state does not allow changes nothing."""
        acts: dict[str, Callable[[], object]] = {
            "pay": lambda: self.v1.invoices.pay(invoice),
            "pay part": lambda: self.admin.pay_part(invoice, amount),
            "hold": lambda: self.admin.pay_part(invoice, amount, capture="manual"),
            "capture": lambda: self._capture(invoice, amount),
            "overpay": lambda: self.admin.overpay(invoice, amount=amount),
            "note": lambda: self._note(invoice, amount=amount),
            "credit": lambda: self._note(invoice, amount=amount, credit_amount=amount),
            "noted outside": lambda: self._note(invoice, amount=amount, out_of_band_amount=amount),
            "noted refund": lambda: self._note(invoice, amount=amount, refund_amount=amount),
            "refund": lambda: self.admin.refund(invoice, amount=amount),
            "dispute": lambda: self.admin.dispute(invoice, amount=amount),
            "win": lambda: self._decide("win"),
            "void": lambda: self.v1.invoices.void_invoice(invoice),
            "write off": lambda: self.v1.invoices.mark_uncollectible(invoice),
            "revise": lambda: self._revise(invoice, amount),
        }
        with suppress(*_REFUSED):
            acts[action]()

    def _capture(self, invoice: str, amount: int) -> None:
        listed = self.v1.invoice_payments.list({"invoice": invoice}).data
        for entry in listed:
            intent = str(entry.payment.payment_intent)
            if self.v1.payment_intents.retrieve(intent).status == "requires_capture":
                self.v1.payment_intents.capture(intent, {"amount_to_capture": amount})

    def _note(self, invoice: str, **amounts: int) -> None:
        params: Any = {"invoice": invoice, **amounts}
        self.v1.credit_notes.create(params)

    def _decide(self, verdict: str) -> None:
        for dispute in self.v1.disputes.list().data:
            if dispute.status in ("needs_response", "under_review"):
                self.admin.decide_dispute(dispute.id, verdict)

    def _revise(self, invoice: str, amount: int) -> None:
        self.invoices.append(self.admin.revise(invoice, amount=amount)["id"])


def recorded(bench: Bench, invoices: list[str]) -> list[InvoiceView]:
    """Return what was recorded for invoices once all events were applied."""
    bench.deliver("invoice", "credit_note", "charge", "refund", "payment_intent.", "customer.")
    return [bench.imported(invoice).view for invoice in invoices]


def sums_of(views: list[InvoiceView]) -> dict[str, int]:
    """Add up what the invoices count for in reports, and what was paid beyond them."""
    found: Counter[str] = Counter()
    for view in views:
        found["overpaid"] += view.amount_overpaid_minor
        for part, (amount_minor, _) in parts_of(view).items():
            found[part.kind] += amount_minor
    return found


def require_equal_sums(course: Course) -> None:
    bench = course.bench
    views = recorded(bench, course.invoices)
    sums, moved = sums_of(views), Counter[str]()
    for entry in bench.account.admin.ledger()["entries"]:
        if entry["customer"] == course.customer:
            moved[entry["kind"]] += entry["amount"]
    assert sums["collected"] + sums["overpaid"] == moved["charge"]
    assert sums["refunded"] == moved["refund"] - moved["refund_reversal"]
    assert sums["disputed"] == moved["dispute"] - moved["dispute_reversal"]
    there = [course.v1.invoices.retrieve(invoice) for invoice in course.invoices]
    owed = [one.amount_remaining for one in there if one.status == "open"]
    assert sums["outstanding"] == sum(owed)
    for view, one in zip(views, there, strict=True):
        assert view.total_minor == one.total
        assert view.amount_paid_minor == one.amount_paid - (one.amount_overpaid or 0)
        notes = course.v1.credit_notes.list({"invoice": one.id, "limit": 100}).data
        assert len(view.credit_notes) == len(notes)
        assert len(view.lines) == len(
            course.v1.invoices.line_items.list(one.id, {"limit": 100}).data
        )


ACTIONS: Final = (
    "pay", "pay part", "hold", "capture", "overpay", "note", "credit", "noted outside",
    "noted refund", "refund", "dispute", "win", "void", "write off", "revise",
)  # fmt: skip
courses = st.lists(
    st.tuples(st.sampled_from(ACTIONS), st.integers(0, 2), st.integers(1, 2500)), max_size=10
)
bills = st.lists(st.lists(st.integers(1, 900), min_size=1, max_size=12), min_size=1, max_size=3)


def follow(bench: Bench, amounts: list[list[int]], steps: list[tuple[str, int, int]]) -> None:
    course = Course(bench)
    for lines in amounts:
        course.bill(lines)
    for action, number, amount in steps:
        course.act(action, course.invoices[number % len(course.invoices)], amount)
    require_equal_sums(course)


def test_sums_equal_the_ledger_after_any_course(bench: Bench) -> None:
    @settings(max_examples=FEW, derandomize=True, database=None, phases=[Phase.generate])
    @given(bills, courses)
    def check(amounts: list[list[int]], steps: list[tuple[str, int, int]]) -> None:
        follow(bench, amounts, steps)

    check()


@pytest.mark.extended
def test_sums_equal_the_ledger_after_many_courses(bench: Bench) -> None:
    @settings(max_examples=MANY, derandomize=True, database=None, phases=[Phase.generate])
    @given(bills, courses)
    def check(amounts: list[list[int]], steps: list[tuple[str, int, int]]) -> None:
        follow(bench, amounts, steps)

    check()


SHAPES: Final[dict[str, dict[str, Any]]] = {
    "whole": {"unit_amount": 1999},
    "decimal": {"unit_amount_decimal": "0.5"},
    "graduated": {
        "billing_scheme": "tiered",
        "tiers_mode": "graduated",
        "tiers": [
            {"up_to": 10, "unit_amount": 100, "flat_amount": 500},
            {"up_to": "inf", "unit_amount_decimal": "2.5"},
        ],
    },
    "volume": {
        "billing_scheme": "tiered",
        "tiers_mode": "volume",
        "tiers": [{"up_to": 5, "unit_amount": 90}, {"up_to": "inf", "unit_amount": 80}],
    },
    "metered": {"unit_amount": 500, "recurring": _MONTHLY | {"usage_type": "metered"}},
}
wanted_items = st.dictionaries(
    st.sampled_from(sorted(SHAPES)), st.integers(0, 40), min_size=1, max_size=4
)


def test_monthly_amounts_equal_what_the_first_month_charges(bench: Bench) -> None:
    @settings(max_examples=FEW, derandomize=True, database=None, phases=[Phase.generate])
    @given(wanted_items)
    def check(wanted: dict[str, int]) -> None:
        customer, items = bench.account.add_customer(), []
        for shape, quantity in wanted.items():
            fields: Any = {"product": bench.account.product, "currency": "eur"}
            price = bench.account.v1.prices.create(
                fields | {"recurring": _MONTHLY} | SHAPES[shape]
            ).id
            more = {} if shape == "metered" else {"quantity": quantity}
            items.append({"price": price, **more})
        params: Any = {"customer": customer, "items": items}
        made = bench.account.v1.subscriptions.create(params).id
        bench.deliver("customer.subscription.")
        stream = ids.for_provider_object(bench.app_id, bench.connection_id, "test", made)
        view = bench.billing.get(Subscription, stream).view
        charged = [
            entry["amount"]
            for entry in bench.account.admin.ledger()["entries"]
            if entry["customer"] == customer
        ]
        assert view.monthly_minor == sum(charged), wanted
        ((recurring, active, unpriced, usage_based),) = share_of(view).values()
        assert (recurring, active, unpriced) == (sum(charged), 1, 0)
        assert usage_based == int("metered" in wanted)

    check()
