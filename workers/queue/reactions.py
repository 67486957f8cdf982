"""Event → job: what the log asks to be done, and what says that it is done."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from domain.core.aggregate import DomainEvent
from domain.inbox.payment_hint import PaymentHintEvent
from domain.inbox.provider_event import ProviderEventApplied, ProviderEventParked
from domain.invoices import events as e
from domain.invoices import refund_events as m
from domain.invoices.outcome import REFUND_TOPICS, REQUEST_TOPICS, ends_request
from domain.invoices.steps import REFUND_STEP, is_refund
from domain.payment_methods.events import MethodSetupEvent
from domain.subscriptions import events as s
from projections.work.provider_lookup import QUEUE as ASKS
from projections.work.table import CloseJob, GiveUpJob, JobChange, OpenJob, ResendJob
from workers.queue import (
    hint_reactions,
    payment_reactions,
    subscription_reactions,
    tenant_reactions,
)
from workers.queue.setup_reactions import SETUP_TOPICS, changes_for_setup

REQUESTS: Final = "requests"
EVENTS: Final = "events"
QUEUES: Final = (REQUESTS, EVENTS, ASKS)

_ASKS: Final = (
    e.RetryRequested,
    e.VoidRequested,
    e.FinalizeRequested,
    e.UncollectibleRequested,
)

TOPICS: Final = (
    e.InvoiceRequested.TOPIC,
    *(asked.TOPIC for asked in _ASKS),
    *REQUEST_TOPICS,
    m.RefundRequested.TOPIC,
    *REFUND_TOPICS,
    e.StepGaveUp.TOPIC,
    e.StepResent.TOPIC,
    s.SubscriptionCancelRequested.TOPIC,
    s.SubscriptionChangeRequested.TOPIC,
    s.SubscriptionRequestDone.TOPIC,
    s.SubscriptionRequestRefused.TOPIC,
    s.SubscriptionStepGaveUp.TOPIC,
    s.SubscriptionStepResent.TOPIC,
    *SETUP_TOPICS,
    ProviderEventParked.TOPIC,
    ProviderEventApplied.TOPIC,
    *tenant_reactions.TOPICS,
    *hint_reactions.TOPICS,
    *payment_reactions.TOPICS,
    *subscription_reactions.TOPICS,
)


def changes_for(event: DomainEvent) -> list[JobChange]:
    """Say which rows of the work table an event opens or closes."""
    match event:
        case e.InvoiceEvent():
            return _changes_of_invoice(event)
        case s.SubscriptionEvent():
            recurring = subscription_reactions.changes_for_recurring(event, queue=EVENTS)
            return recurring or _changes_of_subscription(event)
        case MethodSetupEvent():
            return changes_for_setup(event, queue=REQUESTS)
        case ProviderEventParked() | ProviderEventApplied():
            return [_change_of_entry(event)]
        case PaymentHintEvent():
            return hint_reactions.changes_for_hint(event, queue=EVENTS)
    return [*tenant_reactions.assignments_for(event, queue=EVENTS)]


def _changes_of_invoice(event: e.InvoiceEvent) -> list[JobChange]:
    match event:
        case e.InvoiceRequested():
            return [_settle(event, event.app_id)]
        case _ if isinstance(event, _ASKS):
            return [_settle(event, event.app_id)]
        case m.RefundRequested():
            return [_refund(event)]
        case e.StepGaveUp():
            return [GiveUpJob(_row_of(event), reason=event.last_error)]
        case e.StepResent():
            return [ResendJob(_row_of(event))]
    return _ends_of_invoice(event)


def _ends_of_invoice(event: e.InvoiceEvent) -> list[JobChange]:
    if isinstance(event, m.RefundPending | m.RefundSucceeded | m.RefundFailed):
        return [] if event.refund_id is None else [CloseJob(f"{REFUND_STEP}{event.refund_id}")]
    if isinstance(event, e.SubscriptionDue | e.SubscriptionNotStarted):
        return subscription_reactions.changes_for_first_payment(event, queue=EVENTS)
    following = payment_reactions.changes_for_payments(event, queue=EVENTS)
    return [CloseJob(_settling(event))] if ends_request(event) else following


def _settling(event: e.InvoiceEvent) -> str:
    return f"settle:{event.originator_id}"


def _row_of(event: e.StepGaveUp | e.StepResent) -> str:
    return event.step if is_refund(event.step) else _settling(event)


def _settle(event: e.InvoiceEvent, app_id: UUID | None) -> OpenJob:
    assert app_id is not None, "whoever asks says for which app"  # noqa: S101 - earlier events of this kind were never written
    return OpenJob(
        key=_settling(event),
        app=app_id,
        queue=REQUESTS,
        actor="settle_invoice",
        args={"invoice_id": str(event.originator_id)},
    )


def _refund(event: m.RefundRequested) -> OpenJob:
    assert event.app_id is not None, "whoever asks says for which app"  # noqa: S101 - as above
    return OpenJob(
        key=f"{REFUND_STEP}{event.refund_id}",
        app=event.app_id,
        queue=REQUESTS,
        actor="refund_invoice",
        args={"invoice_id": str(event.originator_id), "refund_id": str(event.refund_id)},
    )


def _changes_of_subscription(event: s.SubscriptionEvent) -> list[JobChange]:
    key = f"subscription:{event.originator_id}"
    match event:
        case s.SubscriptionCancelRequested() | s.SubscriptionChangeRequested():
            args = {"subscription_id": str(event.originator_id)}
            return [
                OpenJob(
                    key=key,
                    app=event.app_id,
                    queue=REQUESTS,
                    actor="change_subscription",
                    args=args,
                )
            ]
        case s.SubscriptionRequestDone() | s.SubscriptionRequestRefused():
            return [CloseJob(key)]
        case s.SubscriptionStepGaveUp():
            return [GiveUpJob(key, reason=event.last_error)]
        case s.SubscriptionStepResent():
            return [ResendJob(key)]
    return []


def _change_of_entry(event: ProviderEventParked | ProviderEventApplied) -> JobChange:
    key = f"provider_event:{event.originator_id}"
    if isinstance(event, ProviderEventApplied) or not event.retry:
        return CloseJob(key)
    return OpenJob(
        key=key,
        app=event.app_id,
        queue=EVENTS,
        actor="apply_by_asking",
        args={"provider_event_id": str(event.originator_id)},
    )
