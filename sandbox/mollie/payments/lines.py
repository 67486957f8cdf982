"""Lines of a payment, with exact validation of their sums and taxes."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Literal

from pydantic import Field

from sandbox.mollie.core.errors import Unprocessable, invalid, missing
from sandbox.mollie.core.money import included_tax
from sandbox.mollie.core.params import Amount, Count, Params

LOWERS = frozenset({"discount", "store_credit", "gift_card"})


class Line(Params):
    """A line of a payment. Prices contain the tax."""

    type: Literal[
        "physical", "digital", "shipping_fee", "discount", "store_credit", "gift_card",
        "surcharge", "tip",
    ] = "physical"  # fmt: skip
    description: str
    quantity: Count
    quantity_unit: str | None = None
    unit_price: Amount
    discount_amount: Amount | None = None
    total_amount: Amount
    vat_rate: str | None = None
    vat_amount: Amount | None = None
    sku: str | None = Field(default=None, max_length=64)
    categories: list[str] | None = None
    image_url: str | None = None
    product_url: str | None = None
    recurring: dict[str, object] | None = None


def check(lines: list[Line], *, amount: Amount) -> None:
    """Raises Unprocessable, naming the field, unless all lines add up to the amount."""
    total = 0
    for index, line in enumerate(lines):
        total += _total(line, f"lines.{index}", currency=amount.currency)
    if lines and total != amount.minor():
        raise Unprocessable(
            "The sum of the total amounts of all lines is not the amount of the payment",
            field="lines",
        )


def _total(line: Line, field: str, *, currency: str) -> int:
    amounts = (line.unit_price, line.discount_amount, line.total_amount, line.vat_amount)
    if any(item is not None and item.currency != currency for item in amounts):
        raise invalid(field, "all lines have the payment's currency")
    price = line.unit_price.minor(f"{field}.unitPrice")
    discount = line.discount_amount.minor(f"{field}.discountAmount") if line.discount_amount else 0
    total = line.total_amount.minor(f"{field}.totalAmount")
    if (price > 0 and line.type in LOWERS) or (price < 0 and line.type not in LOWERS):
        raise invalid(f"{field}.unitPrice", "its sign does not go with the type of the line")
    if discount < 0:
        raise invalid(f"{field}.discountAmount", "a discount is positive")
    if total != price * line.quantity - discount:
        raise invalid(f"{field}.totalAmount", "it is not (unitPrice * quantity) - discountAmount")
    _check_tax(line, field, total=total)
    return total


def _check_tax(line: Line, field: str, *, total: int) -> None:
    if line.vat_rate is None and line.vat_amount is None:
        return
    if line.vat_rate is None or line.vat_amount is None:
        raise missing(f"{field}.{'vatRate' if line.vat_rate is None else 'vatAmount'}")
    try:
        rate = Decimal(line.vat_rate)
    except InvalidOperation as fault:
        raise invalid(f"{field}.vatRate", "a rate looks like 21.00") from fault
    if not 0 <= rate < 100:  # noqa: PLR2004 - per cent
        raise invalid(f"{field}.vatRate", "a rate looks like 21.00")
    if line.vat_amount.minor(f"{field}.vatAmount") != included_tax(total, rate):
        raise invalid(f"{field}.vatAmount", "it is not totalAmount * (vatRate / (100 + vatRate))")
