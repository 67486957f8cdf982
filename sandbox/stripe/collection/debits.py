"""SEPA direct debits, whose result arrives days later.

During a debit the invoice stays open, its payment intent is ``processing`` and its charge (a
``py_…``) ``pending``; no second attempt is possible. Three days later by the account's clock, or on
an admin action, the debit succeeds or fails. A failure counts as one attempt, and an advancing
invoice is retried on its schedule. The account number determines the result, as in Stripe's test
mode, where debits take only minutes.

Not verified: the codes of a failed debit at Stripe. Here the intent's ``last_payment_error`` has
``payment_intent_payment_attempt_failed`` with the bank's reason as ``decline_code``, and the charge
has that reason as its ``failure_code``.
"""

from __future__ import annotations

from typing import Literal

from sandbox.common.store import Json
from sandbox.stripe.collection.results import record_success, require_payment_method
from sandbox.stripe.core import agenda, ids
from sandbox.stripe.core.agenda import Due
from sandbox.stripe.core.agenda_runner import Actions
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import Declined, InvalidRequest
from sandbox.stripe.core.invoice_agenda import retry_at
from sandbox.stripe.disputes import disputes
from sandbox.stripe.disputes import outcomes as dispute_outcomes
from sandbox.stripe.payment_methods.bank_accounts import BY_IBAN, GENERIC
from sandbox.stripe.payment_methods.cards import Decline
from sandbox.stripe.payments.charges import new_charge
from sandbox.stripe.subscription_state import status as subscription_status

DAY_S = 86400
ANSWER_AFTER_S = 3 * DAY_S
DISPUTE_AFTER_S = 7 * DAY_S
CURRENCY = "eur"

SETTLE = "payment_intent.settle"
DISPUTE = "charge.dispute"

Ending = Literal["succeeded", "failed"]


def start(call: Call, invoice: Json, intent: Json, method: Json) -> None:
    """Starts a debit of an invoice; its result is scheduled on the agenda.

    Raises InvalidRequest for an invoice that is not in euro.
    """
    if invoice["currency"] != CURRENCY:
        raise InvalidRequest(
            "The currency provided is invalid. Payments with `sepa_debit` support the following"
            f" currencies: {CURRENCY}.",
            code="invalid_currency",
            param="currency",
        )
    charge = new_charge(call, intent, method, decline=None, authenticated=False)
    charge |= {"id": ids.fresh("py_"), "paid": False, "status": "pending"}
    call.create(charge, "charge.pending")
    call.change(
        intent,
        {
            "last_payment_error": None,
            "latest_charge": charge["id"],
            "next_action": None,
            "payment_method": method["id"],
            "payment_method_types": sorted({*intent["payment_method_types"], "sepa_debit"}),
            "status": "processing",
        },
    )
    call.emit("payment_intent.processing", intent)
    attempted: Json = {"attempt_count": invoice["attempt_count"] + 1, "attempted": True}
    call.change(invoice, attempted | {"next_payment_attempt": None}, "invoice.updated")
    agenda.plan(call, at=call.now + ANSWER_AFTER_S, kind=SETTLE, object_id=intent["id"])


def is_processing(call: Call, invoice: Json) -> bool:
    """Returns whether the invoice's payment is processing."""
    intent = call.find("payment_intent", invoice["_payment_intent"])
    return intent is not None and intent["status"] == "processing"


def finish(call: Call, invoice: Json, ending: Ending | None = None) -> None:
    """Finishes a debit now, with the test account's result or the given one."""
    intent = call.find("payment_intent", invoice["_payment_intent"])
    if intent is None or intent["status"] != "processing":
        raise InvalidRequest(
            "This invoice has no payment in progress.", code="payment_intent_unexpected_state"
        )
    agenda.cancel(call, object_id=intent["id"], kind=SETTLE)
    method = call.load("payment_method", intent["_method"])
    account = BY_IBAN[method["_number"]]
    decline = account.decline if ending is None else None
    if ending == "failed":
        decline = account.decline or GENERIC
    if decline is None:
        _succeed(call, invoice, intent, disputed=account.disputed)
    else:
        _fail(call, invoice, intent, method, decline)


def _succeed(call: Call, invoice: Json, intent: Json, *, disputed: bool) -> None:
    charge = call.load("charge", intent["latest_charge"])
    charge |= {"paid": True, "status": "succeeded"}
    record_success(call, invoice, intent, charge)
    if disputed:
        at = call.now + DISPUTE_AFTER_S
        agenda.plan(call, at=at, kind=DISPUTE, object_id=charge["id"])


def _fail(call: Call, invoice: Json, intent: Json, method: Json, decline: Decline) -> None:
    charge = call.load("charge", intent["latest_charge"])
    charge |= {
        "amount_captured": 0,
        "captured": False,
        "failure_code": decline.decline_code,
        "failure_message": decline.message,
        "status": "failed",
    }
    call.create(charge, "charge.failed")
    fault = Declined(
        decline.message,
        code=decline.code,
        extra={"charge": charge["id"], "decline_code": decline.decline_code},
    )
    require_payment_method(call, intent, method, fault)
    again = retry_at(call, invoice, attempts=invoice["attempt_count"])
    call.change(invoice, {"next_payment_attempt": again}, "invoice.updated")
    subscription_status.invoice_failed(call, invoice)
    call.emit("invoice.payment_failed", invoice)


def _settle_due(call: Call, due: Due) -> None:
    intent = call.find("payment_intent", due.object_id)
    if intent is not None and intent["status"] == "processing":
        finish(call, call.load("invoice", intent["_invoice"]))


def _dispute_due(call: Call, due: Due) -> None:
    charge = call.load("charge", due.object_id)
    left = charge["amount"] - charge["amount_refunded"]
    if left and not charge["disputed"]:
        dispute = disputes.new_dispute(
            call, charge, amount=left, reason="debit_not_authorized", status="needs_response"
        )
        dispute_outcomes.open_dispute(call, charge, dispute)


ACTIONS: Actions = {SETTLE: _settle_due, DISPUTE: _dispute_due}
