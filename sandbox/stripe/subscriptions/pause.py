"""Pause and resume subscriptions; a paused one has neither periods nor invoices.

A resumption that is not free creates an invoice at once. The subscription stays paused until it is
paid (or, by ``resume_on_payment_attempt``, until a payment is attempted). An invoice without an
attempt is voided after 23 hours, and the subscription stays paused.
"""

from __future__ import annotations

from sandbox.common.store import Json
from sandbox.stripe.catalogue.recurrence import period_at
from sandbox.stripe.core.agenda import Due
from sandbox.stripe.core.agenda_runner import Actions
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import InvalidRequest
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.views import view
from sandbox.stripe.invoices.lifecycle import finalize_invoice, void_invoice
from sandbox.stripe.subscription_state import status as subscription_status
from sandbox.stripe.subscription_state.changes import changing, items_of
from sandbox.stripe.subscription_state.timetable import EXPIRES_AFTER_S, RESUMPTION_ENDS
from sandbox.stripe.subscriptions.billing import Bill, collect, draft, waiting
from sandbox.stripe.subscriptions.lines import charge_rest, credit_unused, net_prices
from sandbox.stripe.subscriptions.pause_params import PauseSubscription, ResumeSubscription
from sandbox.stripe.subscriptions.periods import present_period, restart, set_period
from sandbox.stripe.subscriptions.renewals import paused_because


def pause(call: Call, params: PauseSubscription) -> Json:
    """Pauses a subscription; credits unused time unless the request declines it."""
    subscription = call.load("subscription", call.path["subscription"])
    _check(subscription)
    start = present_period(call, subscription)[0]
    bill_for = params.bill_for
    unused = bill_for.unused_time_from if bill_for else None
    since = {"now": call.now, "item_current_period_start": start, "none": None}
    at = since[unused.type if unused else "now"]
    with changing(call, subscription, "customer.subscription.paused"):
        if at is not None:
            for item in items_of(call, subscription):
                credit_unused(call, subscription["customer"], item, at=at)
        invoice = None
        if params.invoicing_behavior == "invoice" and waiting(call, subscription, others=False):
            invoice = draft(call, subscription, Bill("subscription_update", pending=False))
        subscription |= paused_because("pause_requested", call.now)
    if invoice is not None:
        collect(call, invoice, behavior="allow_incomplete", off_session=True)
    return view(call, call.load("subscription", subscription["id"]))


def _check(subscription: Json) -> None:
    if subscription["status"] not in {"active", "past_due"}:
        raise InvalidRequest(
            f"A subscription with a status of {subscription['status']} can't be paused."
        )
    if subscription["schedule"] is not None:
        raise InvalidRequest("Subscriptions with an attached schedule can't be paused.")
    if subscription["collection_method"] != "charge_automatically":
        raise InvalidRequest("Only subscriptions that are charged automatically can be paused.")
    if subscription["billing_mode"]["type"] != "flexible":
        raise InvalidRequest("Only subscriptions with flexible billing mode can be paused.")


def resume(call: Call, params: ResumeSubscription) -> Json:
    """Resumes a paused subscription, at once or when its resumption invoice is paid."""
    subscription = call.load("subscription", call.path["subscription"])
    if subscription["status"] != "paused":
        raise InvalidRequest(
            f"A subscription with a status of {subscription['status']} can't be resumed."
        )
    by_attempt = params.payment_behavior == "resume_on_payment_attempt"
    with changing(call, subscription):
        invoice = _draft(call, subscription, params)
        if invoice is not None:
            ends = call.now + EXPIRES_AFTER_S
            wait = {"invoice": invoice["id"], "by_attempt": by_attempt, "ends": ends}
            subscription["_resumption"] = wait
    if invoice is None:
        subscription_status.resume(call, subscription, status="active")
    elif by_attempt:
        finalize_invoice(call, invoice, auto_advance=False)
    else:
        collect(call, invoice, behavior="allow_incomplete", off_session=True)
    return view(call, call.load("subscription", subscription["id"]))


def _draft(call: Call, subscription: Json, params: ResumeSubscription) -> Json | None:
    """Sets the period after a resumption; drafts its invoice, if anything is due."""
    began = present_period(call, subscription)[0]
    anchor = params.billing_cycle_anchor
    if anchor is None or anchor.type == "now":
        restart(call, subscription)
        bill = Bill("subscription_update", items_of(call, subscription), began=began)
        return draft(call, subscription, bill)
    recurring = items_of(call, subscription)[0]["price"]["recurring"]
    set_period(
        call, subscription, *period_at(subscription["billing_cycle_anchor"], recurring, call.now)
    )
    if params.proration_behavior != "none":
        _charge_rest(call, subscription, at=params.proration_date or call.now)
    if params.proration_behavior == "always_invoice" and waiting(call, subscription, others=False):
        bill = Bill("subscription_update", began=began, pending=False)
        return draft(call, subscription, bill)
    return None


def _charge_rest(call: Call, subscription: Json, *, at: int) -> None:
    customer, net = subscription["customer"], net_prices(call, subscription)
    for item in items_of(call, subscription):
        charge_rest(call, customer, item, at=at, net_price=net[item["id"]])


def end_resumption(call: Call, due: Due) -> None:
    """Voids an unattempted resumption invoice; the subscription stays paused."""
    subscription = call.load("subscription", due.object_id)
    resumption = subscription["_resumption"]
    if resumption is None:
        return
    invoice = call.load("invoice", resumption["invoice"])
    if invoice["status"] == "open" and not invoice["attempt_count"]:
        void_invoice(call, invoice)


_ONE = "/v1/subscriptions/{subscription}"

OPERATIONS: list[Operation] = [
    operation("POST", f"{_ONE}/pause", "subscription", PauseSubscription, pause),
    operation("POST", f"{_ONE}/resume", "subscription", ResumeSubscription, resume),
]

ACTIONS: Actions = {RESUMPTION_ENDS: end_resumption}
