"""Perform a requested cancellation or change of a subscription.

Each call may be repeated without harm: what is in place already is left unchanged.
The recorded state is fetched afterwards: the answer to a repeated key may be a day old.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.billing import Billing
from domain.core.effects import WORKER
from domain.gateway.errors import GatewayRejected
from domain.gateway.port import InvoicingGateway
from domain.gateway.subscriptions import ProviderSubscription
from domain.subscriptions.subscription import Subscription
from eventlog.bodies import Body
from workers.invoices.rejections import RequestRejected
from workers.provider_objects.same_account import require_same_account
from workers.subscriptions.missing import record_missing


@dataclass(frozen=True, kw_only=True)
class SubscriptionDeps:
    """Dependencies of the job."""

    billing: Billing
    gateway: InvoicingGateway
    now: Callable[[], datetime]


def change_subscription(subscription_id: UUID, deps: SubscriptionDeps) -> None:
    """Perform the pending request, if there is one."""
    known = deps.billing.get(Subscription, subscription_id)
    if known.view.pending_request is None:
        return
    occurred_at = deps.now()
    known = deps.billing.change(
        Subscription, subscription_id, lambda one: one.start_step(occurred_at=occurred_at)
    )
    rejection: RequestRejected | None = None
    try:
        _carry_out(known, deps)
    except RequestRejected as error:
        rejection = error
    except GatewayRejected as error:
        rejection = RequestRejected.from_gateway(error)
    try:
        seen = deps.gateway.fetch_subscription(known.view.provider_subscription_id)
    except GatewayRejected as error:
        if not error.missing:
            raise
        require_same_account(known.view.customer, deps.gateway)
        record_missing(known, billing=deps.billing, occurred_at=deps.now())
        return
    _record(known, seen, rejection, deps)


def _carry_out(known: Subscription, deps: SubscriptionDeps) -> None:
    view, pending = known.view, known.pending_request
    key, at_provider = view.steps[pending.action].key, view.provider_subscription_id
    if pending.action == "cancel":
        end = (
            deps.gateway.end_with_period if pending.at_period_end else deps.gateway.end_subscription
        )
        end(at_provider, key=key)
        return
    seen = deps.gateway.fetch_subscription(at_provider)
    _require_no_other_schedule(seen)
    if pending.at_period_end:
        _require_another_period(seen)
    items = [(line.price, line.quantity) for line in pending.lines or ()]
    change = deps.gateway.schedule_plan if pending.at_period_end else deps.gateway.change_plan
    change(at_provider, items, key=key)


def _require_no_other_schedule(seen: ProviderSubscription) -> None:
    """Raise RequestRejected if a schedule of others changes it later: ours would replace it."""
    if seen.scheduled_phases:
        message = (
            "A schedule made at the provider changes it later; change that schedule there, or "
            "release the subscription from it."
        )
        raise RequestRejected(code="scheduled_elsewhere", message=message, path="lineItems")


def _require_another_period(seen: ProviderSubscription) -> None:
    """Raise RequestRejected if the subscription ends with its period, which a change would extend.

    A change now is possible: it leaves the end as it is.
    """
    if seen.cancel_at is not None and seen.cancel_at <= (seen.period_end or seen.cancel_at):
        message = "It ends with its period, so that there is no later period to change."
        raise RequestRejected(code="ending", message=message, path="when")


def _record(
    known: Subscription,
    seen: ProviderSubscription,
    rejection: RequestRejected | None,
    deps: SubscriptionDeps,
) -> None:
    """Record the state and the outcome of the request in one append."""
    occurred_at = deps.now()
    body = Body.of(seen.raw, known.view.body_owner)

    def decide(one: Subscription) -> None:
        one.record_provider_state(
            seen, source="answer", actor=WORKER, occurred_at=occurred_at, body=body.sha256.hex()
        )
        if rejection is None:
            one.finish_request(occurred_at=occurred_at)
        else:
            one.refuse_request(
                code=rejection.code,
                message=rejection.message,
                path=rejection.path,
                provider_code=rejection.provider_code,
                occurred_at=occurred_at,
            )

    deps.billing.change(Subscription, UUID(str(known.id)), decide, bodies=[body])
