"""Pay an invoice: choice of payment method, charge, result and events.

Authentication, as far as documented. Stripe documents two error codes that
``POST /v1/invoices/{id}/pay`` returns with 402 for a card that requires authentication, and
integrations handle both:

* On session (``off_session`` false or absent) the payment intent goes to ``requires_action`` with a
  ``next_action`` (recorded real answers have ``use_stripe_sdk``), the error's code is
  ``invoice_payment_intent_requires_action``, and ``invoice.payment_action_required`` is sent.
* Off session authentication is impossible, so the bank declines the charge: code and decline
  code ``authentication_required``, a failed charge, and the payment intent is back at
  ``requires_payment_method`` with that ``last_payment_error``. ``invoice.payment_failed`` is sent,
  and ``invoice.payment_action_required`` after it, because the customer can still authenticate on
  the hosted invoice page.

Neither code's ``type`` is documented; SDKs map any 402 to a card error, hence ``card_error``.
In both cases the hosted page (``confirm``) completes the payment.
"""

from __future__ import annotations

from sandbox.common.store import Json
from sandbox.stripe.collection import debits
from sandbox.stripe.collection.cancel_intent import payable_intent
from sandbox.stripe.collection.other_payments import pay_out_of_band
from sandbox.stripe.collection.results import (
    count_failed_attempt,
    record_success,
    require_payment_method,
)
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import Declined, InvalidRequest, StripeError
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.params import Bool, Params, Text
from sandbox.stripe.core.views import view
from sandbox.stripe.invoices.invoices import owned_method
from sandbox.stripe.invoices.lifecycle import finalize_invoice, refuse_while_processing
from sandbox.stripe.payment_methods.cards import (
    AUTHENTICATION,
    BY_NUMBER,
    Decline,
    needs_authentication,
)
from sandbox.stripe.payments.charges import new_charge
from sandbox.stripe.subscription_state import status as subscription_status

CHALLENGE = "invoice_payment_intent_requires_action"


class Pay(Params):
    """POST /v1/invoices/{invoice}/pay."""

    unsupported = frozenset({"forgive", "mandate", "source"})
    off_session: Bool = False
    paid_out_of_band: Bool = False
    payment_method: Text | None = None


def pay(call: Call, params: Pay) -> Json:
    """Charges an invoice now, and finalises a draft first. The only operation that charges."""
    invoice = call.load("invoice", call.path["invoice"])
    if invoice["status"] == "paid":
        raise InvalidRequest("Invoice is already paid")
    if invoice["status"] == "void":
        raise InvalidRequest("Invoice is voided and can't be paid")
    if params.paid_out_of_band:
        return view(call, pay_out_of_band(call, invoice))
    method = select_method(call, invoice, params.payment_method)
    if invoice["status"] == "draft":
        finalize_invoice(call, invoice)
    if invoice["status"] != "paid":
        attempt(call, invoice, _required(method), off_session=params.off_session)
    return view(call, invoice)


def select_method(call: Call, invoice: Json, given: str | None) -> Json | None:
    """Returns the payment method by Stripe's order of precedence; None if there is none."""
    if given:
        return owned_method(call, given, invoice, param="payment_method")
    customer = call.load("customer", invoice["customer"])
    candidates = [invoice["default_payment_method"], invoice["default_source"]]
    subscription = subscription_status.of_invoice(call, invoice)
    if subscription is not None:
        candidates.append(subscription["default_payment_method"])
    if not customer.get("deleted"):
        candidates.append(customer["invoice_settings"]["default_payment_method"])
        candidates.append(customer["default_source"])
    for candidate in candidates:
        method = call.find("payment_method", candidate)
        if method is not None and method["customer"] == invoice["customer"]:
            return method
    return None


def _required(method: Json | None) -> Json:
    if method is None:
        raise InvalidRequest(
            "There is no `default_payment_method` set on this Customer or Invoice. Please set one"
            " of these values or specify the payment method to use in the `payment_method`"
            " parameter.",
            code="missing",
        )
    return method


def attempt(
    call: Call, invoice: Json, method: Json, *, off_session: bool, authenticated: bool = False
) -> None:
    """Attempts one charge. Raises Declined if it is declined or needs authentication.

    A debit is only started: its result arrives later.
    """
    refuse_while_processing(call, invoice)
    intent = payable_intent(call, invoice)
    intent["_method"] = method["id"]
    if method["type"] == "sepa_debit":
        debits.start(call, invoice, intent, method)
        return
    card = BY_NUMBER[method["_number"]]
    challenge = not authenticated and needs_authentication(
        card, off_session=off_session, set_up=method["_set_up"]
    )
    if challenge and not off_session:
        raise _challenge(call, invoice, intent, method)
    decline = AUTHENTICATION if challenge else card.decline
    if decline is not None:
        raise _decline(call, invoice, intent, method, decline, authenticated=authenticated)
    charge = new_charge(call, intent, method, decline=None, authenticated=authenticated)
    invoice["attempt_count"] += 1
    record_success(call, invoice, intent, charge)


def _decline(
    call: Call,
    invoice: Json,
    intent: Json,
    method: Json,
    decline: Decline,
    *,
    authenticated: bool,
) -> StripeError:
    charge = new_charge(call, intent, method, decline=decline, authenticated=authenticated)
    call.create(charge, "charge.failed")
    fault = Declined(
        decline.message,
        code=decline.code,
        extra={"charge": charge["id"], "decline_code": decline.decline_code},
    )
    require_payment_method(call, intent, method, fault, latest_charge=charge["id"])
    count_failed_attempt(call, invoice)
    call.emit("invoice.payment_failed", invoice)
    if decline is AUTHENTICATION:
        call.emit("invoice.payment_action_required", invoice)
    fault.extra["payment_intent"] = view(call, intent)
    fault.extra["payment_method"] = view(call, method)
    return fault


def _challenge(call: Call, invoice: Json, intent: Json, method: Json) -> StripeError:
    call.change(
        intent,
        {
            "last_payment_error": None,
            "next_action": {
                "type": "use_stripe_sdk",
                "use_stripe_sdk": {"type": "three_d_secure_redirect", "source": method["id"]},
            },
            "payment_method": method["id"],
            "status": "requires_action",
        },
    )
    call.emit("payment_intent.requires_action", intent)
    count_failed_attempt(call, invoice)
    call.emit("invoice.payment_action_required", invoice)
    return Declined(
        "This payment requires additional user action before it can be completed successfully."
        " Payment can be completed using the PaymentIntent associated with the invoice. For more"
        " details see: https://stripe.com/docs/billing/subscriptions/overview#requires-action",
        code=CHALLENGE,
        extra={"payment_intent": view(call, intent)},
    )


def confirm(call: Call, invoice: Json) -> None:
    """Authenticates and retries a payment, as its customer does; marks the card as set up."""
    method = _waiting(call, invoice)
    method["_set_up"] = True
    call.put(method)
    attempt(call, invoice, method, off_session=False, authenticated=True)


def fail_authentication(call: Call, invoice: Json) -> None:
    """Fails the authentication of a payment."""
    method = _waiting(call, invoice)
    intent = call.load("payment_intent", invoice["_payment_intent"])
    fault = Declined(
        "The provided PaymentMethod has failed authentication. You can provide payment_method_data"
        " or a new PaymentMethod to attempt to fulfill this PaymentIntent again.",
        code="payment_intent_authentication_failure",
    )
    require_payment_method(call, intent, method, fault)
    call.emit("invoice.payment_failed", invoice)


def awaits_customer(call: Call, invoice: Json) -> bool:
    """Returns whether the last attempt requires authentication."""
    intent = call.find("payment_intent", invoice["_payment_intent"])
    if intent is None or invoice["status"] not in {"open", "uncollectible"}:
        return False
    error = intent["last_payment_error"] or {}
    return intent["status"] == "requires_action" or error.get("code") == AUTHENTICATION.code


def _waiting(call: Call, invoice: Json) -> Json:
    if not awaits_customer(call, invoice):
        raise InvalidRequest(
            "This invoice does not wait for its customer.", code="payment_intent_unexpected_state"
        )
    intent = call.load("payment_intent", invoice["_payment_intent"])
    return call.load("payment_method", intent["_method"])


OPERATIONS: list[Operation] = [
    operation("POST", "/v1/invoices/{invoice}/pay", "invoice", Pay, pay),
]
