"""Cost of a line: from a price id, from inline ``price_data``, or from an amount."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from sandbox.common.store import Json, equal
from sandbox.stripe.catalogue.prices import new_price
from sandbox.stripe.catalogue.products import new_product
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import BadParameters, InvalidRequest
from sandbox.stripe.core.money import MAX_AMOUNT, plain, whole
from sandbox.stripe.core.params import (
    Bool,
    Clearable,
    Currency,
    Dec,
    Int,
    Metadata,
    NestedParams,
    Period,
    TaxBehavior,
    Text,
    Texts,
)
from sandbox.stripe.core.price_amounts import cost_of
from sandbox.stripe.core.updates import merged_metadata

MAX_QUANTITY = 1_000_000_000_000


class Pricing(NestedParams):
    """A price by its id."""

    price: Text


class ProductData(NestedParams):
    """A product created together with a line."""

    name: Text
    description: Text | None = None
    images: Texts | None = None
    metadata: Metadata | None = None
    tax_code: Text | None = None
    unit_label: Text | None = None


class ItemPriceData(NestedParams):
    """Inline price data for an existing product."""

    currency: Currency
    product: Text
    tax_behavior: TaxBehavior | None = None
    unit_amount: Int | None = None
    unit_amount_decimal: Dec | None = None


class LinePriceData(NestedParams):
    """Inline price data; the product may be inline too."""

    currency: Currency
    product: Text | None = None
    product_data: ProductData | None = None
    tax_behavior: TaxBehavior | None = None
    unit_amount: Int | None = None
    unit_amount_decimal: Dec | None = None


class LineFields(NestedParams):
    """Fields of a line."""

    amount: Int | None = None
    description: Clearable | None = None
    discountable: Bool | None = None
    metadata: Metadata | None = None
    period: Period | None = None
    pricing: Pricing | None = None
    quantity: Int | None = None
    quantity_decimal: Dec | None = None
    tax_rates: Texts | None = None


@dataclass(frozen=True)
class Cost:
    """A line's price, quantity and amount (before exclusive tax)."""

    price: Json
    quantity: Decimal
    amount: int
    description: str | None

    def fields(self) -> Json:
        """Returns the common fields of invoice items and lines."""
        return {
            "amount": self.amount,
            "currency": self.price["currency"],
            "pricing": {
                "price_details": {"price": self.price["id"], "product": self.price["product"]},
                "type": "price_details",
                "unit_amount_decimal": self.price["unit_amount_decimal"],
            },
            "quantity": whole(self.quantity),
            "quantity_decimal": plain(self.quantity),
        }


@dataclass(frozen=True)
class LineRequest:
    """A request for a line's cost. ``where`` is the line's parameter path, such as lines[0]."""

    line: LineFields
    price_data: ItemPriceData | LinePriceData | None
    unit_amount: Decimal | None
    currency: str | None
    where: str = ""

    def name(self, *steps: str) -> str:
        """Returns the full parameter name of a field of this line."""
        path = [self.where, *steps] if self.where else list(steps)
        return path[0] + "".join(f"[{step}]" for step in path[1:])


def cost(call: Call, request: LineRequest) -> Cost:
    """Computes a line's cost. ``request.currency`` is the invoice's; another one is rejected."""
    line = request.line
    given = [line.amount, line.pricing, request.price_data, request.unit_amount]
    if sum(item is not None for item in given) != 1:
        known = "pricing, price_data, unit_amount_decimal, amount"
        raise BadParameters(f"You must pass exactly one of these parameters: {known}.")
    quantity = line.quantity_decimal or Decimal(1 if line.quantity is None else line.quantity)
    if not 0 <= quantity <= MAX_QUANTITY:
        raise BadParameters(
            "This value must be greater than or equal to 0.",
            code="parameter_invalid_integer",
            param=request.name("quantity"),
        )
    price, description = _price(call, request)
    _check_currency(request, price)
    amount = whole(cost_of(price, Decimal(quantity)))
    if abs(amount) > MAX_AMOUNT:
        raise InvalidRequest(
            "Amount must be no more than $999,999.99", code="amount_too_large", param="amount"
        )
    return Cost(price, quantity, amount, line.description or description)


def _price(call: Call, request: LineRequest) -> tuple[Json, str | None]:
    if request.line.pricing is not None:
        price = _named_price(call, request, request.line.pricing.price)
        return price, call.load("product", price["product"])["name"]
    if request.price_data is not None:
        return _described_price(call, request, request.price_data)
    unit = request.unit_amount
    if unit is None:
        unit = Decimal(request.line.amount or 0)
        if request.line.quantity is not None or request.line.quantity_decimal is not None:
            raise BadParameters(
                "You may only specify one of these parameters: amount, quantity.",
                code="parameters_exclusive",
                param=request.name("quantity"),
            )
    if request.currency is None:
        raise BadParameters(
            "Missing required param: currency.", code="parameter_missing", param="currency"
        )
    return _bare_price(call, request.currency, unit), None


def _named_price(call: Call, request: LineRequest, price_id: str) -> Json:
    param = request.name("pricing", "price")
    price = call.load("price", price_id, param=param)
    if not price["active"]:
        raise InvalidRequest(
            "The price specified is inactive. This field only accepts active prices.", param=param
        )
    if price["type"] == "recurring":
        raise InvalidRequest(
            "The price specified is set to `type=recurring` but this field only accepts prices"
            " with `type=one_time`.",
            param=param,
        )
    return price


def _described_price(
    call: Call, request: LineRequest, data: ItemPriceData | LinePriceData
) -> tuple[Json, str | None]:
    unit = data.unit_amount_decimal
    if unit is None:
        if data.unit_amount is None:
            name = request.name("price_data", "unit_amount")
            raise BadParameters(
                f"Missing required param: {name}.", code="parameter_missing", param=name
            )
        unit = Decimal(data.unit_amount)
    product = _product(call, request, data)
    price = new_price(
        call,
        product=product["id"],
        currency=data.currency,
        unit_amount=unit,
        active=False,
        tax_behavior=data.tax_behavior or "unspecified",
    )
    return call.put(price), product["name"]


def _product(call: Call, request: LineRequest, data: ItemPriceData | LinePriceData) -> Json:
    if data.product is not None:
        return call.load("product", data.product, param=request.name("price_data", "product"))
    if isinstance(data, LinePriceData) and data.product_data is not None:
        given = data.product_data.model_dump(exclude_none=True)
        given["metadata"] = merged_metadata({}, given.get("metadata"))
        return call.put(new_product(call, **given))
    name = request.name("price_data", "product")
    raise BadParameters(f"Missing required param: {name}.", code="parameter_missing", param=name)


def _bare_price(call: Call, currency: str, unit_amount: Decimal) -> Json:
    """Creates the inactive price of a line given as an amount, as Stripe does."""
    wanted = equal(_bare=True, currency=currency.lower(), unit_amount_decimal=plain(unit_amount))
    for price in call.all("price", owner=_bare_product(call)["id"], filters=wanted):
        return price
    product = _bare_product(call)["id"]
    price = new_price(
        call, product=product, currency=currency, unit_amount=unit_amount, active=False, _bare=True
    )
    return call.put(price)


def _bare_product(call: Call) -> Json:
    for product in call.all("product", filters=equal(_bare=True)):
        return product
    return call.put(new_product(call, "One-off charge", active=False, _bare=True))


def _check_currency(request: LineRequest, price: Mapping[str, str]) -> None:
    if request.currency is not None and price["currency"] != request.currency.lower():
        raise InvalidRequest(
            f"The currency of this line ({price['currency']}) must be the invoice's"
            f" ({request.currency.lower()}): the items of one invoice share one currency.",
            param=request.name("pricing", "price")
            if request.line.pricing
            else request.name("currency"),
        )
