"""A first payment's outcome → a job, and a row that stays open for each subscription that lives.

For providers that keep a sum and a mandate (Mollie).
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from domain.invoices import events as e
from domain.subscriptions import events as s
from domain.subscriptions.mandate_subscription import START_STEP
from projections.work.table import CloseJob, GiveUpJob, JobChange, OpenJob, ResendJob

BEGIN_SUBSCRIPTION: Final = "begin_subscription"
FORGO_SUBSCRIPTION: Final = "forgo_subscription"
WATCH_SUBSCRIPTION: Final = "watch_subscription"
ACTORS: Final = (BEGIN_SUBSCRIPTION, FORGO_SUBSCRIPTION, WATCH_SUBSCRIPTION)

TOPICS: Final = (
    e.SubscriptionDue.TOPIC,
    e.SubscriptionNotStarted.TOPIC,
    s.SubscriptionStarted.TOPIC,
    s.SubscriptionLinked.TOPIC,
    s.SubscriptionEndScheduled.TOPIC,
    s.SubscriptionCanceled.TOPIC,
)
_WATCHED: Final = frozenset({"mollie"})


def changes_for_first_payment(event: e.InvoiceEvent, *, queue: str) -> list[JobChange]:
    """Say what is to be done with the subscription that a payment was to begin."""
    match event:
        case e.SubscriptionDue() if event.our_subscription_id is not None:
            return [
                _open("begin", BEGIN_SUBSCRIPTION, event.our_subscription_id, event.app_id, queue)
            ]
        case e.SubscriptionNotStarted():
            return [
                _open("forgo", FORGO_SUBSCRIPTION, event.our_subscription_id, event.app_id, queue)
            ]
    return []


def changes_for_recurring(event: s.SubscriptionEvent, *, queue: str) -> list[JobChange]:
    """Say which of a subscription's own rows an event opens or closes."""
    stream = UUID(str(event.originator_id))
    match event:
        case s.SubscriptionStarted(provider=provider) if provider in _WATCHED:
            begun = event.provider_subscription_id != ""
            return [_watch(stream, event.app_id, queue)] if begun else []
        case s.SubscriptionLinked():
            return [CloseJob(f"begin:{stream}"), _watch(stream, event.app_id, queue)]
        case s.SubscriptionEndScheduled():
            return [_watch(stream, event.app_id, queue)]
        case s.SubscriptionCanceled():
            return [CloseJob(f"watch:{stream}")]
    return _changes_of_beginning(event, f"begin:{stream}")


def _changes_of_beginning(event: s.SubscriptionEvent, key: str) -> list[JobChange]:
    match event:
        case s.SubscriptionStepGaveUp(step=step) if step == START_STEP:
            return [GiveUpJob(key, reason=event.last_error)]
        case s.SubscriptionStepResent(step=step) if step == START_STEP:
            return [ResendJob(key)]
    return []


def _watch(stream: UUID, app_id: UUID, queue: str) -> OpenJob:
    return _open("watch", WATCH_SUBSCRIPTION, stream, app_id, queue)


def _open(kind: str, actor: str, stream: UUID, app_id: UUID, queue: str) -> OpenJob:
    return OpenJob(
        key=f"{kind}:{stream}",
        app=app_id,
        queue=queue,
        actor=actor,
        args={"subscription_id": str(stream)},
    )
