"""Record that a job used up its retries, as an event that the relay and the operator follow.

One function per kind of job; `jobs.py` says which job has which.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.billing import Billing
from domain.core.effects import WORKER
from domain.inbox.payment_hint import PaymentHint
from domain.invoices.invoice import Invoice
from domain.invoices.steps import REFUND_STEP, is_refund
from domain.payment_methods.setup import MethodSetup
from domain.reconciliation.unapplied import park
from domain.subscriptions.mandate_subscription import give_up_start
from domain.subscriptions.subscription import Subscription
from projections.work.table import Job


@dataclass(frozen=True, kw_only=True)
class ExhaustedJob:
    """A job whose last try failed. `reason`: the error of that try."""

    job: Job
    reason: str
    occurred_at: datetime

    @property
    def attempts(self) -> int:
        """Return the number of counted tries, with the last one."""
        return self.job.tries + 1

    def id(self, name: str) -> UUID:
        """Read an id from the job's arguments."""
        return UUID(self.job.args[name])


def stop_invoice_step(ended: ExhaustedJob, billing: Billing) -> None:
    """Record StepGaveUp for the invoice step that was started last."""
    _stop_step(ended, billing, _newest_step)


def stop_refund(ended: ExhaustedJob, billing: Billing) -> None:
    """Record StepGaveUp for a refund's own step."""
    _stop_step(ended, billing, lambda _: f"{REFUND_STEP}{ended.job.args['refund_id']}")


def _stop_step(ended: ExhaustedJob, billing: Billing, step_of: Callable[[Invoice], str]) -> None:
    billing.change(
        Invoice,
        ended.id("invoice_id"),
        lambda invoice: invoice.give_up(
            step_of(invoice),
            attempts=ended.attempts,
            last_error=ended.reason,
            occurred_at=ended.occurred_at,
        ),
    )


def _newest_step(invoice: Invoice) -> str:
    steps = [step for step in invoice.view.steps.values() if not is_refund(step.step)]
    return max(steps, key=lambda step: step.started_at).step if steps else "plan"


def stop_subscription_change(ended: ExhaustedJob, billing: Billing) -> None:
    """Record SubscriptionStepGaveUp for the requested change or cancellation."""
    billing.change(
        Subscription,
        ended.id("subscription_id"),
        lambda subscription: subscription.give_up(
            "change"
            if subscription.view.pending_request is None
            else subscription.view.pending_request.action,
            attempts=ended.attempts,
            last_error=ended.reason,
            occurred_at=ended.occurred_at,
        ),
    )


def stop_subscription_start(ended: ExhaustedJob, billing: Billing) -> None:
    """Record SubscriptionStepGaveUp for the start of a mandate subscription."""
    billing.change(
        Subscription,
        ended.id("subscription_id"),
        lambda subscription: give_up_start(
            subscription,
            why=ended.reason,
            attempts=ended.attempts,
            occurred_at=ended.occurred_at,
        ),
    )


def stop_method_setup(ended: ExhaustedJob, billing: Billing) -> None:
    """Record SetupGaveUp for the setup's current step."""
    billing.change(
        MethodSetup,
        ended.id("setup_id"),
        lambda setup: setup.give_up(
            attempts=ended.attempts, last_error=ended.reason, occurred_at=ended.occurred_at
        ),
    )


def park_provider_event(ended: ExhaustedJob, billing: Billing) -> None:
    """Park a provider event as a dead letter."""
    park(
        billing,
        ended.id("provider_event_id"),
        ended.reason,
        retry=False,
        occurred_at=ended.occurred_at,
        actor=WORKER,
    )


def stop_payment_hint(ended: ExhaustedJob, billing: Billing) -> None:
    """Close a payment hint without a fetch; the next hint opens it again."""
    billing.change(
        PaymentHint,
        ended.id("hint_id"),
        lambda hint: hint.give_up(ended.reason, occurred_at=ended.occurred_at, actor=WORKER),
    )
