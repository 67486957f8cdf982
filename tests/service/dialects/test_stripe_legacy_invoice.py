"""Fields that Stripe has moved since are rendered at their old place."""

from __future__ import annotations

from typing import Any

import pytest

from service.dialects.stripe_legacy_invoice import older_invoice

Json = dict[str, Any]

LINE: Json = {
    "id": "il_1",
    "object": "line_item",
    "amount": 2420,
    "subtotal": 2000,
    "currency": "eur",
    "livemode": False,
    "metadata": {"billhook_line": "0", "order": "7"},
    "quantity": 3,
    "parent": {
        "type": "invoice_item_details",
        "invoice_item_details": {
            "invoice_item": "ii_1",
            "proration": True,
            "proration_details": {"credited_items": None},
            "subscription": "sub_1",
        },
    },
    "pricing": {
        "type": "price_details",
        "price_details": {"price": "price_1", "product": "prod_1"},
        "unit_amount_decimal": "666.5",
    },
    "taxes": [
        {
            "amount": 420,
            "tax_behavior": "exclusive",
            "tax_rate_details": {"tax_rate": "txr_1"},
            "taxability_reason": "standard_rated",
            "taxable_amount": 2000,
        }
    ],
}
INVOICE: Json = {
    "id": "in_1",
    "object": "invoice",
    "status": "paid",
    "metadata": {"billhook_app": "a", "billhook_invoice": "i", "order": "7"},
    "discounts": ["di_1"],
    "lines": {"object": "list", "data": [LINE], "has_more": False},
    "parent": {
        "type": "subscription_details",
        "quote_details": None,
        "subscription_details": {"subscription": "sub_1", "metadata": {"plan": "pro"}},
    },
    "payments": {
        "data": [
            {"is_default": False, "payment": {"type": "payment_intent", "payment_intent": "pi_0"}},
            {
                "is_default": True,
                "payment": {
                    "type": "payment_intent",
                    "payment_intent": {"id": "pi_1", "latest_charge": "ch_1"},
                },
            },
        ]
    },
    "total_taxes": LINE["taxes"],
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("paid", True),
        ("payment_intent", "pi_1"),
        ("charge", "ch_1"),
        ("paid_out_of_band", False),
        ("discount", "di_1"),
        ("subscription", "sub_1"),
        ("subscription_details", {"metadata": {"plan": "pro"}}),
        ("quote", None),
        ("tax", 420),
        ("metadata", {"order": "7"}),
        ("transfer_data", None),
        (
            "total_tax_amounts",
            [
                {
                    "amount": 420,
                    "inclusive": False,
                    "tax_rate": "txr_1",
                    "taxability_reason": "standard_rated",
                    "taxable_amount": 2000,
                }
            ],
        ),
    ],
)
def test_a_moved_field_is_derived(name: str, value: object) -> None:
    assert older_invoice(INVOICE)[name] == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("invoice_item", "ii_1"),
        ("proration", True),
        ("subscription", "sub_1"),
        ("type", "invoiceitem"),
        ("amount_excluding_tax", 2000),
        ("unit_amount_excluding_tax", "666.666666666667"),
        ("metadata", {"order": "7"}),
        ("plan", None),
    ],
)
def test_a_lines_moved_field_is_derived(name: str, value: object) -> None:
    assert older_invoice(INVOICE)["lines"]["data"][0][name] == value


@pytest.mark.parametrize("subtotal", [{}, {"subtotal": 2420}, {"subtotal": 2000}])
def test_tax_in_an_amount_is_not_in_the_amount_without_tax(subtotal: Json) -> None:
    line = {name: value for name, value in LINE.items() if name != "subtotal"}
    taxes = [{**LINE["taxes"][0], "tax_behavior": "inclusive"}]
    invoice = {**INVOICE, "lines": {"data": [line | {"taxes": taxes, "quantity": 4} | subtotal]}}
    (shown,) = older_invoice(invoice)["lines"]["data"]
    assert (shown["amount"], shown["amount_excluding_tax"]) == (2420, 2000)
    assert shown["unit_amount_excluding_tax"] == "500"


def test_a_credits_unit_amount_is_negative() -> None:
    line = {**LINE, "pricing": {**LINE["pricing"], "unit_amount_decimal": "-500"}}
    (shown,) = older_invoice({**INVOICE, "lines": {"data": [line]}})["lines"]["data"]
    assert shown["price"]["unit_amount"] == -500


def test_a_price_given_as_an_id_is_completed_from_its_line() -> None:
    price = older_invoice(INVOICE)["lines"]["data"][0]["price"]

    assert (price["id"], price["product"], price["currency"]) == ("price_1", "prod_1", "eur")
    assert (price["unit_amount"], price["unit_amount_decimal"]) == (None, "666.5")


def test_a_payment_recorded_outside_stripe_is_out_of_band() -> None:
    payments = {"data": [{"is_default": True, "payment": {"type": "payment_record"}}]}

    assert older_invoice(INVOICE | {"payments": payments})["paid_out_of_band"] is True


def test_what_stripe_sends_today_stays_and_nothing_of_the_given_is_changed() -> None:
    before = repr(INVOICE)

    shown = older_invoice(INVOICE)

    assert shown["parent"] == INVOICE["parent"]
    assert shown["total_taxes"] == INVOICE["total_taxes"]
    assert repr(INVOICE) == before


def test_an_invoice_with_nothing_at_all_is_shown_with_nulls() -> None:
    shown = older_invoice({})

    assert shown["paid"] is False
    assert shown["lines"] == {"data": []}
    assert shown["charge"] is None
