"""Subscriptions in these tests: what the provider has, and what a worker would append."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from domain.gateway.subscriptions import ProviderSubscription
from domain.subscriptions import events as s
from domain.subscriptions.commands import StartSubscription
from domain.subscriptions.subscription import Subscription
from service.context import Context
from tests.projections.subscriptions.random_events import provider_subscription

REQUEST_TOPICS: Final = (s.SubscriptionCancelRequested.TOPIC, s.SubscriptionChangeRequested.TOPIC)
LATER: Final = 60


def subscribe(
    context: Context,
    app_id: UUID,
    connection_id: UUID,
    *,
    seen: ProviderSubscription | None = None,
    then: str | None = None,
    **facts: Any,
) -> Subscription:
    """Record a subscription; `then`: the outcome of requests about it (refused, never)."""
    known: dict[str, Any] = {
        "tenant_id": None,
        "provider": "stripe",
        "connection": "stripe-1",
        "mode": "test",
        "origin": "request",
        "actor": "worker",
    }
    snapshot = seen or provider_subscription()
    if then is not None:
        snapshot = replace(snapshot, metadata={"then": then})
    command = StartSubscription(app_id=app_id, connection_id=connection_id, **known | facts)
    occurred_at = datetime.now(UTC)
    return context.recording.billing.import_subscription(
        command, snapshot, source="answer", occurred_at=occurred_at
    )


def carry_out(context: Context, subscription_id: UUID) -> None:
    """Complete what was requested of a subscription, as its metadata's `then` demands."""
    then = context.recording.billing.get(Subscription, subscription_id).view.metadata.get("then")
    if then != "never":
        context.recording.billing.change(
            Subscription, subscription_id, _refuse if then == "refused" else _do
        )


def _do(subscription: Subscription) -> None:
    occurred_at = datetime.now(UTC)
    subscription.record_provider_state(
        _after(subscription), source="answer", actor="worker", occurred_at=occurred_at
    )
    subscription.finish_request(occurred_at=occurred_at)


def _after(subscription: Subscription) -> ProviderSubscription:
    """Build the provider's snapshot after the requested action."""
    view, pending = subscription.view, subscription.pending_request
    seen = provider_subscription(id=view.provider_subscription_id, as_of=view.as_of + LATER)
    if pending.action == "cancel" and pending.at_period_end:
        return replace(seen, cancel_at=seen.period_end, canceled_at=view.as_of)
    if pending.action == "cancel":
        over = view.as_of + LATER
        return replace(seen, state="canceled", canceled_at=over, ended_at=over)
    if pending.at_period_end:
        return seen
    items = [
        replace(seen.items[0], id=f"si_{number}", price=line.price, quantity=line.quantity)
        for number, line in enumerate(pending.lines or [])
    ]
    return replace(seen, items=tuple(items))


def _refuse(subscription: Subscription) -> None:
    subscription.refuse_request(
        code="provider_rejected",
        message="No such price: 'price_gone'",
        path="lineItems.0.price",
        provider_code="resource_missing",
        occurred_at=datetime.now(UTC),
    )
