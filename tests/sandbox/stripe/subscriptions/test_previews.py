"""Previews: an invoice as it would be, of which nothing stays."""

from __future__ import annotations

import pytest
import stripe

from tests.sandbox.stripe.shop import Shop


def test_a_preview_has_the_first_invoice_s_total_and_creates_nothing(shop: Shop) -> None:
    customer, price = shop.customer(), shop.price(recurring={"interval": "month"})
    rate = shop.stripe.tax_rates.create(
        {"display_name": "VAT", "percentage": 21.0, "inclusive": False}
    )
    before = len(shop.stripe.events.list({"limit": 100}).data)
    shown = shop.stripe.invoices.create_preview(
        {
            "customer": customer.id,
            "subscription_details": {
                "items": [{"price": price.id, "quantity": 2}],
                "default_tax_rates": [rate.id],
            },
        }
    )
    assert (shown.total, shown.status, shown.number) == (2420, "draft", None)
    assert shop.stripe.subscriptions.list({"status": "all"}).data == []
    assert shop.stripe.invoices.list().data == []
    assert shop.admin.ledger()["entries"] == []
    assert len(shop.stripe.events.list({"limit": 100}).data) == before


def test_an_unknown_price_refuses_the_preview(shop: Shop) -> None:
    customer = shop.customer()
    with pytest.raises(stripe.InvalidRequestError, match="No such price"):
        shop.stripe.invoices.create_preview(
            {
                "customer": customer.id,
                "subscription_details": {"items": [{"price": "price_x", "quantity": 1}]},
            }
        )
