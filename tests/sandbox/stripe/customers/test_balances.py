"""A customer's balance: each time that it moves there is a transaction that says why."""

from __future__ import annotations

import pytest
import stripe

from tests.sandbox.stripe.shop import Shop


def moves(shop: Shop, customer: str) -> list[tuple[str, int, int]]:
    """Returns type, amount and ending balance of each transaction, oldest first."""
    found = shop.stripe.customers.balance_transactions.list(customer).data
    return [(item.type, item.amount, item.ending_balance) for item in found][::-1]


def test_credit_given_by_hand_settles_without_a_charge(shop: Shop) -> None:
    customer = shop.customer().id
    gift = shop.stripe.customers.balance_transactions.create(
        customer,
        {"amount": -1500, "currency": "eur", "description": "gift", "metadata": {"a": "b"}},
    )
    assert (gift.type, gift.ending_balance, gift.description) == ("adjustment", -1500, "gift")
    settled = shop.opened(customer, 1000)
    assert (settled.status, settled.amount_due) == ("paid", 0)
    assert moves(shop, customer) == [
        ("adjustment", -1500, -1500),
        ("applied_to_invoice", 1000, -500),
    ]
    of_invoice = shop.stripe.customers.balance_transactions.list(customer, {"invoice": settled.id})
    assert len(of_invoice.data) == 1
    assert shop.stripe.customers.retrieve(customer).balance == -500
    assert shop.admin.ledger()["entries"] == []


def test_a_sum_too_small_to_charge_is_carried(shop: Shop) -> None:
    customer = shop.customer().id
    shop.opened(customer, 30)
    shop.opened(customer, 1000)
    assert moves(shop, customer) == [
        ("invoice_too_small", 30, 30),
        ("applied_to_invoice", -30, 0),
    ]


def test_voiding_gives_back_what_the_balance_had_paid(shop: Shop) -> None:
    customer = shop.customer(balance=-400).id
    opened = shop.opened(customer, 1000)
    assert opened.amount_due == 600
    shop.stripe.invoices.void_invoice(opened.id)
    assert shop.stripe.customers.retrieve(customer).balance == -400
    assert moves(shop, customer) == [
        ("adjustment", -400, -400),
        ("applied_to_invoice", 400, 0),
        ("unapplied_from_invoice", -400, -400),
    ]


def test_a_balance_set_on_the_customer_is_an_adjustment(shop: Shop) -> None:
    customer = shop.customer().id
    shop.stripe.customers.update(customer, {"balance": -250})
    shop.stripe.customers.update(customer, {"balance": 50})
    assert moves(shop, customer) == [("adjustment", -250, -250), ("adjustment", 300, 50)]


def test_a_transactions_description_can_be_changed(shop: Shop) -> None:
    customer, other = shop.customer().id, shop.customer().id
    service = shop.stripe.customers.balance_transactions
    made = service.create(customer, {"amount": 100, "currency": "eur"})
    service.update(customer, made.id, {"description": "why", "metadata": {"a": "b"}})
    found = service.retrieve(customer, made.id, {"expand": ["customer"]})
    assert (found.description, found.metadata.to_dict()) == ("why", {"a": "b"})
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        service.retrieve(other, made.id)
    assert refusal.value.http_status == 404


def test_a_balance_keeps_to_its_currency_and_moves_by_something(shop: Shop) -> None:
    customer = shop.customer().id
    service = shop.stripe.customers.balance_transactions
    service.create(customer, {"amount": -100, "currency": "eur"})
    with pytest.raises(stripe.InvalidRequestError, match="is in eur"):
        service.create(customer, {"amount": -100, "currency": "usd"})
    with pytest.raises(stripe.InvalidRequestError, match="non-zero"):
        service.create(customer, {"amount": 0, "currency": "eur"})
