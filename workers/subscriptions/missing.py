"""Record that the provider no longer has a subscription that a request was for."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from domain.billing import Billing
from domain.core.effects import WORKER
from domain.subscriptions.mandate_subscription import mark_missing
from domain.subscriptions.subscription import Subscription


def record_missing(known: Subscription, *, billing: Billing, occurred_at: datetime) -> None:
    """Record the subscription as canceled, and with it the outcome of the pending request.

    A cancellation is done, since nothing is charged any more; a change is refused.
    """

    def decide(one: Subscription) -> None:
        mark_missing(one, actor=WORKER, occurred_at=occurred_at)
        pending = one.view.pending_request
        if pending is not None and pending.action == "cancel":
            one.finish_request(occurred_at=occurred_at)
        else:
            one.refuse_request(
                code="subscription_gone",
                message="The provider no longer has the subscription.",
                occurred_at=occurred_at,
            )

    billing.change(Subscription, UUID(str(known.id)), decide)
