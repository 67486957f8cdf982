"""Discounts: coupons applied to subscriptions and items, and the amounts off lines and invoices.

An item's discounts come off its line first, then those of the subscription off all lines, each in
its order. A percentage is rounded per line; a fixed amount is divided among the lines by their
remaining amounts and never exceeds them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sandbox.common.store import Json
from sandbox.stripe.catalogue.recurrence import boundary
from sandbox.stripe.core import ids
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import InvalidRequest
from sandbox.stripe.core.money import whole
from sandbox.stripe.core.price_amounts import coupon_options


def new_discount(call: Call, subscription: Json, coupon: Json, *, item: Json | None = None) -> Json:
    """Applies a coupon to a subscription or its item and emits ``customer.discount.created``."""
    if not coupon["valid"]:
        raise InvalidRequest(f"Coupon {coupon['id']} is not valid any more.", param="discounts")
    month: Json = {"interval": "month", "interval_count": coupon["duration_in_months"] or 1}
    repeats = coupon["duration"] == "repeating"
    percent = coupon["percent_off"]
    discount: Json = {
        "id": ids.fresh("di_"),
        "object": "discount",
        "checkout_session": None,
        "customer": subscription["customer"],
        "customer_account": None,
        "end": boundary(call.now, month, 1) if repeats else None,
        "invoice": None,
        "invoice_item": None,
        "promotion_code": None,
        "source": {"coupon": coupon["id"], "type": "coupon"},
        "start": call.now,
        "subscription": subscription["id"],
        "subscription_item": None if item is None else item["id"],
        "_once": coupon["duration"] == "once",
        "_percent": None if percent is None else str(percent),
        "_amount": None if percent is not None else _amount_in(coupon, subscription["currency"]),
    }
    call.change(coupon, {"times_redeemed": coupon["times_redeemed"] + 1})
    return call.create(discount, "customer.discount.created")


def _amount_in(coupon: Json, currency: str) -> int:
    option = coupon_options(coupon).get(currency)
    if option is None:
        raise InvalidRequest(
            f"The coupon {coupon['id']} has no amount in `{currency}`, the subscription's"
            " currency.",
            param="discounts",
        )
    return int(option["amount_off"])


def active(call: Call, discount_ids: Sequence[str]) -> list[str]:
    """Returns the discounts that have not ended."""
    found = [call.load("discount", discount) for discount in discount_ids]
    return [item["id"] for item in found if item["end"] is None or item["end"] > call.now]


def outlasting_invoice(call: Call, discount_ids: Sequence[str]) -> list[str]:
    """Returns the discounts that outlast one invoice."""
    found = [call.load("discount", discount) for discount in discount_ids]
    return [item["id"] for item in found if not item["_once"]]


@dataclass(frozen=True)
class DiscountedLine:
    """A line's amount, its own discounts, and whether the invoice's discounts apply to it."""

    amount: int
    own: Sequence[str]
    discountable: bool = True


def amounts_off(
    call: Call, lines: Sequence[DiscountedLine], shared: Sequence[str]
) -> list[list[Json]]:
    """Returns for each line its amount off by each discount. ``shared``: the invoice's."""
    left = [line.amount for line in lines]
    found: list[list[Json]] = [[] for _ in lines]

    def apply(discount_id: str, chosen: Sequence[int]) -> None:
        discount = call.load("discount", discount_id)
        parts = _parts(discount, [left[index] for index in chosen])
        for index, part in zip(chosen, parts, strict=True):
            left[index] -= part
            found[index].append({"amount": part, "discount": discount_id})

    for index, line in enumerate(lines):
        for discount_id in line.own:
            apply(discount_id, [index])
    discountable = [index for index, line in enumerate(lines) if line.discountable]
    for discount_id in shared:
        apply(discount_id, discountable)
    return found


def _parts(discount: Json, amounts: Sequence[int]) -> list[int]:
    """Returns the parts of a discount by the amounts that it comes off."""
    if discount["_percent"] is not None:
        percent = Decimal(discount["_percent"])
        return [whole(amount * percent / 100) for amount in amounts]
    whole_sum = sum(max(amount, 0) for amount in amounts)
    off = min(discount["_amount"], whole_sum)
    parts, below, given = [], 0, 0
    for amount in amounts:
        below += max(amount, 0)
        upto = whole(Decimal(off * below) / whole_sum) if whole_sum else 0
        parts.append(upto - given)
        given = upto
    return parts


def total_off(amounts: Iterable[Json]) -> int:
    """Returns the sum of the amounts off."""
    return sum(item["amount"] for item in amounts)


def by_discount(lines: Iterable[Json]) -> list[Json]:
    """Returns an invoice's discounts: the sums over its lines."""
    sums: dict[str, int] = defaultdict(int)
    for line in lines:
        for item in line["discount_amounts"]:
            sums[item["discount"]] += item["amount"]
    return [{"amount": amount, "discount": discount} for discount, amount in sums.items()]
