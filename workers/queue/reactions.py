"""Reactions: which event opens, closes or stops which row of the work table.

`REACTIONS` is the whole table. The relay follows the topics in it and calls one function per event.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from domain.core.aggregate import DomainEvent
from domain.inbox import payment_hint as h
from domain.inbox.provider_event import ProviderEventApplied, ProviderEventParked
from domain.invoices import events as e
from domain.invoices import refund_events as m
from domain.invoices.outcome import ends_request
from domain.invoices.steps import REFUND_STEP, is_refund
from domain.payment_methods import events as p
from domain.payment_methods.setup import OPENING
from domain.subscriptions import events as s
from domain.subscriptions.mandate_subscription import START_STEP
from domain.tenants.tenant import ProviderCustomerLinked, TenantChanged, TenantCreated
from projections.work.table import CloseJob, GiveUpJob, JobChange, OpenJob, ResendJob
from workers.queue import jobs
from workers.queue.job_dependencies import uses_payments

Changes = list[JobChange]

# Invoices: one row from each request to its outcome.

InvoiceRequest = (
    e.InvoiceRequested
    | e.RetryRequested
    | e.VoidRequested
    | e.FinalizeRequested
    | e.UncollectibleRequested
)


def _open_invoice(event: InvoiceRequest) -> Changes:
    return [
        jobs.CHARGE_INVOICE.open(
            key=_invoice_key(event),
            app_id=_app_of(event),
            args={"invoice_id": str(event.originator_id)},
            connection=event.connection if isinstance(event, e.InvoiceRequested) else None,
        )
    ]


def _close_invoice(event: e.InvoiceEvent) -> Changes:
    return [CloseJob(_invoice_key(event))] if ends_request(event) else []


def _stop_invoice(event: e.StepGaveUp) -> Changes:
    return [GiveUpJob(_step_key(event), reason=event.last_error)]


def _resend_invoice(event: e.StepResent) -> Changes:
    return [ResendJob(_step_key(event))]


def _open_refund(event: m.RefundRequested) -> Changes:
    args = {"invoice_id": str(event.originator_id), "refund_id": str(event.refund_id)}
    key = f"{REFUND_STEP}{event.refund_id}"
    return [jobs.REFUND_INVOICE.open(key=key, app_id=_app_of(event), args=args)]


def _close_refund(event: m.RefundPending | m.RefundSucceeded | m.RefundFailed) -> Changes:
    return [] if event.refund_id is None else [CloseJob(f"{REFUND_STEP}{event.refund_id}")]


def _invoice_key(event: e.InvoiceEvent) -> str:
    return f"invoice:{event.originator_id}"


def _step_key(event: e.StepGaveUp | e.StepResent) -> str:
    return event.step if is_refund(event.step) else _invoice_key(event)


def _app_of(event: InvoiceRequest | m.RefundRequested) -> UUID:
    assert event.app_id is not None, "a request carries its app"  # noqa: S101 - STYLE: assert what must hold
    return event.app_id


# Invoices with several payments: once one is paid, the others are canceled or refunded.


def _cancel_other_payments(event: e.PaymentsLeftOver) -> Changes:
    invoice_id = str(event.originator_id)
    return [
        jobs.CANCEL_OTHER_PAYMENTS.open(
            key=f"cancel_other_payments:{invoice_id}",
            app_id=event.app_id,
            args={"invoice_id": invoice_id},
        )
    ]


def _refund_overpayment(event: e.UnexpectedPayment) -> Changes:
    if event.object_type != "payment" or event.app_id is None:
        return []
    invoice_id, payment_id = str(event.originator_id), event.provider_object_id
    return [
        jobs.REFUND_OVERPAYMENT.open(
            key=f"refund_overpayment:{invoice_id}:{payment_id}",
            app_id=event.app_id,
            args={"invoice_id": invoice_id, "payment_id": payment_id},
        )
    ]


# Mandate subscriptions: started after the first payment, then checked for as long as they live.


def _start_subscription(event: e.SubscriptionDue) -> Changes:
    if event.our_subscription_id is None:
        return []
    return [_subscription_job(jobs.START_SUBSCRIPTION, event.our_subscription_id, event.app_id)]


def _mark_not_started(event: e.SubscriptionNotStarted) -> Changes:
    return [
        _subscription_job(
            jobs.MARK_SUBSCRIPTION_NOT_STARTED, event.our_subscription_id, event.app_id
        )
    ]


def _check_started(event: s.SubscriptionStarted) -> Changes:
    started = event.provider_subscription_id != ""
    return _check_subscription(event) if uses_payments(event.provider) and started else []


def _check_linked(event: s.SubscriptionLinked) -> Changes:
    return [CloseJob(_start_key(event)), *_check_subscription(event)]


def _check_subscription(
    event: s.SubscriptionStarted | s.SubscriptionLinked | s.SubscriptionEndScheduled,
) -> Changes:
    stream = UUID(str(event.originator_id))
    return [_subscription_job(jobs.CHECK_SUBSCRIPTION, stream, event.app_id)]


def _close_check(event: s.SubscriptionCanceled) -> Changes:
    return [CloseJob(f"{jobs.CHECK_SUBSCRIPTION.name}:{event.originator_id}")]


def _subscription_job(job_type: jobs.JobType[Any], stream: UUID, app_id: UUID) -> OpenJob:
    key, args = f"{job_type.name}:{stream}", {"subscription_id": str(stream)}
    return job_type.open(key=key, app_id=app_id, args=args)


def _start_key(event: s.SubscriptionEvent) -> str:
    return f"{jobs.START_SUBSCRIPTION.name}:{event.originator_id}"


# Subscriptions: one row from a requested change to its end.


def _open_change(event: s.SubscriptionCancelRequested | s.SubscriptionChangeRequested) -> Changes:
    args = {"subscription_id": str(event.originator_id)}
    key = _change_key(event)
    return [jobs.CHANGE_SUBSCRIPTION.open(key=key, app_id=event.app_id, args=args)]


def _close_change(event: s.SubscriptionRequestDone | s.SubscriptionRequestRefused) -> Changes:
    return [CloseJob(_change_key(event))]


def _stop_subscription(event: s.SubscriptionStepGaveUp) -> Changes:
    key = _start_key(event) if event.step == START_STEP else _change_key(event)
    return [GiveUpJob(key, reason=event.last_error)]


def _resend_subscription(event: s.SubscriptionStepResent) -> Changes:
    return [ResendJob(_start_key(event) if event.step == START_STEP else _change_key(event))]


def _change_key(event: s.SubscriptionEvent) -> str:
    return f"subscription:{event.originator_id}"


# Payment-method setups: one row until the page is open, another until the method is the default.


def _open_setup(event: p.SetupRequested) -> Changes:
    return [_setup_job(_page_key(event), event)]


def _complete_setup(event: p.SetupSubmitted) -> Changes:
    return [CloseJob(_page_key(event)), _setup_job(_completion_key(event), event)]


def _close_page(event: p.SetupOpened) -> Changes:
    return [CloseJob(_page_key(event))]


def _close_setup(event: p.SetupRejected | p.SetupCompleted) -> Changes:
    return [CloseJob(_page_key(event)), CloseJob(_completion_key(event))]


def _stop_setup(event: p.SetupGaveUp) -> Changes:
    return [GiveUpJob(_setup_key(event), reason=event.last_error)]


def _resend_setup(event: p.SetupResent) -> Changes:
    return [ResendJob(_setup_key(event))]


def _setup_job(key: str, event: p.SetupRequested | p.SetupSubmitted) -> OpenJob:
    args = {"setup_id": str(event.originator_id)}
    connection = event.connection if isinstance(event, p.SetupRequested) else None
    return jobs.SET_UP_METHOD.open(key=key, app_id=event.app_id, args=args, connection=connection)


def _setup_key(event: p.SetupGaveUp | p.SetupResent) -> str:
    return _page_key(event) if event.step == OPENING else _completion_key(event)


def _page_key(event: p.MethodSetupEvent) -> str:
    return f"setup:{event.originator_id}"


def _completion_key(event: p.MethodSetupEvent) -> str:
    return f"setup_completion:{event.originator_id}"


# Provider events, payment hints, tenants.


def _fetch_and_apply(event: ProviderEventParked) -> Changes:
    if not event.retry:
        return _close_provider_event(event)
    args = {"provider_event_id": str(event.originator_id)}
    key = f"provider_event:{event.originator_id}"
    return [jobs.FETCH_AND_APPLY.open(key=key, app_id=event.app_id, args=args)]


def _close_provider_event(event: ProviderEventParked | ProviderEventApplied) -> Changes:
    return [CloseJob(f"provider_event:{event.originator_id}")]


def _apply_hint(event: h.PaymentHintReceived | h.PaymentHintRepeated) -> Changes:
    return [
        jobs.APPLY_PAYMENT_HINT.open(
            key=f"payment_hint:{event.originator_id}",
            app_id=event.app_id,
            args={"hint_id": str(event.originator_id)},
            connection=event.connection if isinstance(event, h.PaymentHintReceived) else None,
        )
    ]


def _close_hint(event: h.PaymentHintFetched) -> Changes:
    return [CloseJob(f"payment_hint:{event.originator_id}")]


def _assign_to_tenant(event: TenantCreated | TenantChanged | ProviderCustomerLinked) -> Changes:
    if not isinstance(event, ProviderCustomerLinked) and not event.customers:
        return []
    key, args = (
        f"assign_to_tenant:{event.originator_id}",
        {"tenant_stream": str(event.originator_id)},
    )
    return [jobs.ASSIGN_TO_TENANT.open(key=key, app_id=event.app_id, args=args)]


REACTIONS: Final[dict[type[DomainEvent], Callable[[Any], Changes]]] = {
    e.InvoiceRequested: _open_invoice,
    e.RetryRequested: _open_invoice,
    e.VoidRequested: _open_invoice,
    e.FinalizeRequested: _open_invoice,
    e.UncollectibleRequested: _open_invoice,
    e.InvoiceIssued: _close_invoice,
    e.InvoiceDrafted: _close_invoice,
    e.InvoiceRejected: _close_invoice,
    e.CheckoutOpened: _close_invoice,
    e.PaymentActionRequired: _close_invoice,
    e.PaymentProcessing: _close_invoice,
    e.PaymentSucceeded: _close_invoice,
    e.PaymentFailed: _close_invoice,
    e.PaymentCanceled: _close_invoice,
    e.PaymentExpired: _close_invoice,
    e.InvoiceVoided: _close_invoice,
    e.MarkedUncollectible: _close_invoice,
    e.RequestRefused: _close_invoice,
    e.StepGaveUp: _stop_invoice,
    e.StepResent: _resend_invoice,
    m.RefundRequested: _open_refund,
    m.RefundPending: _close_refund,
    m.RefundSucceeded: _close_refund,
    m.RefundFailed: _close_refund,
    e.PaymentsLeftOver: _cancel_other_payments,
    e.UnexpectedPayment: _refund_overpayment,
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
    p.SetupRequested: _open_setup,
    p.SetupOpened: _close_page,
    p.SetupSubmitted: _complete_setup,
    p.SetupCompleted: _close_setup,
    p.SetupRejected: _close_setup,
    p.SetupGaveUp: _stop_setup,
    p.SetupResent: _resend_setup,
    ProviderEventParked: _fetch_and_apply,
    ProviderEventApplied: _close_provider_event,
    h.PaymentHintReceived: _apply_hint,
    h.PaymentHintRepeated: _apply_hint,
    h.PaymentHintFetched: _close_hint,
    TenantCreated: _assign_to_tenant,
    TenantChanged: _assign_to_tenant,
    ProviderCustomerLinked: _assign_to_tenant,
}
TOPICS: Final = tuple(event_class.TOPIC for event_class in REACTIONS)


def changes_for(event: DomainEvent) -> Changes:
    """Return the rows of the work table that an event opens, closes, stops or sends again."""
    reaction = REACTIONS.get(type(event))
    return [] if reaction is None else reaction(event)
