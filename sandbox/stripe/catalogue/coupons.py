"""Coupons: percentages or amounts off, forever, once, or for some months."""

from __future__ import annotations

from typing import Literal

from sandbox.common.store import Json
from sandbox.stripe.core import ids
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import BadParameters, InvalidRequest
from sandbox.stripe.core.lists import page
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.params import (
    Clearable,
    CreatedPage,
    Currency,
    Dec,
    Int,
    Metadata,
    NestedParams,
    NoParams,
    Params,
    Text,
)
from sandbox.stripe.core.updates import given_fields, merged_metadata
from sandbox.stripe.core.views import view

WHOLE = 100


class CouponOption(NestedParams):
    """The amount off in another currency."""

    amount_off: Int


class CreateCoupon(Params):
    """POST /v1/coupons."""

    unsupported = frozenset({"applies_to", "max_redemptions", "redeem_by"})
    amount_off: Int | None = None
    currency: Currency | None = None
    currency_options: dict[str, CouponOption] | None = None
    duration: Literal["forever", "once", "repeating"] = "once"
    duration_in_months: Int | None = None
    id: Text | None = None
    metadata: Metadata | None = None
    name: Text | None = None
    percent_off: Dec | None = None


class UpdateCoupon(Params):
    """POST /v1/coupons/{coupon}."""

    unsupported = frozenset({"currency_options"})
    metadata: Metadata | None = None
    name: Clearable | None = None


class ListCoupons(CreatedPage):
    """GET /v1/coupons."""


def create(call: Call, params: CreateCoupon) -> Json:
    """Creates a coupon, with the caller's id if given."""
    _check_value(params)
    if (params.duration == "repeating") != (params.duration_in_months is not None):
        raise BadParameters(
            "duration_in_months goes with a duration of repeating, and only with that.",
            param="duration_in_months",
        )
    if params.id and call.find("coupon", params.id):
        raise InvalidRequest("Coupon already exists.", code="resource_already_exists", param="id")
    coupon: Json = {
        "id": params.id or ids.random_text(8),
        "object": "coupon",
        "amount_off": params.amount_off,
        "created": call.now,
        "currency": params.currency.lower() if params.currency else None,
        "duration": params.duration,
        "duration_in_months": params.duration_in_months,
        "livemode": call.account.livemode,
        "max_redemptions": None,
        "metadata": merged_metadata({}, params.metadata),
        "name": params.name,
        "percent_off": None if params.percent_off is None else float(params.percent_off),
        "redeem_by": None,
        "times_redeemed": 0,
        "valid": True,
        "_currency_options": {
            name.lower(): option.model_dump()
            for name, option in (params.currency_options or {}).items()
        },
    }
    return view(call, call.create(coupon, "coupon.created"))


def _check_value(params: CreateCoupon) -> None:
    percent, options = params.percent_off, params.currency_options or {}
    if (percent is None) == (params.amount_off is None):
        raise BadParameters(
            "You must pass exactly one of these parameters: percent_off, amount_off.",
            param="percent_off",
        )
    if percent is not None and not 0 < percent <= WHOLE:
        raise BadParameters("You must pass a percent_off between 0 and 100.", param="percent_off")
    amounts = [params.amount_off, *(option.amount_off for option in options.values())]
    if any(amount is not None and amount < 1 for amount in amounts):
        raise BadParameters(
            "This value must be greater than or equal to 1.",
            code="parameter_invalid_integer",
            param="amount_off",
        )
    has_currency = params.currency is not None
    if has_currency != (params.amount_off is not None) or (options and not has_currency):
        raise BadParameters("A currency goes with amount_off.", param="currency")


def retrieve(call: Call, _: NoParams) -> Json:
    """Returns a coupon."""
    return view(call, call.load("coupon", call.path["coupon"]))


def update(call: Call, params: UpdateCoupon) -> Json:
    """Updates a coupon's name or metadata; its percentage or amount cannot change."""
    coupon = call.load("coupon", call.path["coupon"])
    given = given_fields(params, coupon, clear=("name",))
    return view(call, call.change(coupon, given, "coupon.updated"))


def delete(call: Call, _: NoParams) -> Json:
    """Deletes a coupon; existing discounts continue."""
    coupon = call.load("coupon", call.path["coupon"])
    call.emit("coupon.deleted", coupon)
    call.drop(coupon)
    return {"id": coupon["id"], "object": "coupon", "deleted": True}


def listing(call: Call, params: ListCoupons) -> Json:
    """Returns a page of coupons."""
    return page(call, "coupon", params, url="/v1/coupons")


OPERATIONS: list[Operation] = [
    operation("POST", "/v1/coupons", "coupon", CreateCoupon, create),
    operation("GET", "/v1/coupons", "list:coupon", ListCoupons, listing),
    operation("GET", "/v1/coupons/{coupon}", "coupon", NoParams, retrieve),
    operation("POST", "/v1/coupons/{coupon}", "coupon", UpdateCoupon, update),
    operation("DELETE", "/v1/coupons/{coupon}", "coupon", NoParams, delete),
]
