"""Test that invoices and subscriptions with more than ten entries have all of them."""

from __future__ import annotations

from typing import Any

from domain.invoices.view import InvoiceView
from tests.workers.stripe_harness import Bench

COUNT = 12


def amounts_of(view: InvoiceView) -> list[tuple[str | None, int | None]]:
    return [(line["name"], line["total_minor"]) for line in view.lines]


def make_long_invoice(bench: Bench) -> str:
    """Make an invoice with twelve lines as a dashboard does."""
    customer = bench.account.add_customer()
    made = bench.account.v1.invoices.create({"customer": customer, "currency": "eur"}).id
    lines: Any = [{"amount": 100 + index, "description": f"Seat {index}"} for index in range(COUNT)]
    bench.account.v1.invoices.add_lines(made, {"lines": lines})
    bench.account.v1.invoices.finalize_invoice(made)
    return made


def test_an_imported_invoice_has_more_than_ten_lines(bench: Bench) -> None:
    made = make_long_invoice(bench)
    bench.deliver("invoice.")
    view = bench.imported(made).view
    assert amounts_of(view) == [(f"Seat {index}", 100 + index) for index in range(COUNT)]
    assert view.total_minor == sum(100 + index for index in range(COUNT))


def test_a_draft_that_is_finalised_later_has_its_new_lines(bench: Bench) -> None:
    customer = bench.account.add_customer()
    made = bench.account.v1.invoices.create({"customer": customer, "currency": "eur"}).id
    bench.deliver("invoice.")
    lines: Any = [{"amount": 100, "description": f"Seat {index}"} for index in range(COUNT)]
    bench.account.v1.invoices.add_lines(made, {"lines": lines})
    bench.account.v1.invoices.finalize_invoice(made)
    bench.deliver("invoice.finalized")
    assert len(bench.imported(made).view.lines) == COUNT


def test_a_subscription_with_twelve_prices_has_all_items_and_lines(bench: Bench) -> None:
    prices = [
        bench.account.add_price(100 + index, recurring={"interval": "month"})
        for index in range(COUNT)
    ]
    lines = [{"name": None, "quantity": 1, "price": price} for price in prices]
    invoice_id = bench.request(bench.add_tenant(), *lines, type="subscription")
    view = bench.charge(invoice_id).view
    total = sum(100 + index for index in range(COUNT))
    assert (view.status, view.total_minor) == ("paid", total)
    assert sorted(line["total_minor"] or 0 for line in view.lines) == [
        100 + i for i in range(COUNT)
    ]
    assert all(line["name"] for line in view.lines)

    bench.deliver("customer.subscription.")
    known = bench.subscription(invoice_id).view
    assert {item.price for item in known.items} == set(prices)
    assert known.monthly_minor == total
