"""Each field with money, a count or a state is varied by a course, or constant for a reason.

A field that the sandbox begins to show, and that no course varies, fails these tests.
"""

from __future__ import annotations

from typing import Final

import pytest

from tests.workers.mollie_harness import MollieBench
from tests.workers.provider_objects import mollie_courses, varied_fields
from tests.workers.provider_objects.field_values import FieldValues
from tests.workers.provider_objects.stripe_courses import Bill, Step, follow, note_fields
from tests.workers.provider_objects.stripe_plans import Catalogue, Item, Plan, compare
from tests.workers.stripe_harness import Bench

BILLS: Final = (Bill([1500, -200, 900], "added", -300), Bill([1200], "contained", 200), Bill([40]))
STRIPE: Final[dict[str, tuple[Step, ...]]] = {
    "eur": (
        Step("pay part", amount=500), Step("hold", amount=400), Step("capture", amount=300),
        Step("note", amount=100), Step("deliver"), Step("pay"), Step("refund", amount=250),
        Step("credit", amount=120), Step("noted outside", amount=130),
        Step("noted outside", amount=30), Step("noted refund", amount=140),
        Step("noted refund", amount=41), Step("dispute", amount=100), Step("win"),
        Step("pay", 1), Step("overpay", 1, 300), Step("dispute", 1, 77), Step("lose"),
        Step("refund", 1, 50), Step("fail refund"),
    ),
    "jpy": (
        Step("hold", amount=300), Step("release"), Step("void"), Step("pay outside", 1),
        Step("pay part", 2, 10), Step("write off", 2), Step("refund", 1, 5),
    ),
    "kwd": (
        Step("decline"), Step("note", 1, 40), Step("void note", 1), Step("revise", amount=70),
        Step("pay", 3), Step("dispute", 3, 9), Step("pay part", 1, 200), Step("revise", 1, 30),
        Step("hold", 2, 20),
    ),
}  # fmt: skip
PLANS: Final = (
    Plan([Item("whole", 2, ["tenth", "amount"]), Item("decimal", 30)], ["third"], "added"),
    Plan(
        [Item("packages", 20, ["once"]), Item("full packages", 10)],
        ["much"],
        "contained",
        has_trial=True,
        in_dollars=True,
    ),
    Plan([Item("graduated", 20), Item("volume", 3), Item("metered")], interval=("year", 1)),
    Plan([Item("whole", 1, ["tenth"])], interval=("month", 3)),
)
MOLLIE: Final[tuple[tuple[str, str, str], ...]] = (
    ("creditcard", "eur", "paid, refund, go on, failing refund, go on, chargeback, cancel refund"),
    ("creditcard", "eur", "paid, queued refund, cancel refund, chargeback, reverse, refund"),
    ("klarna", "eur", "authorized, capture, failing capture, release, refund, chargeback, reverse"),
    ("klarna", "sek", "authorized, deliver"),
    ("creditcard", "isk", "paid, refund"),
    ("creditcard", "huf", "failed"),
    ("banktransfer", "eur", "pending"),
    ("creditcard", "jpy", "expired"),
    ("klarna", "eur", "canceled"),
)


@pytest.mark.extended
def test_each_field_of_stripe_s_objects_is_varied(bench: Bench) -> None:
    values, objects = FieldValues(), ("charges", "refunds", "disputes", "payment_intents")
    for currency, steps in STRIPE.items():
        follow(bench, BILLS, steps, currency)
        note_fields(bench, values, "invoices", "credit_notes", *objects)
    catalogue = Catalogue(bench)
    for plan in PLANS:
        values.add(compare(catalogue, plan))
    note_fields(bench, values, "invoices", "coupons", "prices")
    values.require(varied_fields.STRIPE, varied_fields.STRIPE_CONSTANT)


@pytest.mark.extended
def test_each_field_of_mollie_s_payments_is_varied(mollie: MollieBench) -> None:
    values = FieldValues()
    for number, (method, currency, actions) in enumerate(MOLLIE):
        steps = [
            mollie_courses.Step(action, 300 + 10 * index)
            for index, action in enumerate(actions.split(", "))
        ]
        values.add(mollie_courses.follow(mollie, method, currency, 4000 + number, steps))
    values.require(varied_fields.MOLLIE_PAYMENTS, {})
