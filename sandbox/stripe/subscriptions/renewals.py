"""Scheduled actions of subscriptions: notices, renewal, cancellation, expiry.

A renewal drafts an invoice for the new period at the end of the old one; an hour later the draft is
finalised and charged like any advancing invoice.
"""

from __future__ import annotations

from sandbox.common.store import Json
from sandbox.stripe.core.agenda import Due
from sandbox.stripe.core.agenda_runner import Actions
from sandbox.stripe.core.call import Call
from sandbox.stripe.invoices.lifecycle import (
    finalize_invoice,
    mark_invoice_uncollectible,
    void_invoice,
)
from sandbox.stripe.subscription_state import status as subscription_status
from sandbox.stripe.subscription_state.changes import ENDED, RENEWING, changing, items_of, store
from sandbox.stripe.subscription_state.timetable import (
    CANCEL,
    EXPIRE,
    RENEW,
    RESUME_COLLECTION,
    TRIAL_WILL_END,
    UPCOMING,
)
from sandbox.stripe.subscriptions import phases
from sandbox.stripe.subscriptions.billing import Bill, collect, draft, payable, waiting
from sandbox.stripe.subscriptions.item_changes import change_items
from sandbox.stripe.subscriptions.periods import next_period, present_period, start_trial
from sandbox.stripe.subscriptions.previews import preview_renewal


def renew(call: Call, due: Due) -> None:
    """Ends a period: the subscription ends, pauses without a payment method, or renews."""
    subscription = call.load("subscription", due.object_id)
    if subscription["status"] not in RENEWING:
        return
    schedule = phases.ending(call, subscription)
    phase = phases.next_phase(call, schedule) if schedule else None
    leaves = subscription["cancel_at"] is not None and subscription["cancel_at"] <= call.now
    if schedule is not None and phase is None and schedule["end_behavior"] == "cancel":
        phases.complete(call, schedule)
        leaves = True
    if leaves:
        finish(call, subscription)
    elif subscription["status"] != "trialing" or _may_leave_trial(call, subscription):
        _go_on(call, subscription, schedule, phase)


def _go_on(call: Call, subscription: Json, schedule: Json | None, phase: Json | None) -> None:
    with changing(call, subscription):
        if subscription["status"] == "trialing":
            subscription["status"] = "active"
        began, anew = present_period(call, subscription)[0], False
        if schedule is not None and phase is not None:
            wanted = phases.enter(call, subscription, schedule, phase)
            anew = change_items(call, subscription, wanted, prorates=False, at=call.now)
        elif schedule is not None:
            phases.release(call, subscription, schedule)
        if phase is not None and (phase["trial_end"] or 0) > call.now:
            start_trial(call, subscription, phase["trial_end"])
        elif not anew:
            next_period(call, subscription)
        pause = subscription["pause_collection"]
        advances = subscription["status"] != "unpaid" and pause is None
        trial = subscription["status"] == "trialing"
        items = items_of(call, subscription)
        bill = Bill("subscription_cycle", items, began=began, trial=trial)
        invoice = draft(call, subscription, bill, advances=advances)
    if pause is not None and pause["behavior"] != "keep_as_draft":
        finalize_invoice(call, invoice, auto_advance=False)
        if invoice["status"] == "open":
            (void_invoice if pause["behavior"] == "void" else mark_invoice_uncollectible)(
                call, invoice
            )


def _may_leave_trial(call: Call, subscription: Json) -> bool:
    """Applies the trial's end behavior if there is no payment method."""
    missing = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    charged = subscription["collection_method"] == "charge_automatically"
    if missing == "create_invoice" or not charged or payable(call, subscription):
        return True
    if missing == "cancel":
        subscription_status.end_subscription(call, subscription, reason="payment_failed")
        return False
    with changing(call, subscription, "customer.subscription.paused"):
        subscription |= paused_because("trial_end_without_payment_method", call.now)
    return False


def paused_because(why: str, now: int) -> Json:
    """Returns the fields of a paused subscription."""
    paused = {"subscription": {"type": why}, "transitioned_at": now, "type": "subscription"}
    return {"status": "paused", "status_details": {"paused": paused}}


def finish(call: Call, subscription: Json) -> None:
    """Ends a subscription as requested, and bills its pending items."""
    if waiting(call, subscription, others=False) and subscription["status"] in RENEWING:
        invoice = draft(call, subscription, Bill("subscription_cycle", pending=False))
        store(call, subscription)
        collect(call, invoice, behavior="allow_incomplete", off_session=True)
        subscription = call.load("subscription", subscription["id"])
    if subscription["status"] not in ENDED:
        subscription_status.end_subscription(call, subscription, reason="cancellation_requested")


def tell_upcoming(call: Call, due: Due) -> None:
    """Emits ``invoice.upcoming`` with a preview of the renewal's invoice."""
    subscription = call.load("subscription", due.object_id)
    call.emit("invoice.upcoming", preview_renewal(call, subscription))
    subscription["_upcoming_sent_for"] = present_period(call, subscription)[1]
    store(call, subscription)


def tell_trial_end(call: Call, due: Due) -> None:
    """Emits ``customer.subscription.trial_will_end``, three days ahead or at once."""
    subscription = call.load("subscription", due.object_id)
    call.emit("customer.subscription.trial_will_end", subscription)
    subscription["_trial_end_sent_for"] = subscription["trial_end"]
    store(call, subscription)


def expire(call: Call, due: Due) -> None:
    """Expires a subscription whose first invoice was not paid in time."""
    subscription = call.load("subscription", due.object_id)
    if subscription["status"] == "incomplete":
        void_invoice(call, call.load("invoice", subscription["latest_invoice"]))


def cancel(call: Call, due: Due) -> None:
    """Ends a subscription at its ``cancel_at``."""
    subscription = call.load("subscription", due.object_id)
    if subscription["status"] not in ENDED:
        finish(call, subscription)


def resume_collection(call: Call, due: Due) -> None:
    """Resumes collection at its ``resumes_at``."""
    subscription = call.load("subscription", due.object_id)
    with changing(call, subscription):
        subscription["pause_collection"] = None


ACTIONS: Actions = {
    RENEW: renew,
    UPCOMING: tell_upcoming,
    TRIAL_WILL_END: tell_trial_end,
    EXPIRE: expire,
    CANCEL: cancel,
    RESUME_COLLECTION: resume_collection,
}
