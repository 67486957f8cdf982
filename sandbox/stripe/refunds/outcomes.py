"""Outcomes of refunds: succeeded, failed, action required, canceled.

A succeeded refund can still fail days later, when the bank returns the money.
"""

from __future__ import annotations

from sandbox.common.store import Json
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import InvalidRequest
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.params import NoParams
from sandbox.stripe.core.views import view
from sandbox.stripe.refunds.refunds import reverse_refund

DAY_S = 86400


def succeed(call: Call, refund: Json) -> Json:
    """Marks a pending refund as succeeded."""
    _expect(refund, "pending", "requires_action", to="succeed")
    changes: Json = {"status": "succeeded"}
    if "destination_details" in refund:
        card = {"reference_status": "available", "reference": "24000000000000000000000"}
        card["reference_type"] = "acquirer_reference_number"
        changes["destination_details"] = {"card": card | {"type": "refund"}, "type": "card"}
    return _tell(call, refund, changes)


def fail(call: Call, refund: Json, *, reason: str = "unknown") -> Json:
    """Marks a refund as failed and returns its amount to the account."""
    _expect(refund, "pending", "requires_action", "succeeded", to="fail")
    reverse_refund(call, refund)
    changes: Json = {"status": "failed", "failure_reason": reason}
    _tell(call, refund, changes | {"failure_balance_transaction": None})
    call.emit("refund.failed", refund)
    return refund


def require_action(call: Call, refund: Json) -> Json:
    """Marks a pending refund as requiring bank details from its customer, asked by e-mail."""
    _expect(refund, "pending", to="require action")
    customer = call.find("customer", call.load("charge", refund["charge"])["customer"]) or {}
    mail = {"email_sent_at": call.now, "email_sent_to": customer.get("email") or "a@example.org"}
    details = {"email_sent": mail, "expires_at": call.now + 45 * DAY_S}
    wanted = {"type": "display_details", "display_details": details}
    return _tell(call, refund, {"status": "requires_action", "next_action": wanted})


def cancel_refund(call: Call, refund: Json) -> Json:
    """Cancels a refund that was not sent and returns its amount to the account."""
    _expect(refund, "pending", "requires_action", to="be canceled")
    reverse_refund(call, refund)
    return _tell(call, refund, {"status": "canceled"})


def _expect(refund: Json, *statuses: str, to: str) -> None:
    if refund["status"] not in statuses:
        raise InvalidRequest(
            f"Refund {refund['id']} cannot {to}: it has a status of {refund['status']}."
        )


def _tell(call: Call, refund: Json, changes: Json) -> Json:
    # Present only while the refund is pending or requires action.
    for name in ("pending_reason", "next_action"):
        refund.pop(name, None)
    call.change(refund, changes, "refund.updated")
    call.emit("charge.refund.updated", refund)
    return refund


def cancel(call: Call, _: NoParams) -> Json:
    """Cancels a refund in ``requires_action``; the API cancels no other refunds."""
    refund = call.load("refund", call.path["refund"])
    _expect(refund, "requires_action", to="be canceled")
    return view(call, cancel_refund(call, refund))


OPERATIONS: list[Operation] = [
    operation("POST", "/v1/refunds/{refund}/cancel", "refund", NoParams, cancel),
]
