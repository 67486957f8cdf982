"""Prices: create, retrieve, update and list."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from sandbox.common.store import Json, equal
from sandbox.stripe.catalogue.products import new_product
from sandbox.stripe.core import ids
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import BadParameters
from sandbox.stripe.core.lists import page
from sandbox.stripe.core.money import plain
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.params import (
    Bool,
    Clearable,
    CreatedPage,
    Currency,
    Dec,
    Int,
    Metadata,
    NestedParams,
    NoParams,
    Params,
    TaxBehavior,
    Text,
)
from sandbox.stripe.core.price_amounts import (
    CurrencyOption,
    Tier,
    TransformQuantity,
    stored_option,
    stored_tiers,
)
from sandbox.stripe.core.updates import given_fields, merged_metadata
from sandbox.stripe.core.views import view


class ProductData(NestedParams):
    """A product created together with a price."""

    name: Text
    active: Bool | None = None
    id: Text | None = None
    metadata: Metadata | None = None
    statement_descriptor: Text | None = None
    unit_label: Text | None = None


class Recurring(NestedParams):
    """The interval of a recurring price."""

    interval: Literal["day", "week", "month", "year"]
    interval_count: Int = 1
    trial_period_days: Int | None = None
    meter: Text | None = None
    usage_type: Literal["licensed", "metered"] = "licensed"


class CreatePrice(Params):
    """POST /v1/prices."""

    unsupported = frozenset({"custom_unit_amount"})
    currency: Currency
    active: Bool = True
    billing_scheme: Literal["per_unit", "tiered"] = "per_unit"
    currency_options: dict[str, CurrencyOption] | None = None
    lookup_key: Text | None = None
    metadata: Metadata | None = None
    nickname: Text | None = None
    product: Text | None = None
    product_data: ProductData | None = None
    recurring: Recurring | None = None
    tax_behavior: TaxBehavior = "unspecified"
    tiers: list[Tier] | None = None
    tiers_mode: Literal["graduated", "volume"] | None = None
    transfer_lookup_key: Bool = False
    transform_quantity: TransformQuantity | None = None
    unit_amount: Int | None = None
    unit_amount_decimal: Dec | None = None


class UpdatePrice(Params):
    """POST /v1/prices/{price}."""

    unsupported = frozenset({"currency_options"})
    active: Bool | None = None
    lookup_key: Clearable | None = None
    metadata: Metadata | None = None
    nickname: Clearable | None = None
    tax_behavior: TaxBehavior | None = None
    transfer_lookup_key: Bool = False


class ListPrices(CreatedPage):
    """GET /v1/prices."""

    unsupported = frozenset({"lookup_keys", "recurring"})
    active: Bool | None = None
    currency: Text | None = None
    product: Text | None = None
    type: Literal["one_time", "recurring"] | None = None


def new_price(
    call: Call, *, product: str, currency: str, unit_amount: Decimal | None, **fields: object
) -> Json:
    """Returns a price, not yet stored. ``unit_amount`` is in minor units; None: by tiers."""
    fits = unit_amount is not None and unit_amount == int(unit_amount)
    return {
        "id": ids.fresh("price_"),
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": call.now,
        "currency": currency.lower(),
        "custom_unit_amount": None,
        "livemode": call.account.livemode,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": product,
        "recurring": None,
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time",
        "unit_amount": int(unit_amount or 0) if fits else None,
        "unit_amount_decimal": None if unit_amount is None else plain(unit_amount),
        **fields,
    }


def create(call: Call, params: CreatePrice) -> Json:
    """Creates a price, and its product if ``product_data`` describes one."""
    amount = _unit_amount(params)
    options = params.currency_options or {}
    fields: Json = {
        "active": params.active,
        "lookup_key": params.lookup_key,
        "metadata": merged_metadata({}, params.metadata),
        "nickname": params.nickname,
        "tax_behavior": params.tax_behavior,
        "billing_scheme": params.billing_scheme,
        "tiers_mode": params.tiers_mode,
        "transform_quantity": _transform(params),
        "_tiers": stored_tiers(params.tiers) if params.tiers is not None else None,
        "_currency_options": {
            name.lower(): stored_option(option) for name, option in options.items()
        },
    }
    if params.recurring:
        fields["type"] = "recurring"
        fields["recurring"] = params.recurring.model_dump()
    product = _product(call, params)
    price = new_price(call, product=product, currency=params.currency, unit_amount=amount, **fields)
    return view(call, call.create(price, "price.created"))


def _unit_amount(params: CreatePrice) -> Decimal | None:
    tiered = params.billing_scheme == "tiered"
    if tiered != (params.tiers is not None) or tiered != (params.tiers_mode is not None):
        raise BadParameters(
            "tiers and tiers_mode go with billing_scheme=tiered, and only with that.",
            param="tiers",
        )
    if tiered:
        return None
    if params.unit_amount is not None and params.unit_amount_decimal is not None:
        raise BadParameters(
            "You may only specify one of these parameters: unit_amount, unit_amount_decimal.",
            code="parameters_exclusive",
        )
    amount = params.unit_amount_decimal
    if amount is None:
        if params.unit_amount is None:
            raise BadParameters(
                "Prices require an `unit_amount` or `unit_amount_decimal` parameter to be set."
            )
        amount = Decimal(params.unit_amount)
    if amount < 0:
        raise BadParameters(
            "This value must be greater than or equal to 0.",
            code="parameter_invalid_integer",
            param="unit_amount",
        )
    return amount


def _transform(params: CreatePrice) -> Json | None:
    given = params.transform_quantity
    if given is None:
        return None
    if params.tiers is not None:
        raise BadParameters(
            "transform_quantity cannot be combined with tiers.", param="transform_quantity"
        )
    if given.divide_by < 1:
        raise BadParameters(
            "This value must be greater than or equal to 1.",
            code="parameter_invalid_integer",
            param="transform_quantity[divide_by]",
        )
    return given.model_dump()


def _product(call: Call, params: CreatePrice) -> str:
    if params.product:
        return str(call.load("product", params.product, param="product")["id"])
    if params.product_data is None:
        raise BadParameters(
            "Missing required param: product.", code="parameter_missing", param="product"
        )
    given = params.product_data.model_dump(exclude_none=True)
    return str(call.create(new_product(call, **given), "product.created")["id"])


def retrieve(call: Call, _: NoParams) -> Json:
    """Returns a price."""
    return view(call, call.load("price", call.path["price"]))


def update(call: Call, params: UpdatePrice) -> Json:
    """Updates the given fields; an inactive price cannot be used in new objects."""
    price = call.load("price", call.path["price"])
    clear = ("nickname", "lookup_key")
    given = given_fields(params, price, clear=clear, omit={"transfer_lookup_key"})
    return view(call, call.change(price, given, "price.updated"))


def listing(call: Call, params: ListPrices) -> Json:
    """Returns a page of prices."""
    filters = equal(active=params.active, type=params.type, currency=params.currency)
    return page(call, "price", params, url="/v1/prices", owner=params.product, filters=filters)


OPERATIONS: list[Operation] = [
    operation("POST", "/v1/prices", "price", CreatePrice, create),
    operation("GET", "/v1/prices", "list:price", ListPrices, listing),
    operation("GET", "/v1/prices/{price}", "price", NoParams, retrieve),
    operation("POST", "/v1/prices/{price}", "price", UpdatePrice, update),
]
