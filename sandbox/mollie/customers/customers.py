"""Customers, and lists of their payments."""

from __future__ import annotations

from sandbox.common.emails import is_email
from sandbox.common.store import Json
from sandbox.mollie.core import ids, times
from sandbox.mollie.core.call import Call
from sandbox.mollie.core.errors import invalid
from sandbox.mollie.core.lists import page
from sandbox.mollie.core.operations import Operation, operation
from sandbox.mollie.core.params import Locale, Metadata, NoParams, Page, Params
from sandbox.mollie.core.views import view
from sandbox.mollie.payments import payments
from sandbox.mollie.subscription_state import status as subscription_status


class Customer(Params):
    """POST /v2/customers and PATCH /v2/customers/{customer}."""

    name: str | None = None
    email: str | None = None
    locale: Locale = None
    metadata: Metadata = None


def create(call: Call, params: Customer) -> Json:
    """Creates a customer."""
    _check(params)
    customer: Json = {
        "object": "customer",
        "id": ids.fresh("cst_"),
        "mode": call.account.mode,
        "name": params.name,
        "email": params.email,
        "locale": params.locale,
        "metadata": params.metadata,
        "createdAt": times.shown(call.now),
    }
    return view(call, call.put(customer))


def _check(params: Customer) -> None:
    if params.email is not None and not is_email(params.email):
        raise invalid("email", "it is not an email address")


def _load(call: Call) -> Json:
    return call.load("customer", call.path["customer"])


def retrieve(call: Call, _: NoParams) -> Json:
    """Returns a customer."""
    return view(call, _load(call))


def update(call: Call, params: Customer) -> Json:
    """Updates the given fields."""
    _check(params)
    return view(call, call.change(_load(call), **params.given()))


def delete(call: Call, _: NoParams) -> None:
    """Deletes a customer with all mandates, and cancels its subscriptions."""
    customer = _load(call)
    call.change(customer, _deleted=True)
    for subscription in call.all("subscription", owner=customer["id"]):
        if subscription["status"] not in {"completed", "canceled"}:
            subscription_status.end(call, subscription, "canceled")
    for mandate in call.all("mandate", owner=customer["id"]):
        call.change(mandate, status="invalid", _deleted=True)


def listing(call: Call, params: Page) -> Json:
    """Returns a page of all customers."""
    return page(call, "customer", params, path="customers")


def create_payment(call: Call, params: payments.CreatePayment) -> Json:
    """Creates a payment of a customer."""
    customer = _load(call)
    given = params.model_dump(by_alias=True, exclude_unset=True) | {"customerId": customer["id"]}
    return payments.create(call, payments.CreatePayment.model_validate(given))


def payments_of(call: Call, params: Page) -> Json:
    """Returns a page of a customer's payments."""
    customer = _load(call)
    path = f"customers/{customer['id']}/payments"
    return page(call, "payment", params, path=path, owner=customer["id"])


_ALL = "/v2/customers"
_ONE = "/v2/customers/{customer}"

OPERATIONS: list[Operation] = [
    operation("POST", _ALL, Customer, create),
    operation("GET", _ALL, Page, listing),
    operation("GET", _ONE, NoParams, retrieve),
    operation("PATCH", _ONE, Customer, update),
    operation("DELETE", _ONE, NoParams, delete),
    operation("POST", f"{_ONE}/payments", payments.CreatePayment, create_payment),
    operation("GET", f"{_ONE}/payments", Page, payments_of),
]
