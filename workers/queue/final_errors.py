"""Record that a job failed for good: its outcome, its reason, and what happens to its row.

A provider's refusal and an error of our own are not repeated like an outage. One function per kind
of job; `jobs.py` says which job has which. An outcome that a caller can act on is preferred;
only where a provider may have acted, and nobody can look that up, the work waits for an operator.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final
from uuid import UUID

from domain.billing import Billing
from domain.core.effects import WORKER
from domain.gateway.errors import GatewayError, GatewayRejected, GatewayUnavailable
from domain.inbox.payment_hint import PaymentHint
from domain.invoices import status
from domain.invoices.invoice import Invoice
from domain.invoices.step_plans import DraftPlan
from domain.invoices.steps import REFUND_STEP
from domain.invoices.view import InvoiceView
from domain.payment_methods.setup import MethodSetup
from domain.reconciliation.unapplied import park
from domain.subscriptions.mandate_subscription import give_up_start
from domain.subscriptions.subscription import Subscription
from projections.work.table import Job
from workers.invoices.provider_lookup import refuse_lookup
from workers.invoices.refund import end_refund
from workers.invoices.rejections import RequestRejected
from workers.queue import job_dependencies as deps_for
from workers.queue import retries_exhausted as exhausted
from workers.queue.retries_exhausted import ExhaustedJob
from workers.runtime import Runtime

# Steps that may leave a payable object at the provider. Before them there is at most a draft.
_PAYABLE_STEPS: Final = frozenset({"finalize", "advance", "pay", "subscribe"})
# Requested actions that take money. A refusal after their call would be a false answer.
_CHARGING_ACTIONS: Final = frozenset({"retry", "capture"})
_PAYMENT_STEP: Final = "create"


class RowAction(Enum):
    """The further life of a failed job's row."""

    DELETE = "delete"  # nothing is left to do
    KEEP_FOR_OPERATOR = "keep for operator"  # listed as work that gave up
    CHECK_LATER = "check later"  # a periodic check, which runs again at its next time


@dataclass(frozen=True, kw_only=True)
class FailedJob:
    """A job that failed with a final error."""

    job: Job
    error: Exception
    occurred_at: datetime

    @property
    def reason(self) -> str:
        """Return the error for operators."""
        return f"{type(self.error).__name__}: {self.error}"

    @property
    def rejection(self) -> RequestRejected:
        """Return the error for callers; an error of our own is shown by its type alone."""
        if isinstance(self.error, GatewayRejected):
            return RequestRejected.from_gateway(self.error)
        if isinstance(self.error, GatewayError):
            message = f"The provider did not accept the request: {self.error}"
            return RequestRejected(code="provider_conflict", message=message)
        message = f"The request failed with an internal error ({type(self.error).__name__})."
        return RequestRejected(code="internal_error", message=message)

    def id(self, name: str) -> UUID:
        """Read an id from the job's arguments."""
        return UUID(self.job.args[name])

    def as_exhausted(self) -> ExhaustedJob:
        """Return the job as one that may be tried again only by an operator."""
        return ExhaustedJob(job=self.job, reason=self.reason, occurred_at=self.occurred_at)


def end_invoice_request(failed: FailedJob, runtime: Runtime) -> RowAction:
    """Record RequestRefused or InvoiceRejected; StepGaveUp where a payment may exist."""
    billing, invoice_id = runtime.billing, failed.id("invoice_id")
    view = billing.get(Invoice, invoice_id).view
    if not view.in_progress:
        return RowAction.DELETE
    is_action, moves_money = view.pending_request is not None, _may_have_moved_money(view)
    if is_action and not moves_money:
        _refuse_request(failed, billing)
        return RowAction.DELETE
    if is_action or view.status != status.REQUESTED or _may_be_payable(view, failed):
        exhausted.stop_invoice_step(failed.as_exhausted(), billing)
        return RowAction.KEEP_FOR_OPERATOR
    if view.request.flow == "include_pending_items" and "create" in view.steps:
        customer = DraftPlan.of(view.steps["create"]).customer
        billing.release_pending_items_lock(
            billing.get(Invoice, invoice_id), customer, occurred_at=failed.occurred_at
        )
    discarded = view.steps.get("discard")
    rejection = failed.rejection if discarded is None else RequestRejected.of_discarded(discarded)
    billing.change(
        Invoice, invoice_id, lambda known: rejection.record(known, occurred_at=failed.occurred_at)
    )
    return RowAction.DELETE


def _may_have_moved_money(view: InvoiceView) -> bool:
    """Check whether the step of a requested charge was started: its payment may exist."""
    pending = view.pending_request
    if pending is None or pending.action not in _CHARGING_ACTIONS:
        return False
    started = view.steps.get(pending.step)
    return started is not None and started.attempt >= pending.attempt


def _may_be_payable(view: InvoiceView, failed: FailedJob) -> bool:
    """Check whether the provider may have an object that somebody can pay."""
    if deps_for.uses_payments(view.provider):
        return _PAYMENT_STEP in view.steps
    is_gone = isinstance(failed.error, GatewayRejected) and failed.error.missing
    if is_gone and "subscribe" not in view.steps:
        return False
    return "discard" not in view.steps and not _PAYABLE_STEPS.isdisjoint(view.steps)


def _refuse_request(failed: FailedJob, billing: Billing) -> None:
    rejection = failed.rejection
    billing.change(
        Invoice,
        failed.id("invoice_id"),
        lambda invoice: invoice.refuse_request(
            code=rejection.code,
            message=rejection.message,
            path=rejection.path,
            provider_code=rejection.provider_code,
            occurred_at=failed.occurred_at,
        ),
    )


def end_failed_refund(failed: FailedJob, runtime: Runtime) -> RowAction:
    """Record the refund that the provider has after all, else RefundFailed.

    Where the provider does not answer which, StepGaveUp keeps the amount reserved. Raises
    GatewayUnavailable.
    """
    invoice_id, refund_id = failed.id("invoice_id"), failed.id("refund_id")
    step = f"{REFUND_STEP}{refund_id}"
    deps = None
    if step in runtime.billing.get(Invoice, invoice_id).view.steps:
        deps = deps_for.invoice(runtime, failed.job)
    try:
        end_refund(
            invoice_id,
            refund_id,
            failed.rejection,
            billing=runtime.billing,
            deps=deps,
            occurred_at=failed.occurred_at,
        )
    except GatewayUnavailable:
        raise
    except GatewayError:
        exhausted.stop_refund(failed.as_exhausted(), runtime.billing)
        return RowAction.KEEP_FOR_OPERATOR
    return RowAction.DELETE


def end_subscription_request(failed: FailedJob, runtime: Runtime) -> RowAction:
    """Record SubscriptionRequestRefused for the requested change or cancellation."""
    rejection = failed.rejection
    runtime.billing.change(
        Subscription,
        failed.id("subscription_id"),
        lambda subscription: subscription.refuse_request(
            code=rejection.code,
            message=rejection.message,
            path=rejection.path,
            provider_code=rejection.provider_code,
            occurred_at=failed.occurred_at,
        ),
    )
    return RowAction.DELETE


def stop_subscription_start(failed: FailedJob, runtime: Runtime) -> RowAction:
    """Record SubscriptionStepGaveUp: its first payment is paid, so that an operator must act."""
    known = runtime.billing.change(
        Subscription,
        failed.id("subscription_id"),
        lambda subscription: give_up_start(
            subscription,
            why=failed.reason,
            attempts=failed.job.tries + 1,
            occurred_at=failed.occurred_at,
        ),
    )
    return RowAction.DELETE if known.view.gave_up is None else RowAction.KEEP_FOR_OPERATOR


def reject_method_setup(failed: FailedJob, runtime: Runtime) -> RowAction:
    """Record SetupRejected."""
    rejection = failed.rejection
    runtime.billing.change(
        MethodSetup,
        failed.id("setup_id"),
        lambda setup: setup.reject(
            code=rejection.code,
            message=rejection.message,
            path=rejection.path,
            provider_code=rejection.provider_code,
            occurred_at=failed.occurred_at,
        ),
    )
    return RowAction.DELETE


def park_provider_event(failed: FailedJob, runtime: Runtime) -> RowAction:
    """Park the provider event as a dead letter."""
    park(
        runtime.billing,
        failed.id("provider_event_id"),
        failed.reason,
        retry=False,
        occurred_at=failed.occurred_at,
        actor=WORKER,
    )
    return RowAction.DELETE


def close_payment_hint(failed: FailedJob, runtime: Runtime) -> RowAction:
    """Close the payment hint with the reason; the next hint opens it again."""
    runtime.billing.change(
        PaymentHint,
        failed.id("hint_id"),
        lambda hint: hint.give_up(failed.reason, occurred_at=failed.occurred_at, actor=WORKER),
    )
    return RowAction.DELETE


def answer_failed_lookup(failed: FailedJob, runtime: Runtime) -> RowAction:
    """Answer the waiting caller that the value is not available."""
    refuse_lookup(failed.id("lookup_id"), table=runtime.lookups, vault=runtime.vault)
    return RowAction.DELETE


def keep_for_operator(_: FailedJob, __: Runtime) -> RowAction:
    """List the row as work that gave up, with the reason."""
    return RowAction.KEEP_FOR_OPERATOR


def check_later(_: FailedJob, __: Runtime) -> RowAction:
    """Leave the object to its next periodic check."""
    return RowAction.CHECK_LATER
