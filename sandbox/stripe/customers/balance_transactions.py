"""Customer balance transactions: create, retrieve, update and list."""

from __future__ import annotations

from sandbox.common.store import Json, equal
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import BadParameters, InvalidRequest, no_such
from sandbox.stripe.core.lists import page
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.params import (
    Clearable,
    CreatedPage,
    Currency,
    Int,
    Metadata,
    NoParams,
    Params,
    Text,
)
from sandbox.stripe.core.updates import given_fields
from sandbox.stripe.core.views import view
from sandbox.stripe.customers import balance_book
from sandbox.stripe.customers.customers import existing_customer


class Describe(Params):
    """POST /v1/customers/{customer}/balance_transactions/{transaction}."""

    description: Clearable | None = None
    metadata: Metadata | None = None


class Adjust(Describe):
    """POST /v1/customers/{customer}/balance_transactions."""

    amount: Int
    currency: Currency


class ListTransactions(CreatedPage):
    """GET /v1/customers/{customer}/balance_transactions."""

    invoice: Text | None = None


def adjust(call: Call, params: Adjust) -> Json:
    """Adjusts a customer's balance; a negative amount is credit."""
    customer = existing_customer(call, call.path["customer"])
    currency = params.currency.lower()
    if not params.amount:
        raise BadParameters("Amount must be non-zero.", param="amount")
    if customer["currency"] not in (None, currency):
        raise InvalidRequest(
            f"This customer's balance is in {customer['currency']}; it can't be adjusted in"
            f" {currency}.",
            param="currency",
        )
    entry = balance_book.move(call, customer, params.amount, cause="adjustment", currency=currency)
    return view(call, call.change(entry, _words(params, entry)))


def _words(params: Describe, entry: Json) -> Json:
    return given_fields(params, entry, clear=("description",), omit={"amount", "currency"})


def _of_customer(call: Call) -> Json:
    entry = call.load("customer_balance_transaction", call.path["transaction"])
    if entry["customer"] != call.path["customer"]:
        raise no_such("customer_balance_transaction", entry["id"])
    return entry


def retrieve(call: Call, _: NoParams) -> Json:
    """Returns a balance transaction."""
    return view(call, _of_customer(call))


def describe(call: Call, params: Describe) -> Json:
    """Updates a balance transaction's description and metadata."""
    entry = _of_customer(call)
    return view(call, call.change(entry, _words(params, entry)))


def listing(call: Call, params: ListTransactions) -> Json:
    """Returns a page of a customer's balance transactions."""
    customer = existing_customer(call, call.path["customer"])["id"]
    return page(
        call,
        "customer_balance_transaction",
        params,
        url=f"/v1/customers/{customer}/balance_transactions",
        owner=customer,
        filters=equal(invoice=params.invoice),
    )


_KIND = "customer_balance_transaction"
_ALL = "/v1/customers/{customer}/balance_transactions"

OPERATIONS: list[Operation] = [
    operation("POST", _ALL, _KIND, Adjust, adjust),
    operation("GET", _ALL, f"list:{_KIND}", ListTransactions, listing),
    operation("GET", f"{_ALL}/{{transaction}}", _KIND, NoParams, retrieve),
    operation("POST", f"{_ALL}/{{transaction}}", _KIND, Describe, describe),
]
