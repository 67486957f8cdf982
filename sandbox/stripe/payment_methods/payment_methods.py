"""Payment methods: cards from test numbers, tokens or Stripe's test ids, and debits."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from pydantic import BeforeValidator

from sandbox.common.store import Json, equal
from sandbox.stripe.core import ids
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import BadParameters, Declined, InvalidRequest, no_such
from sandbox.stripe.core.lists import page
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.params import (
    Address,
    Clearable,
    Int,
    Metadata,
    NestedParams,
    NoParams,
    Page,
    Params,
    Text,
    none_if_empty,
)
from sandbox.stripe.core.updates import merged_metadata
from sandbox.stripe.core.views import view
from sandbox.stripe.payment_methods import bank_accounts
from sandbox.stripe.payment_methods.bank_accounts import TestAccount
from sandbox.stripe.payment_methods.cards import BY_NUMBER, TOKENS, WELL_KNOWN, TestCard


class BillingDetails(NestedParams):
    """Billing details of a payment method."""

    address: Annotated[Address | None, BeforeValidator(none_if_empty)] = None
    email: Clearable | None = None
    name: Clearable | None = None
    phone: Clearable | None = None
    tax_id: Clearable | None = None


class Card(NestedParams):
    """A card by number or by token."""

    number: Text | None = None
    exp_month: Int | None = None
    exp_year: Int | None = None
    cvc: Text | None = None
    token: Text | None = None


class SepaDebit(NestedParams):
    """A bank account by its number."""

    iban: Text


class CreatePaymentMethod(Params):
    """POST /v1/payment_methods."""

    unsupported = frozenset({"payment_method", "customer", "radar_options", "ideal"})
    type: Literal["card", "sepa_debit"]
    card: Card | None = None
    sepa_debit: SepaDebit | None = None
    billing_details: BillingDetails | None = None
    metadata: Metadata | None = None
    allow_redisplay: Literal["always", "limited", "unspecified"] | None = None


class Attach(Params):
    """POST /v1/payment_methods/{payment_method}/attach."""

    customer: Text


class ListPaymentMethods(Page):
    """GET /v1/payment_methods."""

    customer: Text | None = None
    type: Text | None = None
    allow_redisplay: Literal["always", "limited", "unspecified"] | None = None


class ListOfCustomer(Page):
    """GET /v1/customers/{customer}/payment_methods."""

    type: Text | None = None
    allow_redisplay: Literal["always", "limited", "unspecified"] | None = None


def new_method(
    call: Call, card: TestCard, *, expiry: tuple[int, int] = (3, 2030), **fields: object
) -> Json:
    """Returns a payment method of a test card, not yet stored."""
    digest = hashlib.sha256(card.number.encode()).hexdigest()
    return {
        "id": ids.fresh("pm_"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": blank_billing_details(),
        "card": {
            "brand": card.brand,
            "checks": {
                "address_line1_check": None,
                "address_postal_code_check": None,
                "cvc_check": "pass",
            },
            "country": card.country,
            "display_brand": card.brand,
            "exp_month": expiry[0],
            "exp_year": expiry[1],
            "fingerprint": digest[:16],
            "funding": card.funding,
            "generated_from": None,
            "last4": card.number[-4:],
            "networks": {"available": [card.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "created": call.now,
        "customer": None,
        "customer_account": None,
        "livemode": call.account.livemode,
        "metadata": {},
        "type": "card",
        "_number": card.number,
        "_set_up": False,
        **fields,
    }


def blank_billing_details() -> Json:
    """Returns empty billing details."""
    address = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
    return {"address": address, "email": None, "name": None, "phone": None, "tax_id": None}


def create(call: Call, params: CreatePaymentMethod) -> Json:
    """Creates an unattached payment method."""
    details = blank_billing_details()
    if params.billing_details:
        given = params.billing_details.model_dump(exclude_none=True)
        details["address"] |= given.pop("address", {})
        details |= given
    method = _made(call, params)
    method["billing_details"] = details
    method["metadata"] = merged_metadata({}, params.metadata)
    method["allow_redisplay"] = params.allow_redisplay or "unspecified"
    return view(call, call.put(method))


def _made(call: Call, params: CreatePaymentMethod) -> Json:
    given = params.card if params.type == "card" else params.sepa_debit
    if given is None:
        raise BadParameters(
            f"Missing required param: {params.type}.", code="parameter_missing", param=params.type
        )
    if isinstance(given, SepaDebit):
        return new_debit_method(call, bank_accounts.by_iban(given.iban))
    card, expiry = _chosen_card(given)
    return new_method(call, card, expiry=expiry)


def new_debit_method(call: Call, account: TestAccount) -> Json:
    """Returns a payment method of a test bank account, not yet stored."""
    method = new_method(call, WELL_KNOWN["pm_card_visa"], type="sepa_debit", _number=account.iban)
    del method["card"]
    return method | {"sepa_debit": bank_accounts.details(account)}


def _chosen_card(given: Card) -> tuple[TestCard, tuple[int, int]]:
    if given.token:
        if given.token not in TOKENS:
            raise no_such("token", given.token, param="card[token]")
        return TOKENS[given.token], (3, 2030)
    if given.number is None:
        raise BadParameters(
            "Missing required param: card[number].", code="parameter_missing", param="card[number]"
        )
    if given.exp_month is None or given.exp_year is None:
        name = "card[exp_month]" if given.exp_month is None else "card[exp_year]"
        raise BadParameters(
            f"Missing required param: {name}.", code="parameter_missing", param=name
        )
    card = BY_NUMBER.get(given.number)
    if card is None:
        raise Declined("Your card number is incorrect.", code="incorrect_number", param="number")
    return card, (given.exp_month, given.exp_year)


def attach(call: Call, params: Attach) -> Json:
    """Attaches a payment method to a customer."""
    return view(call, attach_to(call, call.path["payment_method"], customer=params.customer))


def attach_to(call: Call, method_id: str, *, customer: str, param: str | None = None) -> Json:
    """Attaches a payment method; a test id creates a new payment method of that card."""
    owner = call.load("customer", customer, param="customer")
    if owner.get("deleted"):
        raise no_such("customer", customer, param="customer")
    known = WELL_KNOWN.get(method_id)
    method = (
        new_method(call, known) if known else call.load("payment_method", method_id, param=param)
    )
    if method["customer"] not in (None, customer):
        raise InvalidRequest(
            "The payment method you provided has already been attached to a customer.",
            code="payment_method_unexpected_state",
        )
    if method["customer"] is None:
        method["customer"] = customer
        call.create(method, "payment_method.attached")
    return method


def create_legacy_card(call: Call, token: str, *, customer: str) -> Json:
    """Creates a legacy card (``card_…``) from a token, as imported customers have it."""
    if token not in TOKENS:
        raise no_such("token", token, param="source")
    card = new_method(call, TOKENS[token], id=ids.fresh("card_"), customer=customer)
    return call.put(card)


def detach(call: Call, _: NoParams) -> Json:
    """Detaches a payment method from its customer; it cannot be used again."""
    method = call.load("payment_method", call.path["payment_method"])
    if method["customer"] is None:
        raise InvalidRequest(
            "The payment method you provided is not attached to a customer so detachment is"
            " impossible."
        )
    owner = call.load("customer", method["customer"])
    if owner["invoice_settings"]["default_payment_method"] == method["id"]:
        settings = owner["invoice_settings"] | {"default_payment_method": None}
        call.change(owner, {"invoice_settings": settings}, "customer.updated")
    return view(call, call.change(method, {"customer": None}, "payment_method.detached"))


def retrieve(call: Call, _: NoParams) -> Json:
    """Returns a payment method; a test id returns an unattached one."""
    method_id = call.path["payment_method"]
    if method_id in WELL_KNOWN:
        return view(call, new_method(call, WELL_KNOWN[method_id]))
    return view(call, call.load("payment_method", method_id))


def retrieve_of_customer(call: Call, _: NoParams) -> Json:
    """Returns a payment method of one customer."""
    method = call.load("payment_method", call.path["payment_method"])
    if method["customer"] != call.path["customer"]:
        raise no_such("payment_method", method["id"])
    return view(call, method)


def listing(call: Call, params: ListPaymentMethods) -> Json:
    """Returns the payment methods of a customer."""
    return _page(call, params, params.customer, params.type, "/v1/payment_methods")


def listing_of_customer(call: Call, params: ListOfCustomer) -> Json:
    """Returns the payment methods of the customer in the path."""
    customer = call.load("customer", call.path["customer"])["id"]
    url = f"/v1/customers/{customer}/payment_methods"
    return _page(call, params, customer, params.type, url)


def _page(
    call: Call,
    params: ListPaymentMethods | ListOfCustomer,
    customer: str | None,
    kind: str | None,
    url: str,
) -> Json:
    filters = equal(type=kind, allow_redisplay=params.allow_redisplay)
    # Without a customer Stripe lists unattached methods of the account; here the page is empty.
    return page(call, "payment_method", params, url=url, owner=customer or "", filters=filters)


_ONE = "/v1/payment_methods/{payment_method}"
_OF_CUSTOMER = "/v1/customers/{customer}/payment_methods"

OPERATIONS: list[Operation] = [
    operation("POST", "/v1/payment_methods", "payment_method", CreatePaymentMethod, create),
    operation("GET", "/v1/payment_methods", "list:payment_method", ListPaymentMethods, listing),
    operation("GET", _ONE, "payment_method", NoParams, retrieve),
    operation("POST", f"{_ONE}/attach", "payment_method", Attach, attach),
    operation("POST", f"{_ONE}/detach", "payment_method", NoParams, detach),
    operation("GET", _OF_CUSTOMER, "list:payment_method", ListOfCustomer, listing_of_customer),
    operation(
        "GET",
        f"{_OF_CUSTOMER}/{{payment_method}}",
        "payment_method",
        NoParams,
        retrieve_of_customer,
    ),
]
