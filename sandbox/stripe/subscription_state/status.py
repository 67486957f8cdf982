"""Status of a subscription, as a consequence of its invoices.

Called for every invoice that is paid, fails, or becomes void or uncollectible; invoices without a
subscription are ignored. Only the latest invoice matters: once it is paid (or no longer collected)
the subscription is active again.
"""

from __future__ import annotations

from sandbox.common.store import Json
from sandbox.stripe.core.call import Call
from sandbox.stripe.subscription_state.changes import ENDED, changing, store

BEHIND = frozenset({"past_due", "unpaid"})


def of_invoice(call: Call, invoice: Json) -> Json | None:
    """Returns the invoice's subscription, or None if there is none or it has ended."""
    parent = invoice["parent"]
    if parent is None or parent["subscription_details"] is None:
        return None
    found = call.find("subscription", parent["subscription_details"]["subscription"])
    return None if found is None or found["status"] in ENDED else found


def invoice_paid(call: Call, invoice: Json) -> None:
    """Activates the subscription of a paid invoice, and saves the payment method if configured."""
    subscription = of_invoice(call, invoice)
    if subscription is None:
        return
    if is_resumption(subscription, invoice):
        resume(call, subscription, status="active")
    latest = subscription["latest_invoice"] == invoice["id"]
    with changing(call, subscription):
        if latest and subscription["status"] in BEHIND | {"incomplete"}:
            subscription["status"] = "active"
        if subscription["payment_settings"]["save_default_payment_method"] == "on_subscription":
            intent = call.find("payment_intent", invoice["_payment_intent"])
            if intent is not None and intent["payment_method"]:
                subscription["default_payment_method"] = intent["payment_method"]


def is_resumption(subscription: Json, invoice: Json) -> bool:
    """Returns whether the resumption of a paused subscription depends on this invoice."""
    resumption = subscription["_resumption"]
    return resumption is not None and resumption["invoice"] == invoice["id"]


def resume(call: Call, subscription: Json, *, status: str) -> None:
    """Resumes a paused subscription."""
    with changing(call, subscription, "customer.subscription.resumed"):
        subscription |= {"status": status, "status_details": None, "_resumption": None}


def debit_started(call: Call, invoice: Json) -> None:
    """Activates an incomplete subscription whose first debit is processing."""
    subscription = of_invoice(call, invoice)
    if subscription is not None and subscription["status"] == "incomplete":
        with changing(call, subscription):
            subscription["status"] = "active"


def invoice_failed(call: Call, invoice: Json) -> None:
    """Marks a subscription past due; after the last attempt the account's setting applies."""
    subscription = of_invoice(call, invoice)
    if subscription is None:
        return
    if is_resumption(subscription, invoice):
        if subscription["_resumption"]["by_attempt"]:
            resume(call, subscription, status="past_due")
        return
    if subscription["status"] not in {"active", "past_due"}:
        return
    last = invoice["auto_advance"] and invoice["next_payment_attempt"] is None
    outcome = call.account.state.billing.after_retries if last else "past_due"
    if outcome == "cancel":
        end_subscription(call, subscription, reason="payment_failed")
        return
    with changing(call, subscription):
        subscription["status"] = outcome


def invoice_closed(call: Call, invoice: Json) -> None:
    """Updates the subscription of an invoice that became void or uncollectible."""
    subscription = of_invoice(call, invoice)
    if subscription is None or subscription["latest_invoice"] != invoice["id"]:
        return
    void = invoice["status"] == "void"
    if is_resumption(subscription, invoice) and not void:
        resume(call, subscription, status="active")
        return
    with changing(call, subscription):
        subscription["_resumption"] = None
        if subscription["status"] in BEHIND:
            subscription["status"] = "active"
        elif subscription["status"] == "incomplete" and void:
            subscription |= {"status": "incomplete_expired", "ended_at": call.now}


def end_subscription(
    call: Call,
    subscription: Json,
    *,
    reason: str,
    status: str = "canceled",
) -> None:
    """Ends a subscription now, emits its event, and stops collecting its open invoices."""
    details = subscription["cancellation_details"]
    subscription |= {
        "cancel_at_period_end": False,
        "canceled_at": subscription["canceled_at"] or call.now,
        "cancellation_details": details | {"reason": details["reason"] or reason},
        "ended_at": call.now,
        "pause_collection": None,
        "status": status,
        "status_details": None,
    }
    _close_schedule(call, subscription)
    store(call, subscription)
    call.emit("customer.subscription.deleted", subscription)
    _stop_collecting(call, subscription)


def _close_schedule(call: Call, subscription: Json) -> None:
    schedule = call.find("subscription_schedule", subscription["schedule"])
    if schedule is not None and schedule["status"] == "active":
        changes: Json = {"status": "canceled", "canceled_at": call.now, "current_phase": None}
        call.change(schedule, changes, "subscription_schedule.canceled")


def _stop_collecting(call: Call, subscription: Json) -> None:
    for invoice in call.all("invoice", owner=subscription["customer"]):
        parent = invoice["parent"] or {}
        details = parent.get("subscription_details") or {}
        waits = invoice["status"] in {"draft", "open"}
        if waits and details.get("subscription") == subscription["id"]:
            stopped: Json = {"auto_advance": False, "next_payment_attempt": None}
            if invoice["status"] == "draft":
                stopped["automatically_finalizes_at"] = None
            call.change(invoice, stopped, "invoice.updated")
