"""Payment methods of an account, and the amounts they support."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sandbox.common.store import Json
from sandbox.mollie.core.call import Call
from sandbox.mollie.core.errors import NotFound
from sandbox.mollie.core.method_table import METHODS, Method, allows
from sandbox.mollie.core.money import minor, shown
from sandbox.mollie.core.operations import Operation, operation
from sandbox.mollie.core.params import Locale, Params
from sandbox.mollie.core.views import link

ICONS = "https://www.mollie.com/external/icons/payment-methods"


class ListMethods(Params):
    """GET /v2/methods."""

    sequence_type: Literal["oneoff", "first", "recurring"] = "oneoff"
    locale: Locale = None
    value: str | None = Field(default=None, alias="amount[value]")
    currency: str = Field(default="EUR", alias="amount[currency]")
    resource: Literal["payments", "orders"] = "payments"
    billing_country: str | None = None
    include_wallets: str | None = None


class GetMethod(Params):
    """GET /v2/methods/{method}."""

    locale: Locale = None
    currency: str = "EUR"
    sequence_type: Literal["oneoff", "first", "recurring"] = "oneoff"


def _shown(call: Call, name: str, currency: str) -> Json:
    traits: Method = METHODS[name]
    highest = None if traits.maximum is None else shown(traits.maximum, currency)
    return {
        "resource": "method",
        "id": name,
        "description": traits.name,
        "minimumAmount": shown(traits.minimum, currency),
        "maximumAmount": highest,
        "image": {
            "size1x": f"{ICONS}/{name}.png",
            "size2x": f"{ICONS}/{name}%402x.png",
            "svg": f"{ICONS}/{name}.svg",
        },
        "status": "activated",
        "_links": {"self": link(call.url(f"methods/{name}"))},
    }


def listing(call: Call, params: ListMethods) -> Json:
    """Returns the methods available for a payment."""
    amount = None
    if params.value is not None:
        given = {"value": params.value, "currency": params.currency}
        amount = minor(given, field="amount.value")
    found = [
        _shown(call, name, params.currency)
        for name, traits in METHODS.items()
        if allows(
            name,
            currency=params.currency,
            amount_minor=traits.minimum if amount is None else amount,
            sequence=params.sequence_type,
        )
    ]
    documentation = link("https://docs.mollie.com/reference/list-methods", "text/html")
    return {
        "count": len(found),
        "_embedded": {"methods": found},
        "_links": {"self": link(call.url("methods")), "documentation": documentation},
    }


def retrieve(call: Call, params: GetMethod) -> Json:
    """Returns a method with its limits in a currency."""
    name = call.path["method"]
    if name not in METHODS or params.currency not in METHODS[name].currencies:
        raise NotFound(f"No payment method exists with id {name}.")
    found = _shown(call, name, params.currency)
    found["_links"]["documentation"] = link(
        "https://docs.mollie.com/reference/get-method", "text/html"
    )
    return found


OPERATIONS: list[Operation] = [
    operation("GET", "/v2/methods", ListMethods, listing),
    operation("GET", "/v2/methods/{method}", GetMethod, retrieve),
]
