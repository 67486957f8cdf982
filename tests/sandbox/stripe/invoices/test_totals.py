"""Taxes, the customer's balance, and sums too small to charge."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.stripe.invoices.amounts import AmountDue, apply_balance
from tests.sandbox.stripe.shop import Shop


def test_exclusive_tax_is_added(shop: Shop) -> None:
    rate = shop.rate(19, inclusive=False)
    opened = shop.opened(shop.customer().id, 999, 501, default_tax_rates=[rate.id])
    assert (opened.subtotal, opened.total_excluding_tax, opened.total) == (1500, 1500, 1785)
    tax = opened.total_taxes[0]
    assert (tax.amount, tax.tax_behavior, tax.taxable_amount) == (285, "exclusive", 1500)
    assert tax.tax_rate_details.tax_rate == rate.id
    assert [line.taxes[0].amount for line in opened.lines.data] == [190, 95]


def test_inclusive_tax_is_contained(shop: Shop) -> None:
    rate = shop.rate(19, inclusive=True)
    opened = shop.opened(shop.customer().id, 1190, default_tax_rates=[rate.id])
    assert (opened.subtotal, opened.total, opened.total_excluding_tax) == (1190, 1190, 1000)
    assert opened.subtotal_excluding_tax == 1000
    tax = opened.total_taxes[0]
    assert (tax.amount, tax.tax_behavior, tax.taxable_amount) == (190, "inclusive", 1000)


def test_a_lines_own_rates_come_before_the_invoices(shop: Shop) -> None:
    full, reduced = shop.rate(19, inclusive=False), shop.rate(7, inclusive=False)
    draft = shop.draft(shop.customer().id, default_tax_rates=[full.id])
    lines: Any = [{"amount": 1000}, {"amount": 1000, "tax_rates": [reduced.id]}]
    changed = shop.stripe.invoices.add_lines(draft.id, {"lines": lines})
    assert changed.total == 2000 + 190 + 70
    assert {tax.amount for tax in changed.total_taxes or []} == {190, 70}


def test_exempt_customers_pay_no_tax(shop: Shop) -> None:
    rate = shop.rate(19, inclusive=False)
    customer = shop.customer(tax_exempt="reverse").id
    opened = shop.opened(customer, 1000, default_tax_rates=[rate.id])
    assert opened.total == 1000
    assert opened.total_taxes[0].taxability_reason == "reverse_charge"


@pytest.mark.parametrize(
    ("total", "balance", "due", "after"),
    [
        (1000, 0, 1000, 0),
        (1000, -400, 600, 0),
        (1000, -1500, 0, -500),
        (1000, 200, 1200, 0),
        (49, 0, 0, 49),
        (50, 0, 50, 0),
        (30, 25, 55, 0),
        (0, 0, 0, 0),
        (0, 900, 0, 900),
        (-300, 0, 0, -300),
    ],
)
def test_the_balance_settles_first(total: int, balance: int, due: int, after: int) -> None:
    assert apply_balance(total, balance, "eur") == AmountDue(due, after)


def test_a_sum_below_the_minimum_is_paid_and_moves_to_the_balance(shop: Shop) -> None:
    customer = shop.customer()
    small = shop.opened(customer.id, 1)
    assert (small.status, small.amount_due, small.ending_balance) == ("paid", 0, 1)
    assert shop.stripe.customers.retrieve(customer.id).balance == 1
    assert shop.admin.ledger()["entries"] == []
    assert shop.opened(customer.id, 1000).amount_due == 1001


def test_credit_is_applied_when_an_invoice_is_finalised(shop: Shop) -> None:
    customer = shop.customer(balance=-1500)
    covered = shop.opened(customer.id, 1000)
    assert (covered.status, covered.total, covered.amount_due) == ("paid", 1000, 0)
    assert (covered.starting_balance, covered.ending_balance) == (-1500, -500)
    rest = shop.opened(customer.id, 1000)
    assert (rest.status, rest.amount_due) == ("open", 500)
    shop.stripe.invoices.pay(rest.id)
    assert shop.admin.ledger()["by_invoice"] == {rest.id: 500}


def test_an_empty_invoice_is_paid_without_a_payment(shop: Shop) -> None:
    draft = shop.draft(shop.customer().id)
    paid = shop.stripe.invoices.finalize_invoice(draft.id, {"expand": ["payments"]})
    assert (paid.status, paid.total, paid.attempt_count) == ("paid", 0, 0)
    assert paid.payments.data == []
    assert shop.event_types()[-2:] == ["invoice.paid", "invoice.payment_succeeded"]
