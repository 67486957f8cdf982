"""What is recorded of a job that used up its tries: the relay closes its row, an operator looks."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from domain.billing import Billing
from domain.core.effects import WORKER
from domain.inbox.payment_hint import PaymentHint
from domain.inbox.provider_event import ProviderEvent
from domain.invoices.invoice import Invoice
from domain.invoices.steps import REFUND_STEP, is_refund
from domain.payment_methods.setup import MethodSetup
from domain.subscriptions.mandate_subscription import give_up_start
from domain.subscriptions.subscription import Subscription
from projections.work.table import Job
from workers.queue.hint_reactions import ACTOR as APPLY_HINT
from workers.queue.payment_reactions import CANCEL_LEFT_OVER, RETURN_OVERPAID
from workers.queue.setup_reactions import ACTOR as SET_UP_METHOD
from workers.queue.subscription_reactions import (
    BEGIN_SUBSCRIPTION,
    FORGO_SUBSCRIPTION,
    WATCH_SUBSCRIPTION,
)
from workers.queue.tenant_reactions import ASSIGN

# What is tried on for ever, and seen as overdue.
_TRIED_ON: Final = frozenset(
    {ASSIGN, FORGO_SUBSCRIPTION, WATCH_SUBSCRIPTION, CANCEL_LEFT_OVER, RETURN_OVERPAID}
)


def give_up(job: Job, reason: str, billing: Billing, *, occurred_at: datetime) -> None:
    """Record that the bound is reached."""
    attempts = job.tries + 1
    match job.actor:
        case actor if actor in _TRIED_ON:
            return
        case actor if actor == BEGIN_SUBSCRIPTION:
            billing.change(
                Subscription,
                UUID(job.args["subscription_id"]),
                lambda known: give_up_start(
                    known, why=reason, attempts=attempts, occurred_at=occurred_at
                ),
            )
        case "apply_by_asking":
            billing.change(
                ProviderEvent,
                UUID(job.args["provider_event_id"]),
                lambda known: known.park(
                    reason, retry=False, occurred_at=occurred_at, actor=WORKER
                ),
            )
        case actor if actor == APPLY_HINT:
            billing.change(
                PaymentHint,
                UUID(job.args["hint_id"]),
                lambda known: known.give_up(reason, occurred_at=occurred_at, actor=WORKER),
            )
        case "change_subscription":
            billing.change(
                Subscription,
                UUID(job.args["subscription_id"]),
                lambda known: known.give_up(
                    (known.view.asked or {}).get("action", "change"),
                    attempts=attempts,
                    last_error=reason,
                    occurred_at=occurred_at,
                ),
            )
        case actor if actor == SET_UP_METHOD:
            billing.change(
                MethodSetup,
                UUID(job.args["setup_id"]),
                lambda known: known.give_up(
                    attempts=attempts, last_error=reason, occurred_at=occurred_at
                ),
            )
        case _:
            billing.change(
                Invoice,
                UUID(job.args["invoice_id"]),
                lambda known: known.give_up(
                    _step_of(job, known),
                    attempts=attempts,
                    last_error=reason,
                    occurred_at=occurred_at,
                ),
            )


def _step_of(job: Job, invoice: Invoice) -> str:
    """Name the step that a job was at: a refund's own, or the last that was begun."""
    if "refund_id" in job.args:
        return f"{REFUND_STEP}{job.args['refund_id']}"
    steps = [step for step in invoice.view.steps.values() if not is_refund(step.step)]
    return max(steps, key=lambda step: step.started_at).step if steps else "plan"
