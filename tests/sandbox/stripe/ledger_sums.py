"""Money summed twice, apart from each other: by the ledger, and by what the API shows."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.sandbox.stripe.shop import Shop

WITHDRAWN = {"needs_response", "under_review", "lost"}


def by_kind(shop: Shop) -> dict[str, int]:
    """Returns the ledger's sums by kind of movement."""
    sums: Counter[str] = Counter()
    for entry in shop.admin.ledger()["entries"]:
        sums[entry["kind"]] += entry["amount"]
    return dict(sums)


def kept(shop: Shop) -> int:
    """Returns what the API shows: charges less refunds less disputes that took money."""
    limit: Any = {"limit": 100}
    charges = shop.stripe.charges.list(limit)
    refunds = shop.stripe.refunds.list(limit)
    disputes = shop.stripe.disputes.list(limit)
    came = sum(charge.amount_captured for charge in charges.data)
    went = sum(item.amount for item in refunds.data if item.status not in {"failed", "canceled"})
    assert went == sum(charge.amount_refunded for charge in charges.data)
    lost = sum(item.amount for item in disputes.data if item.status in WITHDRAWN)
    return came - went - lost


def check(shop: Shop) -> int:
    """Holds the two against each other; returns the sum."""
    total = sum(shop.admin.ledger()["totals"].values())
    assert total == kept(shop)
    return int(total)
