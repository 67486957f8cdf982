"""Reactions to the events of subscriptions: starts, regular checks and requested changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from domain.core.aggregate import DomainEvent
from domain.invoices import events as e
from domain.subscriptions import events as s
from domain.subscriptions.mandate_subscription import START_STEP
from projections.work.table import CloseJob, GiveUpJob, JobChange, OpenJob, ResendJob
from workers.queue import jobs
from workers.queue.job_dependencies import uses_payments
from workers.queue.job_type import JobType

# Mandate subscriptions: started after the first payment, then checked for as long as they live.


def _start_subscription(event: e.SubscriptionDue) -> list[JobChange]:
    if event.our_subscription_id is None:
        return []
    return [_subscription_job(jobs.START_SUBSCRIPTION, event.our_subscription_id, event.app_id)]


def _mark_not_started(event: e.SubscriptionNotStarted) -> list[JobChange]:
    return [
        _subscription_job(
            jobs.MARK_SUBSCRIPTION_NOT_STARTED, event.our_subscription_id, event.app_id
        )
    ]


def _check_started(event: s.SubscriptionStarted) -> list[JobChange]:
    started = event.provider_subscription_id != ""
    return _check_subscription(event) if uses_payments(event.provider) and started else []


def _check_linked(event: s.SubscriptionLinked) -> list[JobChange]:
    return [CloseJob(_start_key(event)), *_check_subscription(event)]


def _check_subscription(
    event: s.SubscriptionStarted | s.SubscriptionLinked | s.SubscriptionEndScheduled,
) -> list[JobChange]:
    stream = UUID(str(event.originator_id))
    return [_subscription_job(jobs.CHECK_SUBSCRIPTION, stream, event.app_id)]


def _close_check(event: s.SubscriptionCanceled) -> list[JobChange]:
    return [CloseJob(f"{jobs.CHECK_SUBSCRIPTION.name}:{event.originator_id}")]


def _subscription_job(job_type: JobType[Any], stream: UUID, app_id: UUID) -> OpenJob:
    key, args = f"{job_type.name}:{stream}", {"subscription_id": str(stream)}
    return job_type.open(key=key, app_id=app_id, args=args)


def _start_key(event: s.SubscriptionEvent) -> str:
    return f"{jobs.START_SUBSCRIPTION.name}:{event.originator_id}"


# Subscriptions: one row from a requested change to its end.


def _open_change(
    event: s.SubscriptionCancelRequested | s.SubscriptionChangeRequested,
) -> list[JobChange]:
    args = {"subscription_id": str(event.originator_id)}
    key = _change_key(event)
    return [jobs.CHANGE_SUBSCRIPTION.open(key=key, app_id=event.app_id, args=args)]


def _close_change(
    event: s.SubscriptionRequestDone | s.SubscriptionRequestRefused,
) -> list[JobChange]:
    return [CloseJob(_change_key(event))]


def _stop_subscription(event: s.SubscriptionStepGaveUp) -> list[JobChange]:
    key = _start_key(event) if event.step == START_STEP else _change_key(event)
    return [GiveUpJob(key, reason=event.last_error)]


def _resend_subscription(event: s.SubscriptionStepResent) -> list[JobChange]:
    return [ResendJob(_start_key(event) if event.step == START_STEP else _change_key(event))]


def _change_key(event: s.SubscriptionEvent) -> str:
    return f"subscription:{event.originator_id}"


SUBSCRIPTION_REACTIONS: Final[dict[type[DomainEvent], Callable[[Any], list[JobChange]]]] = {
    e.SubscriptionDue: _start_subscription,
    e.SubscriptionNotStarted: _mark_not_started,
    s.SubscriptionStarted: _check_started,
    s.SubscriptionLinked: _check_linked,
    s.SubscriptionEndScheduled: _check_subscription,
    s.SubscriptionCanceled: _close_check,
    s.SubscriptionCancelRequested: _open_change,
    s.SubscriptionChangeRequested: _open_change,
    s.SubscriptionRequestDone: _close_change,
    s.SubscriptionRequestRefused: _close_change,
    s.SubscriptionStepGaveUp: _stop_subscription,
    s.SubscriptionStepResent: _resend_subscription,
}
