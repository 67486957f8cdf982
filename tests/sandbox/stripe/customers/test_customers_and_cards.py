from __future__ import annotations

import pytest
import stripe

from tests.sandbox.stripe.shop import Shop


def test_a_customer_is_created_read_changed_and_deleted(shop: Shop) -> None:
    made = shop.stripe.customers.create({"name": "Ada", "metadata": {"a": "1", "b": "2"}})
    assert made.invoice_settings.default_payment_method is None
    changed = shop.stripe.customers.update(
        made.id, {"description": "Countess", "name": "", "metadata": {"b": "", "c": "3"}}
    )
    assert (changed.name, changed.description) == (None, "Countess")
    assert changed.metadata.to_dict() == {"a": "1", "c": "3"}
    assert shop.stripe.customers.delete(made.id).deleted is True
    gone = shop.stripe.customers.retrieve(made.id)
    assert gone.deleted is True
    assert shop.stripe.customers.list().data == []
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        shop.stripe.customers.update(made.id, {"name": "Eve"})


def test_customers_are_found_by_email(shop: Shop) -> None:
    ada = shop.stripe.customers.create({"email": "ada@example.org"})
    shop.stripe.customers.create({"email": "eve@example.org"})
    found = shop.stripe.customers.list({"email": "ada@example.org"})
    assert [item.id for item in found.data] == [ada.id]


def test_attaching_a_test_card_id_creates_a_payment_method(shop: Shop) -> None:
    customer = shop.customer(None).id
    first = shop.stripe.payment_methods.attach("pm_card_visa", {"customer": customer})
    second = shop.stripe.payment_methods.attach("pm_card_mastercard", {"customer": customer})
    assert first.id.startswith("pm_")
    assert first.id != "pm_card_visa"
    assert (second.card.brand, second.card.last4) == ("mastercard", "4444")
    listed = shop.stripe.customers.payment_methods.list(customer)
    assert [item.id for item in listed.data] == [second.id, first.id]
    assert len(shop.stripe.payment_methods.list({"customer": customer, "type": "card"}).data) == 2
    got = shop.stripe.customers.payment_methods.retrieve(customer, first.id)
    assert got.customer == customer
    with pytest.raises(stripe.InvalidRequestError):
        shop.stripe.customers.payment_methods.retrieve(shop.customer(None).id, first.id)


def test_a_payment_method_is_made_from_a_card_number_or_token(shop: Shop) -> None:
    customer = shop.customer(None).id
    by_number = shop.stripe.payment_methods.create(
        {
            "type": "card",
            "card": {"number": "4242424242424242", "exp_month": 7, "exp_year": 2031, "cvc": "1"},
            "billing_details": {"name": "Ada"},
        }
    )
    by_token = shop.stripe.payment_methods.create(
        {"type": "card", "card": {"token": "tok_mastercard"}}
    )
    assert by_number.billing_details.name == "Ada"
    attached = shop.stripe.payment_methods.attach(by_number.id, {"customer": customer})
    assert (attached.id, attached.customer) == (by_number.id, customer)
    assert shop.stripe.payment_methods.retrieve(by_token.id).card.brand == "mastercard"
    logged = shop.admin.requests(method="POST", path="/v1/payment_methods")
    assert "4242424242424242" not in str(logged)


def test_an_unknown_card_number_is_a_card_error(shop: Shop) -> None:
    card = {"number": "4242424242424241", "exp_month": 7, "exp_year": 2031}
    with pytest.raises(stripe.CardError) as refusal:
        shop.stripe.payment_methods.create({"type": "card", "card": card})
    assert refusal.value.code == "incorrect_number"


def test_a_detached_payment_method_is_no_default_any_more(shop: Shop) -> None:
    customer = shop.customer()
    method = str(customer.invoice_settings.default_payment_method)
    assert shop.stripe.payment_methods.detach(method).customer is None
    settings = shop.stripe.customers.retrieve(customer.id).invoice_settings
    assert settings.default_payment_method is None
    with pytest.raises(stripe.InvalidRequestError):
        shop.stripe.payment_methods.detach(method)


def test_a_default_payment_method_must_be_the_customers(shop: Shop) -> None:
    theirs = shop.customer().invoice_settings.default_payment_method
    mine = shop.customer(None).id
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        shop.stripe.customers.update(
            mine, {"invoice_settings": {"default_payment_method": str(theirs)}}
        )
    assert refusal.value.param == "invoice_settings[default_payment_method]"
    with pytest.raises(stripe.InvalidRequestError, match="already been attached"):
        shop.stripe.payment_methods.attach(str(theirs), {"customer": mine})


def test_products_prices_and_tax_rates_are_kept_and_changed(shop: Shop) -> None:
    product = shop.stripe.products.create({"name": "Book", "id": "book"})
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        shop.stripe.products.create({"name": "Book", "id": "book"})
    assert refusal.value.code == "resource_already_exists"
    price = shop.stripe.prices.create(
        {
            "currency": "EUR",
            "unit_amount": 1999,
            "product": product.id,
            "recurring": {"interval": "month"},
        }
    )
    assert (price.type, price.currency) == ("recurring", "eur")
    assert str(price.unit_amount_decimal) == "1999"
    assert shop.stripe.prices.update(price.id, {"active": False}).active is False
    assert shop.stripe.prices.list({"active": True}).data == []
    assert shop.stripe.prices.list({"product": "book"}).data[0].id == price.id
    assert shop.stripe.prices.retrieve(price.id, {"expand": ["product"]}).product.name == "Book"
    assert shop.stripe.products.update("book", {"name": "Tome"}).name == "Tome"
    assert shop.stripe.products.retrieve("book").active is True
    assert len(shop.stripe.products.list({"active": True}).data) == 1
    with pytest.raises(stripe.InvalidRequestError):
        shop.stripe.products.delete("book")
    empty = shop.stripe.products.create({"name": "Nothing"})
    assert shop.stripe.products.delete(empty.id).deleted is True
    rate = shop.rate(19, inclusive=False)
    assert shop.stripe.tax_rates.update(rate.id, {"active": False}).active is False
    assert shop.stripe.tax_rates.retrieve(rate.id).percentage == 19
    assert len(shop.stripe.tax_rates.list({"inclusive": False}).data) == 1
    with pytest.raises(stripe.InvalidRequestError):
        shop.rate(101, inclusive=True)


def test_a_price_needs_an_amount_and_a_product(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        shop.stripe.prices.create({"currency": "eur", "product_data": {"name": "x"}})
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        shop.stripe.prices.create({"currency": "eur", "unit_amount": 1})
    assert (refusal.value.code, refusal.value.param) == ("parameter_missing", "product")
