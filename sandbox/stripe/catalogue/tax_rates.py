"""Tax rates: a percentage, inclusive or exclusive."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.common.store import Json, equal
from sandbox.stripe.core import ids
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import BadParameters, InvalidRequest
from sandbox.stripe.core.lists import page
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.params import (
    Bool,
    Clearable,
    CreatedPage,
    Dec,
    Metadata,
    NoParams,
    Params,
    Text,
)
from sandbox.stripe.core.updates import given_fields
from sandbox.stripe.core.views import view

MAX_PERCENTAGE = 100


class TaxRateFields(Params):
    """Common fields of create and update."""

    active: Bool | None = None
    country: Text | None = None
    description: Clearable | None = None
    jurisdiction: Clearable | None = None
    metadata: Metadata | None = None
    state: Text | None = None
    tax_type: Text | None = None


class CreateTaxRate(TaxRateFields):
    """POST /v1/tax_rates."""

    display_name: Text
    inclusive: Bool
    percentage: Dec


class UpdateTaxRate(TaxRateFields):
    """POST /v1/tax_rates/{tax_rate}."""

    display_name: Text | None = None


class ListTaxRates(CreatedPage):
    """GET /v1/tax_rates."""

    active: Bool | None = None
    inclusive: Bool | None = None


def create(call: Call, params: CreateTaxRate) -> Json:
    """Creates a tax rate."""
    if not 0 <= params.percentage <= MAX_PERCENTAGE:
        raise BadParameters(
            f"Percentage must be between 0 and {MAX_PERCENTAGE}.", param="percentage"
        )
    rate: Json = {
        "id": ids.fresh("txr_"),
        "object": "tax_rate",
        "active": True,
        "country": None,
        "created": call.now,
        "description": None,
        "display_name": params.display_name,
        "effective_percentage": None,
        "flat_amount": None,
        "inclusive": params.inclusive,
        "jurisdiction": None,
        "jurisdiction_level": None,
        "livemode": call.account.livemode,
        "metadata": {},
        "percentage": float(params.percentage),
        "rate_type": "percentage",
        "state": None,
        "tax_type": None,
    }
    given = params.model_dump(exclude_none=True, exclude={"expand", "percentage"})
    return view(call, call.create(rate | given, "tax_rate.created"))


def retrieve(call: Call, _: NoParams) -> Json:
    """Returns a tax rate."""
    return view(call, call.load("tax_rate", call.path["tax_rate"]))


def update(call: Call, params: UpdateTaxRate) -> Json:
    """Updates the given fields."""
    rate = call.load("tax_rate", call.path["tax_rate"])
    given = given_fields(params, rate, clear=("description", "jurisdiction"))
    return view(call, call.change(rate, given, "tax_rate.updated"))


def listing(call: Call, params: ListTaxRates) -> Json:
    """Returns a page of tax rates."""
    filters = equal(active=params.active, inclusive=params.inclusive)
    return page(call, "tax_rate", params, url="/v1/tax_rates", filters=filters)


def chosen(call: Call, rate_ids: Sequence[str], *, param: str) -> list[Json]:
    """Returns the rates named by a request. Raises BadParameters for inactive ones."""
    rates = []
    for index, rate_id in enumerate(rate_ids):
        rate = call.load("tax_rate", rate_id, param=f"{param}[{index}]")
        if not rate["active"]:
            raise InvalidRequest(
                f"The tax rate {rate_id} is inactive and cannot be used.",
                param=f"{param}[{index}]",
            )
        rates.append(view(call, rate))
    return rates


OPERATIONS: list[Operation] = [
    operation("POST", "/v1/tax_rates", "tax_rate", CreateTaxRate, create),
    operation("GET", "/v1/tax_rates", "list:tax_rate", ListTaxRates, listing),
    operation("GET", "/v1/tax_rates/{tax_rate}", "tax_rate", NoParams, retrieve),
    operation("POST", "/v1/tax_rates/{tax_rate}", "tax_rate", UpdateTaxRate, update),
]
