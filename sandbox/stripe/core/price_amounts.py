"""Amounts of prices: per unit with fractions of a minor unit, by tiers, and in other currencies."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Annotated, Literal

from pydantic import BeforeValidator

from sandbox.common.store import Json
from sandbox.stripe.core.errors import BadParameters, InvalidRequest
from sandbox.stripe.core.money import plain
from sandbox.stripe.core.params import Dec, Int, NestedParams, TaxBehavior


def _up_to(value: object) -> object:
    return None if value == "inf" else value


class Tier(NestedParams):
    """A tier; the last one has ``up_to: inf``."""

    up_to: Annotated[Int | None, BeforeValidator(_up_to)]
    flat_amount: Int | None = None
    flat_amount_decimal: Dec | None = None
    unit_amount: Int | None = None
    unit_amount_decimal: Dec | None = None


class CurrencyOption(NestedParams):
    """The amount of a price in another currency."""

    tax_behavior: TaxBehavior | None = None
    unit_amount: Int | None = None
    unit_amount_decimal: Dec | None = None


class TransformQuantity(NestedParams):
    """Billing in packages of ``divide_by`` units; a started one counts or not."""

    divide_by: Int
    round: Literal["up", "down"]


def packages(price: Json, quantity: Decimal) -> Decimal:
    """Returns the billed quantity: packages, if the price transforms quantities."""
    transform = price["transform_quantity"]
    if transform is None:
        return quantity
    rounding = ROUND_CEILING if transform["round"] == "up" else ROUND_FLOOR
    return (quantity / Decimal(transform["divide_by"])).quantize(Decimal(1), rounding=rounding)


def stored_tiers(tiers: Sequence[Tier]) -> list[Json]:
    """Returns tiers as Stripe shows them. Raises BadParameters unless they cover all quantities."""
    bounds = [tier.up_to for tier in tiers]
    known = [bound for bound in bounds[:-1] if bound is not None]
    if not tiers or bounds[-1] is not None or sorted(set(known)) != bounds[:-1]:
        raise BadParameters("The last of ascending tiers must have up_to=inf.", param="tiers")
    return [
        _pair("flat_amount", tier.flat_amount, tier.flat_amount_decimal)
        | _pair("unit_amount", tier.unit_amount, tier.unit_amount_decimal)
        | {"up_to": tier.up_to}
        for tier in tiers
    ]


def stored_option(option: CurrencyOption) -> Json:
    """Returns an amount in another currency as Stripe shows it."""
    return {
        "custom_unit_amount": None,
        "tax_behavior": option.tax_behavior or "unspecified",
        **_pair("unit_amount", option.unit_amount, option.unit_amount_decimal),
    }


def _pair(name: str, whole: int | None, exact: Decimal | None) -> Json:
    """Returns an amount twice: null as an integer if it has a fraction."""
    value = exact if whole is None else Decimal(whole)
    if value is None:
        return {name: None, f"{name}_decimal": None}
    fits = value == int(value)
    return {name: int(value) if fits else None, f"{name}_decimal": plain(value)}


def options_of(price: Json) -> Json:
    """Returns a price's ``currency_options``, its own currency among them."""
    own = {name: price[name] for name in ("tax_behavior", "unit_amount", "unit_amount_decimal")}
    own_option: Json = {price["currency"]: {"custom_unit_amount": None} | own}
    return own_option | (price.get("_currency_options") or {})


def coupon_options(coupon: Json) -> Json:
    """Returns a coupon's ``currency_options``, its own currency among them; empty for percents."""
    if coupon["amount_off"] is None:
        return {}
    own: Json = {coupon["currency"]: {"amount_off": coupon["amount_off"]}}
    others: Json = coupon["_currency_options"]
    return own | others


def has_currency(price: Json, currency: str) -> bool:
    """Returns whether a price has an amount in a currency."""
    return currency in options_of(price)


def cost_of(price: Json, quantity: Decimal, *, currency: str | None = None) -> Decimal:
    """Returns the exact amount of a quantity in minor units, of a stored price."""
    if price.get("_tiers"):
        return _by_tiers(price["_tiers"], quantity, mode=price["tiers_mode"])
    option = options_of(price).get(currency or price["currency"])
    if option is None or option["unit_amount_decimal"] is None:
        raise InvalidRequest(f"The price {price['id']} has no amount in `{currency}`.")
    return Decimal(option["unit_amount_decimal"]) * packages(price, quantity)


def _by_tiers(
    tiers: Sequence[Json], quantity: Decimal, *, mode: Literal["graduated", "volume"]
) -> Decimal:
    total, below = Decimal(0), Decimal(0)
    for index, tier in enumerate(tiers):
        top = quantity if tier["up_to"] is None else min(quantity, Decimal(tier["up_to"]))
        reached = quantity > below or (index == 0 and quantity == 0)
        last = tier["up_to"] is None or quantity <= tier["up_to"]
        counted = quantity if mode == "volume" else top - below
        if reached and (mode == "graduated" or last):
            total += Decimal(tier["flat_amount_decimal"] or 0)
            total += Decimal(tier["unit_amount_decimal"] or 0) * counted
        if last:
            break
        below = Decimal(tier["up_to"])
    return total


def is_metered(price: Json) -> bool:
    """Returns whether a price is charged by usage, without a quantity."""
    return bool(price["recurring"] and price["recurring"]["usage_type"] == "metered")


def refuse_quantity(price: Json, quantity: int | None, *, where: str) -> None:
    """Raises InvalidRequest for a quantity of a metered price."""
    if quantity is not None and is_metered(price):
        raise InvalidRequest(
            f"Quantity should not be specified where usage_type is `metered`. Remove quantity from"
            f" `{where or 'the item'}`",
            param=f"{where}[quantity]" if where else "quantity",
        )
