"""Set up a payment method for later use, with the bank's check."""

from __future__ import annotations

from sandbox.common.store import Json
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import Declined
from sandbox.stripe.core.views import view
from sandbox.stripe.payment_methods import bank_accounts
from sandbox.stripe.payment_methods.cards import BY_NUMBER, LATE_DECLINE, WELL_KNOWN, Decline
from sandbox.stripe.payment_methods.payment_methods import (
    attach_to,
    new_debit_method,
    new_method,
)


def set_up(
    call: Call, intent: Json, choice: str, *, confirm: bool = True, authenticated: bool = False
) -> None:
    """Sets a payment method up: by its id, a reserved id or a test IBAN.

    Raises Declined if the bank declines; the intent then needs another method. A card that declines
    only charges (``pm_card_chargeCustomerFail``) passes. Without ``confirm`` the method is only
    recorded.
    """
    method = _method(call, choice)
    if not confirm:
        changes: Json = {"payment_method": method["id"], "status": "requires_confirmation"}
        call.change(intent, changes)
        return
    card = BY_NUMBER.get(method["_number"])
    if card is not None and card.authentication in {"always", "unless_set_up"} and not (
        authenticated or method["_set_up"]
    ):  # fmt: skip
        _challenge(call, intent, method)
        return
    if card is not None and card.decline is not None and card.number != LATE_DECLINE:
        raise _decline(call, intent, method, card.decline)
    method["_set_up"] = True
    call.put(method)
    succeeded: Json = {"last_setup_error": None, "next_action": None, "status": "succeeded"}
    call.change(intent, succeeded | {"payment_method": method["id"]})
    call.emit("setup_intent.succeeded", intent)
    if intent["customer"]:
        attach_to(call, method["id"], customer=intent["customer"])


def _method(call: Call, choice: str) -> Json:
    if choice in WELL_KNOWN:
        return call.put(new_method(call, WELL_KNOWN[choice]))
    if choice in bank_accounts.BY_IBAN:
        return call.put(new_debit_method(call, bank_accounts.BY_IBAN[choice]))
    return call.load("payment_method", choice, param="payment_method")


def _challenge(call: Call, intent: Json, method: Json) -> None:
    sdk = {"type": "three_d_secure_redirect", "source": method["id"]}
    changes: Json = {
        "next_action": {"type": "use_stripe_sdk", "use_stripe_sdk": sdk},
        "payment_method": method["id"],
        "status": "requires_action",
    }
    call.change(intent, changes)
    call.emit("setup_intent.requires_action", intent)


def _decline(call: Call, intent: Json, method: Json, decline: Decline) -> Declined:
    fault = Declined(
        decline.message, code=decline.code, extra={"decline_code": decline.decline_code}
    )
    error = fault.body(request_id="", livemode=call.account.livemode)["error"]
    del error["request_log_url"]
    changes: Json = {
        "last_setup_error": error | {"payment_method": view(call, method)},
        "next_action": None,
        "payment_method": None,
        "status": "requires_payment_method",
    }
    call.change(intent, changes)
    call.emit("setup_intent.setup_failed", intent)
    fault.extra["setup_intent"] = view(call, intent)
    fault.extra["payment_method"] = view(call, method)
    return fault
