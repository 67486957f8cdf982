"""Admin actions of customers on Stripe's pages, of banks, and of operators.

POST   /_admin/stripe/invoices/{id}/pay_on_page {"payment_method": a test id such as
                                                pm_card_visa, or a test IBAN}: on the hosted page
POST   /_admin/stripe/invoices/{id}/pay_part    {"amount", "payment_method", "capture": "automatic"
                                                or "manual"}: attaches a payment of its own to an
                                                open invoice; a manual one waits for its capture
POST   /_admin/stripe/invoices/{id}/settle      {"ending": "succeeded" | "failed"}: finishes
                                                a debit now; default: the test account's result
POST   /_admin/stripe/checkout/{id}/complete    {"payment_method": as above}: on the Checkout page
POST   /_admin/stripe/setup_intents/{id}/authenticate
POST   /_admin/stripe/webhook_endpoints/{id}/roll_secret
                                                {"overlap_s": n}: returns the new secret; the old
                                                one stays valid that long (default: a day)
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sandbox.common.store import Json
from sandbox.stripe.admin.dashboard_actions import AdminAction, ObjectRequest
from sandbox.stripe.admin.request_json import validate
from sandbox.stripe.checkout import sessions as checkout_sessions
from sandbox.stripe.checkout import setup_intents
from sandbox.stripe.collection import debits, own_intents, part_payments
from sandbox.stripe.collection import pay as payment
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import BadParameters, Declined, InvalidRequest
from sandbox.stripe.core.views import view
from sandbox.stripe.invoices.lifecycle import refuse_while_processing
from sandbox.stripe.payment_methods.bank_accounts import BY_IBAN, by_iban
from sandbox.stripe.payment_methods.cards import WELL_KNOWN
from sandbox.stripe.payment_methods.payment_methods import attach_to, new_debit_method
from sandbox.stripe.webhooks import secrets as endpoint_secrets


class PaymentRequest(ObjectRequest):
    """The payment method that the customer chooses."""

    payment_method: str = "pm_card_visa"


class PartPayment(PaymentRequest):
    """A payment of a part of an invoice. ``amount`` is in minor units."""

    amount: int = Field(ge=1)
    capture: Literal["automatic", "manual"] = "automatic"


class DebitResult(ObjectRequest):
    """The bank's response; by default that of the test account."""

    ending: debits.Ending | None = None


class RotateSecret(ObjectRequest):
    """The time during which the old secret of an endpoint stays valid."""

    overlap_s: int = Field(default=86400, ge=0)


def chosen_method(call: Call, choice: object, *, customer: str) -> Json:
    """Attaches a new payment method to the customer: a test card, or a debit by its test IBAN."""
    if choice in WELL_KNOWN:
        return attach_to(call, str(choice), customer=customer)
    if choice not in BY_IBAN:
        raise BadParameters("Choose one of the test cards or accounts.", param="payment_method")
    method = call.put(new_debit_method(call, by_iban(str(choice))))
    return attach_to(call, method["id"], customer=customer)


def pay_on_page(call: Call, invoice: Json, choice: object) -> str:
    """Pays an open invoice as from the hosted page; returns the page's message."""
    if invoice["status"] not in {"open", "uncollectible"}:
        raise InvalidRequest("This invoice cannot be paid any more.")
    refuse_while_processing(call, invoice)
    method = chosen_method(call, choice, customer=invoice["customer"])
    payment.attempt(call, invoice, method, off_session=False)
    if invoice["status"] == "paid":
        return "Paid. Thank you."
    return "Your bank was asked for the money; it answers within days."


def _pay(call: Call, given: Json) -> Json:
    request = validate(PaymentRequest, given)
    invoice = call.load("invoice", request.id)
    declined = None
    try:
        pay_on_page(call, invoice, request.payment_method)
    except Declined as rejection:
        declined = rejection.code
    return {"invoice": view(call, invoice), "declined": declined}


def _pay_part(call: Call, given: Json) -> Json:
    request = validate(PartPayment, given)
    invoice = call.load("invoice", request.id)
    method = chosen_method(call, request.payment_method, customer=invoice["customer"])
    fields: Json = {"amount": str(request.amount), "capture_method": request.capture}
    fields |= {"currency": invoice["currency"], "customer": invoice["customer"]}
    params = own_intents.CreateIntent.model_validate(fields)
    intent = call.load("payment_intent", own_intents.create(call, params)["id"])
    invoice = part_payments.attach_intent(call, invoice, intent)
    declined = None
    try:
        own_intents.confirm(call, intent, method["id"], off_session=True)
    except Declined as rejection:
        declined = rejection.code
    invoice = call.load("invoice", invoice["id"])
    return {
        "invoice": view(call, invoice),
        "payment_intent": view(call, intent),
        "declined": declined,
    }


def _complete(call: Call, given: Json) -> Json:
    request = validate(PaymentRequest, given)
    session = checkout_sessions.open_session(call, request.id)
    declined = None
    try:
        checkout_sessions.complete_session(call, session, request.payment_method)
    except Declined as rejection:
        declined = rejection.code
    return {"session": view(call, session), "declined": declined}


def _authenticate(call: Call, given: Json) -> Json:
    intent = call.load("setup_intent", validate(ObjectRequest, given).id)
    return {"setup_intent": view(call, setup_intents.authenticate(call, intent))}


def _roll_secret(call: Call, given: Json) -> Json:
    request = validate(RotateSecret, given)
    endpoint = call.load("webhook_endpoint", request.id)
    return {"secret": endpoint_secrets.rotate(call, endpoint, overlap_s=request.overlap_s)}


def _settle(call: Call, given: Json) -> Json:
    request = validate(DebitResult, given)
    invoice = call.load("invoice", request.id)
    debits.finish(call, invoice, request.ending)
    return {"invoice": view(call, invoice)}


ADMIN_ACTIONS: list[tuple[str, AdminAction]] = [
    ("/invoices/{id}/pay_on_page", _pay),
    ("/invoices/{id}/pay_part", _pay_part),
    ("/invoices/{id}/settle", _settle),
    ("/checkout/{id}/complete", _complete),
    ("/setup_intents/{id}/authenticate", _authenticate),
    ("/webhook_endpoints/{id}/roll_secret", _roll_secret),
]
