"""Prices and tax rates of an app that bills through Mollie."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.catalogue.catalogue import Price, TaxRate
from domain.catalogue.commands import SetPrice, SetTaxRate

PRICES: dict[str, dict[str, Any]] = {
    "pro": {"name": "Pro Plan", "currency": "eur", "amount_minor": 1999},
    "odd": {"name": None, "currency": "eur", "amount_minor": 333},
    "dollars": {"name": "Pro Plan", "currency": "usd", "amount_minor": 2199},
    "yen": {"name": "Pro Plan", "currency": "jpy", "amount_minor": 2500},
    "kronur": {"name": "Pro Plan", "currency": "isk", "amount_minor": 250_000},
    "half_krona": {"name": "Pro Plan", "currency": "isk", "amount_minor": 250_050},
    "monthly": {"name": "Pro", "currency": "eur", "amount_minor": 1999, "interval": "month"},
    "daily": {"name": "Day", "currency": "eur", "amount_minor": 500, "interval": "day"},
    "dollars_monthly": {
        "name": "Pro",
        "currency": "usd",
        "amount_minor": 2199,
        "interval": "month",
    },
}
TAXES = {"added": (210_000, False), "contained": (210_000, True), "odd": (88_750, False)}


def catalogue(app_id: UUID, *, occurred_at: datetime) -> Iterator[Price | TaxRate]:
    for price_id, terms in PRICES.items():
        command = SetPrice(
            **{"interval": None, "interval_count": 1, **terms},
            app_id=app_id,
            price_id=price_id,
            actor="t",
        )
        yield Price.create(command, occurred_at=occurred_at)
    for rate_id, (rate_ppm, inclusive) in TAXES.items():
        rate = SetTaxRate(
            app_id=app_id,
            tax_rate_id=rate_id,
            name="VAT",
            rate_ppm=rate_ppm,
            inclusive=inclusive,
            actor="t",
        )
        yield TaxRate.create(rate, occurred_at=occurred_at)
