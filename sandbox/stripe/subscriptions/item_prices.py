"""Prices of subscription items: by id or inline, with equal interval and currency."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from sandbox.common.store import Json
from sandbox.stripe.catalogue.prices import new_price
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import BadParameters, InvalidRequest
from sandbox.stripe.core.views import view
from sandbox.stripe.subscriptions.params import PriceData


def price_of(call: Call, named: str | None, described: PriceData | None, *, where: str) -> Json:
    """Returns the recurring price of a request. ``where``: the item's parameter path, if any."""

    def name(*steps: str) -> str:
        path = [where, *steps] if where else list(steps)
        return path[0] + "".join(f"[{step}]" for step in path[1:])

    if (named is None) == (described is None):
        raise BadParameters(
            f"You must pass exactly one of {name('price')} and {name('price_data')}.",
            param=name("price"),
        )
    if described is not None:
        return _described(call, described, param=name("price_data"))
    param = name("price")
    price = call.load("price", str(named), param=param)
    if not price["active"]:
        raise InvalidRequest(
            "The price specified is inactive. This field only accepts active prices.", param=param
        )
    if price["type"] != "recurring":
        raise InvalidRequest(
            "The price specified is set to `type=one_time` but this field only accepts prices with"
            " `type=recurring`.",
            param=param,
        )
    return view(call, price)


def _described(call: Call, data: PriceData, *, param: str) -> Json:
    unit = data.unit_amount_decimal
    if unit is None and data.unit_amount is not None:
        unit = Decimal(data.unit_amount)
    if unit is None or unit < 0:
        name = f"{param}[unit_amount]"
        raise BadParameters(
            f"Missing required param: {name}.", code="parameter_missing", param=name
        )
    product = call.load("product", data.product, param=f"{param}[product]")
    recurring = data.recurring.model_dump() | {
        "meter": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }
    price = new_price(
        call,
        product=product["id"],
        currency=data.currency,
        unit_amount=unit,
        active=False,
        tax_behavior=data.tax_behavior or "unspecified",
        type="recurring",
        recurring=recurring,
    )
    return view(call, call.put(price))


def recurrence(prices: Sequence[Json]) -> Json:
    """Returns the interval of the prices. Raises if intervals or currencies differ."""
    first = prices[0]
    for price in prices[1:]:
        if price["currency"] != first["currency"]:
            raise InvalidRequest(
                "All prices on a subscription must have the same `currency`.", param="items"
            )
        if rhythm(price) != rhythm(first):
            raise BadParameters(
                "This sandbox does not implement items that are charged at different intervals.",
                param="items",
            )
    recurring: Json = first["recurring"]
    return recurring


def rhythm(price: Json) -> tuple[str, int]:
    """Returns a price's interval and interval count."""
    return price["recurring"]["interval"], price["recurring"]["interval_count"]
