"""Customers: create, retrieve, update, delete and list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator

from sandbox.common.emails import is_email
from sandbox.common.store import Filter, Json, equal
from sandbox.stripe.core import ids
from sandbox.stripe.core.accounts import DEFAULT_CURRENCY
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import BadParameters, no_such
from sandbox.stripe.core.lists import page
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.params import (
    Address,
    Clearable,
    CreatedPage,
    Int,
    Metadata,
    NestedParams,
    NoParams,
    Params,
    Text,
    Texts,
    none_if_empty,
)
from sandbox.stripe.core.updates import given_fields
from sandbox.stripe.core.views import view
from sandbox.stripe.customers import balance_book
from sandbox.stripe.payment_methods.payment_methods import attach_to, create_legacy_card
from sandbox.stripe.subscription_state import status as subscription_status
from sandbox.stripe.subscription_state.changes import ENDED


class InvoiceSettings(NestedParams):
    """A customer's defaults for invoices."""

    default_payment_method: Clearable | None = None
    footer: Clearable | None = None


class Shipping(NestedParams):
    """Shipping address."""

    address: Address
    name: Text
    phone: Text | None = None


class CustomerFields(Params):
    """Common fields of create and update."""

    unsupported = frozenset(
        {
            "business_name", "cash_balance", "individual_name", "invoice_settings[custom_fields]",
            "invoice_settings[rendering_options]", "tax", "validate",
        }
    )  # fmt: skip
    address: Annotated[Address | None, BeforeValidator(none_if_empty)] = None
    balance: Int | None = None
    description: Clearable | None = None
    email: Clearable | None = None
    invoice_prefix: Text | None = None
    invoice_settings: InvoiceSettings | None = None
    metadata: Metadata | None = None
    name: Clearable | None = None
    next_invoice_sequence: Int | None = None
    phone: Clearable | None = None
    preferred_locales: Texts | None = None
    shipping: Annotated[Shipping | None, BeforeValidator(none_if_empty)] = None
    source: Text | None = None
    tax_exempt: Literal["none", "exempt", "reverse", ""] | None = None


class CreateCustomer(CustomerFields):
    """POST /v1/customers."""

    unsupported = CustomerFields.unsupported | {"tax_id_data", "test_clock"}
    payment_method: Text | None = None


class UpdateCustomer(CustomerFields):
    """POST /v1/customers/{customer}."""

    default_source: Text | None = None


class ListCustomers(CreatedPage):
    """GET /v1/customers."""

    unsupported = frozenset({"test_clock"})
    email: Text | None = None


def create(call: Call, params: CreateCustomer) -> Json:
    """Creates a customer and attaches the given payment method."""
    customer: Json = {
        "id": ids.fresh("cus_"),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": call.now,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": ids.random_text(8).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": call.account.livemode,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    call.put(customer)
    if params.payment_method:
        attach_to(call, params.payment_method, customer=customer["id"], param="payment_method")
    customer.update(_changes(call, customer, params))
    _enter_balance(call, customer, before=0)
    return view(call, call.create(customer, "customer.created"))


def _enter_balance(call: Call, customer: Json, *, before: int) -> None:
    amount = customer["balance"] - before
    if amount:
        balance_book.record(
            call,
            customer,
            amount,
            cause="adjustment",
            currency=customer["currency"] or DEFAULT_CURRENCY,
            ending=customer["balance"],
        )


def _changes(call: Call, customer: Json, params: CustomerFields) -> Json:
    clear = ("description", "email", "name", "phone")
    given = given_fields(params, customer, clear=clear, omit={"payment_method", "source"})
    if "email" in given and given["email"] and not is_email(given["email"]):
        raise BadParameters(
            f"Invalid email address: {given['email']}", code="email_invalid", param="email"
        )
    if "tax_exempt" in given:
        given["tax_exempt"] = given["tax_exempt"] or "none"
    if params.source:
        given["default_source"] = create_legacy_card(call, params.source, customer=customer["id"])[
            "id"
        ]
    if given.get("default_source"):
        call.load("payment_method", given["default_source"], param="default_source")
    if given.get("shipping"):
        given["shipping"] |= {"carrier": None, "tracking_number": None}
    if "invoice_settings" in given:
        given["invoice_settings"] = _settings(call, customer, given["invoice_settings"])
    return given


def _settings(call: Call, customer: Json, given: Mapping[str, str]) -> Json:
    settings = customer["invoice_settings"] | {key: value or None for key, value in given.items()}
    method_id = settings["default_payment_method"]
    if method_id:
        param = "invoice_settings[default_payment_method]"
        method = call.load("payment_method", method_id, param=param)
        if method["customer"] != customer["id"]:
            raise BadParameters(
                f"The customer does not have a payment method with the ID {method_id}. The payment"
                " method must be attached to the customer.",
                code="resource_missing",
                param=param,
            )
    return dict(settings)


def retrieve(call: Call, _: NoParams) -> Json:
    """Returns a customer; of a deleted one only that it was deleted."""
    return view(call, call.load("customer", call.path["customer"]))


def update(call: Call, params: UpdateCustomer) -> Json:
    """Updates the given fields."""
    customer = existing_customer(call, call.path["customer"])
    changes, before = _changes(call, customer, params), customer["balance"]
    call.change(customer, changes, "customer.updated")
    _enter_balance(call, customer, before=before)
    return view(call, customer)


def delete(call: Call, _: NoParams) -> Json:
    """Deletes a customer, detaches its payment methods and ends its subscriptions."""
    customer = existing_customer(call, call.path["customer"])
    for method in call.all("payment_method", owner=customer["id"]):
        call.change(method, {"customer": None}, "payment_method.detached")
    for subscription in call.all("subscription", owner=customer["id"]):
        if subscription["status"] not in ENDED:
            subscription_status.end_subscription(
                call, subscription, reason="cancellation_requested"
            )
    gone = {"id": customer["id"], "object": "customer", "deleted": True}
    call.emit("customer.deleted", customer)
    return call.put(gone)


def existing_customer(call: Call, customer_id: str, *, param: str | None = None) -> Json:
    """Returns a customer. Raises InvalidRequest if it does not exist or was deleted."""
    customer = call.load("customer", customer_id, param=param)
    if customer.get("deleted"):
        raise no_such("customer", customer_id, param=param)
    return customer


def listing(call: Call, params: ListCustomers) -> Json:
    """Returns a page of customers."""
    alive = [*equal(email=params.email), Filter("$.livemode", "=", int(call.account.livemode))]
    return page(call, "customer", params, url="/v1/customers", filters=alive)


OPERATIONS: list[Operation] = [
    operation("POST", "/v1/customers", "customer", CreateCustomer, create),
    operation("GET", "/v1/customers", "list:customer", ListCustomers, listing),
    operation("GET", "/v1/customers/{customer}", "customer", NoParams, retrieve),
    operation("POST", "/v1/customers/{customer}", "customer", UpdateCustomer, update),
    operation("DELETE", "/v1/customers/{customer}", "customer", NoParams, delete),
]
