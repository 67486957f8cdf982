"""Discounts of a request: by a coupon, or those that a subscription or item has."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.common.store import Json
from sandbox.stripe.catalogue import discounts
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import InvalidRequest
from sandbox.stripe.subscriptions.params import Discount


def given_discounts(
    call: Call,
    subscription: Json,
    given: Sequence[Discount],
    *,
    item: Json | None = None,
    where: str = "discounts",
) -> list[str]:
    """Returns the ids of the given discounts of a subscription or its item; applies coupons."""
    known = subscription["discounts"] if item is None else item["discounts"]
    found = []
    for index, discount in enumerate(given):
        param = f"{where}[{index}]"
        if discount.discount is not None and discount.discount in known:
            found.append(discount.discount)
        elif discount.coupon is not None:
            coupon = call.load("coupon", discount.coupon, param=f"{param}[coupon]")
            found.append(discounts.new_discount(call, subscription, coupon, item=item)["id"])
        else:
            raise InvalidRequest(
                f"Pass a coupon, or an existing discount, in {param}.", param=param
            )
    return found
