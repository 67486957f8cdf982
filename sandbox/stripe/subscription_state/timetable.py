"""Agenda entries of subscriptions, derived from their fields.

``invoice.upcoming`` is sent three days before a period ends, unless the period is shorter;
``customer.subscription.trial_will_end`` three days before a trial ends, or at once. A first
invoice, and a resumption invoice, can be paid for 23 hours.
"""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.common.store import Json
from sandbox.stripe.core import agenda
from sandbox.stripe.core.call import Call

RENEW = "subscription.renew"
UPCOMING = "subscription.upcoming"
TRIAL_WILL_END = "subscription.trial_will_end"
EXPIRE = "subscription.expire"
CANCEL = "subscription.cancel"
RESUME_COLLECTION = "subscription.resume_collection"
RESUMPTION_ENDS = "subscription.resumption_ends"

KINDS = (RENEW, UPCOMING, TRIAL_WILL_END, EXPIRE, CANCEL, RESUME_COLLECTION, RESUMPTION_ENDS)

NOTICE_S = 3 * 86400
EXPIRES_AFTER_S = 23 * 3600


def update_agenda(call: Call, subscription: Json, items: Sequence[Json]) -> None:
    """Updates the agenda entries of a subscription."""
    times = _times(subscription, items)
    for kind in KINDS:
        at = times.get(kind)
        if at is None:
            agenda.cancel(call, object_id=subscription["id"], kind=kind)
        else:
            agenda.plan(call, at=at, kind=kind, object_id=subscription["id"])


def _times(subscription: Json, items: Sequence[Json]) -> dict[str, int | None]:
    status = subscription["status"]
    if status == "incomplete":
        return {EXPIRE: subscription["created"] + EXPIRES_AFTER_S}
    if status in {"canceled", "incomplete_expired"} or not items:
        return {}
    times: dict[str, int | None] = {CANCEL: subscription["cancel_at"]}
    if status != "paused":
        times |= _of_period(subscription, items[0])
    resumption = subscription["_resumption"]
    if resumption is not None:
        times[RESUMPTION_ENDS] = resumption["ends"]
    pause = subscription["pause_collection"]
    if pause is not None:
        times[RESUME_COLLECTION] = pause["resumes_at"]
    return times


def _of_period(subscription: Json, item: Json) -> dict[str, int | None]:
    start, end = item["current_period_start"], item["current_period_end"]
    times: dict[str, int | None] = {RENEW: end}
    ends = subscription["cancel_at"] is not None and subscription["cancel_at"] <= end
    notified = subscription["_upcoming_sent_for"] == end
    if not (ends or notified) and end - start > NOTICE_S:
        times[UPCOMING] = end - NOTICE_S
    if subscription["status"] == "trialing" and subscription["_trial_end_sent_for"] != end:
        times[TRIAL_WILL_END] = subscription["trial_end"] - NOTICE_S
    return times
