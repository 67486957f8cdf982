"""Outcomes of disputes: withdrawn and reinstated funds."""

from __future__ import annotations

from typing import Literal

from sandbox.common.store import Json
from sandbox.stripe.core import ledger
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import InvalidRequest
from sandbox.stripe.refunds import outcomes as refund_outcomes

# Statuses that wait for evidence, and the status after its submission.
WAITING = {
    "needs_response": "under_review",
    "warning_needs_response": "warning_under_review",
}
INQUIRY_STATUSES = frozenset({"warning_needs_response", "warning_under_review"})
FOUGHT = frozenset({"needs_response", "under_review"})


def open_dispute(call: Call, charge: Json, dispute: Json) -> Json:
    """Opens a dispute; withdraws the funds unless it is an inquiry."""
    call.create(dispute, "charge.dispute.created")
    call.change(charge, {"disputed": True})
    if dispute["status"] in FOUGHT:
        _withdraw(call, charge, dispute)
    return dispute


def escalate(call: Call, dispute: Json) -> Json:
    """Escalates an inquiry to a dispute and withdraws the funds."""
    _expect(dispute, INQUIRY_STATUSES, to="escalate")
    changes: Json = {"status": "needs_response", "is_charge_refundable": False}
    if "payment_method_details" in dispute:
        card = dispute["payment_method_details"]["card"] | {"case_type": "chargeback"}
        changes["payment_method_details"] = {"card": card, "type": "card"}
    call.change(dispute, changes, "charge.dispute.updated")
    _withdraw(call, call.load("charge", dispute["charge"]), dispute)
    return dispute


def win(call: Call, dispute: Json) -> Json:
    """Closes a dispute as won and reinstates the funds."""
    _expect(dispute, FOUGHT, to="be won")
    charge = call.load("charge", dispute["charge"])
    _book(call, charge, dispute, "dispute_reversal")
    call.change(dispute, {"status": "won"})
    call.emit("charge.dispute.funds_reinstated", dispute)
    call.emit("charge.dispute.closed", dispute)
    call.change(charge, {"_charged_back": _another_fights(call, charge)})
    return dispute


def lose(call: Call, dispute: Json) -> Json:
    """Closes a dispute as lost."""
    _expect(dispute, FOUGHT, to="be lost")
    return _close(call, dispute, "lost")


def close_warning(call: Call, dispute: Json) -> Json:
    """Closes an inquiry; no funds were withdrawn."""
    _expect(dispute, INQUIRY_STATUSES, to="be closed as a warning")
    return _close(call, dispute, "warning_closed")


def _close(call: Call, dispute: Json, status: str) -> Json:
    call.change(dispute, {"status": status})
    call.emit("charge.dispute.closed", dispute)
    return dispute


def _expect(dispute: Json, statuses: frozenset[str], *, to: str) -> None:
    if dispute["status"] not in statuses:
        raise InvalidRequest(
            f"Dispute {dispute['id']} cannot {to}: it has a status of {dispute['status']}."
        )


def _withdraw(call: Call, charge: Json, dispute: Json) -> None:
    call.change(charge, {"_charged_back": True})
    _book(call, charge, dispute, "dispute")
    call.emit("charge.dispute.funds_withdrawn", dispute)
    for refund in call.all("refund", owner=charge["id"]):
        if refund["status"] == "pending":
            refund_outcomes.fail(call, refund, reason="charge_for_pending_refund_disputed")


def _book(
    call: Call, charge: Json, dispute: Json, movement: Literal["dispute", "dispute_reversal"]
) -> None:
    amount = dispute["amount"]
    entry = ledger.write(
        call, movement, charge, amount=amount, invoice=charge["_invoice"], source=dispute["id"]
    )
    call.change(dispute, {"balance_transactions": [*dispute["balance_transactions"], entry]})


def _another_fights(call: Call, charge: Json) -> bool:
    disputes = call.all("dispute", owner=charge["id"])
    return any(dispute["status"] in FOUGHT | {"lost"} for dispute in disputes)
