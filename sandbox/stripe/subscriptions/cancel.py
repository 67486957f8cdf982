"""Cancel a subscription immediately."""

from __future__ import annotations

from sandbox.common.store import Json
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import no_such
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.views import view
from sandbox.stripe.invoices.lifecycle import void_invoice
from sandbox.stripe.subscription_state import status as subscription_status
from sandbox.stripe.subscription_state.changes import ENDED, items_of, store
from sandbox.stripe.subscriptions.billing import Bill, collect, draft, waiting
from sandbox.stripe.subscriptions.fields import apply_reasons
from sandbox.stripe.subscriptions.item_changes import PRORATED
from sandbox.stripe.subscriptions.lines import credit_unused
from sandbox.stripe.subscriptions.params import CancelSubscription


def cancel(call: Call, params: CancelSubscription) -> Json:
    """Cancels a subscription immediately."""
    subscription = call.load("subscription", call.path["subscription"])
    if subscription["status"] in ENDED:
        raise no_such("subscription", subscription["id"])
    apply_reasons(subscription, params.cancellation_details)
    return view(
        call,
        cancel_subscription(
            call, subscription, prorate=params.prorate, invoice_now=params.invoice_now
        ),
    )


def cancel_subscription(
    call: Call, subscription: Json, *, prorate: bool, invoice_now: bool
) -> Json:
    """Ends a subscription; optionally credits unused time and bills pending items.

    A subscription whose first invoice was never paid expires, and that invoice is voided.
    """
    if subscription["status"] == "incomplete":
        invoice = call.load("invoice", subscription["latest_invoice"])
        reason, status = "cancellation_requested", "incomplete_expired"
        subscription_status.end_subscription(call, subscription, reason=reason, status=status)
        if invoice["status"] in {"open", "uncollectible"}:
            void_invoice(call, call.load("invoice", invoice["id"]))
        return subscription
    if prorate and subscription["status"] in PRORATED:
        for item in items_of(call, subscription):
            credit_unused(call, subscription["customer"], item, at=call.now)
    rest = waiting(call, subscription, others=False)
    if invoice_now and rest:
        invoice = draft(call, subscription, Bill("subscription_update", pending=False))
        store(call, subscription)
        collect(call, invoice, behavior="allow_incomplete", off_session=True)
    elif not (prorate or invoice_now):
        _forget(call, rest)
    subscription_status.end_subscription(call, subscription, reason="cancellation_requested")
    return subscription


def _forget(call: Call, items: list[Json]) -> None:
    """Deletes pending prorations that will not be billed."""
    for item in items:
        if item["proration"]:
            call.emit("invoiceitem.deleted", item)
            call.drop(item)


OPERATIONS: list[Operation] = [
    operation(
        "DELETE", "/v1/subscriptions/{subscription}", "subscription", CancelSubscription, cancel
    ),
]
