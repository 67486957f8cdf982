"""Discounts: coupons applied to subscriptions, and the amounts off lines and invoices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal

from sandbox.common.store import Json
from sandbox.stripe.catalogue.recurrence import boundary
from sandbox.stripe.core import ids
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import InvalidRequest
from sandbox.stripe.core.money import whole


def new_discount(call: Call, subscription: Json, coupon: Json) -> Json:
    """Applies a coupon to a subscription and emits ``customer.discount.created``."""
    if not coupon["valid"]:
        raise InvalidRequest(f"Coupon {coupon['id']} is not valid any more.", param="discounts")
    month: Json = {"interval": "month", "interval_count": coupon["duration_in_months"] or 1}
    repeats = coupon["duration"] == "repeating"
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
        "subscription_item": None,
        "_once": coupon["duration"] == "once",
        "_percent": str(coupon["percent_off"]),
    }
    call.change(coupon, {"times_redeemed": coupon["times_redeemed"] + 1})
    return call.create(discount, "customer.discount.created")


def active(call: Call, discount_ids: Sequence[str]) -> list[str]:
    """Returns the discounts that have not ended."""
    found = [call.load("discount", discount) for discount in discount_ids]
    return [item["id"] for item in found if item["end"] is None or item["end"] > call.now]


def outlasting_invoice(call: Call, discount_ids: Sequence[str]) -> list[str]:
    """Returns the discounts that outlast one invoice."""
    found = [call.load("discount", discount) for discount in discount_ids]
    return [item["id"] for item in found if not item["_once"]]


def amounts_off(call: Call, discount_ids: Sequence[str], amount: int) -> list[Json]:
    """Returns the amount off for each discount, applied in sequence, each rounded."""
    found = []
    left = amount
    for discount in discount_ids:
        percent = Decimal(call.load("discount", discount)["_percent"])
        off = whole(left * percent / 100)
        left -= off
        found.append({"amount": off, "discount": discount})
    return found


def after_discounts(call: Call, discount_ids: Sequence[str], amount: int) -> int:
    """Returns an amount after its discounts."""
    return amount - total_off(amounts_off(call, discount_ids, amount))


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
