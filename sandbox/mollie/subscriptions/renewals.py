"""Renewals: the scheduled payments of subscriptions."""

from __future__ import annotations

from sandbox.common.store import Json
from sandbox.mollie.core.call import Call
from sandbox.mollie.payments import mandate_payments, payments
from sandbox.mollie.subscription_state import status as subscription_status

TEST_MODE_PAYMENTS = 10


def charge(call: Call, subscription_id: str) -> None:
    """Creates the due payment and schedules the next one."""
    subscription = call.load("subscription", subscription_id)
    mandate = call.find("mandate", subscription["mandateId"])
    if subscription["status"] != "active":
        return
    if mandate is None or mandate["status"] == "invalid":
        subscription_status.suspend(call, subscription)
        return
    made = subscription["_made"] + 1
    call.change(subscription, _made=made, _count=subscription["_count"] + 1)
    times_ = subscription["times"]
    if times_ is not None:
        call.change(subscription, timesRemaining=times_ - made)
    if times_ is not None and made >= times_:
        subscription_status.end(call, subscription, "completed")
    elif made >= TEST_MODE_PAYMENTS and call.settings.stop_after_ten and not call.account.livemode:
        subscription_status.end(call, subscription, "canceled")
    else:
        subscription_status.schedule(call, subscription)
    said = {
        "description": subscription["description"],
        "amount": subscription["amount"],
        "sequenceType": "recurring",
        "metadata": subscription["metadata"] if call.settings.copy_metadata else None,
        "customerId": subscription["customerId"],
        "mandateId": mandate["id"],
        "subscriptionId": subscription["id"],
    }
    mandate_payments.start(
        call, payments.start(call, said | _hook(subscription), method=mandate["method"])
    )


def _hook(subscription: Json) -> Json:
    url = subscription.get("webhookUrl")
    return {"webhookUrl": url} if url else {}
