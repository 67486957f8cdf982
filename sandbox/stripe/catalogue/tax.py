"""Tax calculation of lines and invoices.

Per line and rate, rounded half up: an exclusive rate is added to the line's amount, an inclusive
one is contained in it. An invoice's taxes are the sums of its lines', by rate.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from sandbox.common.store import Json
from sandbox.stripe.core.money import whole

_EXEMPTIONS = {"exempt": "customer_exempt", "reverse": "reverse_charge"}


def of_line(amount: int, rates: Sequence[Json], *, exempt: str) -> list[Json]:
    """Returns a line's taxes. ``exempt`` is the customer's ``tax_exempt``."""
    reason = _EXEMPTIONS.get(exempt)
    inclusive = sum((_percentage(rate) for rate in rates if rate["inclusive"]), Decimal(0))
    net = Decimal(amount) / (1 + inclusive / 100)
    taxes = []
    for rate in rates:
        due = 0 if reason else whole(net * _percentage(rate) / 100)
        taxes.append(
            {
                "amount": due,
                "tax_behavior": "inclusive" if rate["inclusive"] else "exclusive",
                "tax_rate_details": {"tax_rate": rate["id"]},
                "taxability_reason": reason or "standard_rated",
                "taxable_amount": whole(net),
                "type": "tax_rate_details",
            }
        )
    return taxes


def _percentage(rate: Json) -> Decimal:
    return Decimal(str(rate["percentage"]))


def total(lines: Iterable[Json]) -> list[Json]:
    """Returns an invoice's taxes: the sums over its lines, by rate and reason."""
    sums: dict[tuple[str, str], Json] = {}
    for line in lines:
        for tax in line["taxes"]:
            key = (tax["tax_rate_details"]["tax_rate"], tax["taxability_reason"])
            known = sums.setdefault(key, {**tax, "amount": 0, "taxable_amount": 0})
            known["amount"] += tax["amount"]
            known["taxable_amount"] += tax["taxable_amount"]
    return list(sums.values())


def inclusive_part(taxes: Iterable[Json]) -> int:
    """Returns the tax included in an amount."""
    return sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "inclusive")


def exclusive_part(taxes: Iterable[Json]) -> int:
    """Returns the tax to add to an amount."""
    return sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "exclusive")
