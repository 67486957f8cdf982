"""Translate a provider's subscription into the status and fields of our events."""

from __future__ import annotations

from typing import Any, Final

from domain.gateway.subscriptions import ProviderSubscription, ScheduledPhase, SubscriptionState
from domain.subscriptions import events as s
from domain.subscriptions.recurring_revenue import monthly_minor
from domain.subscriptions.view import INCOMPLETE

EVENTS: Final[dict[SubscriptionState, type[s.SubscriptionStateEvent]]] = {
    "incomplete": s.SubscriptionIncomplete,
    "trialing": s.SubscriptionTrialing,
    "active": s.SubscriptionActivated,
    "past_due": s.SubscriptionPastDue,
    "unpaid": s.SubscriptionUnpaid,
    "paused": s.SubscriptionPaused,
    "canceled": s.SubscriptionCanceled,
    "expired": s.SubscriptionExpired,
}


STATUS: Final[dict[SubscriptionState, str]] = {
    "incomplete": INCOMPLETE,
    "trialing": "trialing",
    "active": "active",
    "past_due": "past_due",
    "unpaid": "unpaid",
    "paused": "paused",
    "canceled": "canceled",
    "expired": "incomplete_expired",
}


def plan_of(fields: dict[str, Any]) -> tuple[Any, ...]:
    """Return the fields that change with the plan."""
    return fields["items"], fields["monthly_minor"], fields["currency"]


def change_time(seen: ProviderSubscription, *, known_as_of: int) -> int | None:
    """Return when a state changed that was fetched later: by its event, if that is not older."""
    changed_at = seen.changed_at
    is_between = changed_at is not None and known_as_of <= changed_at < seen.as_of
    return changed_at if is_between else None


def state_fields(seen: ProviderSubscription) -> dict[str, Any]:
    """Return the fields of a SubscriptionStateEvent for a provider's state."""
    shown = (
        "id", "price", "name", "quantity", "amount_minor", "currency", "interval",
        "interval_count",
    )  # fmt: skip
    items = [
        {name: getattr(item, name) for name in shown}
        | {
            "amount_decimal": None if item.unit_minor is None else f"{item.unit_minor:f}",
            "usage_based": item.is_usage_based,
        }
        for item in seen.items
    ]
    return {
        "currency": seen.currency,
        "items": items,
        "monthly_minor": monthly_minor(seen),
        "period_start": seen.period_start,
        "period_end": seen.period_end,
        "trial_end": seen.trial_end,
        "cancel_at": seen.cancel_at,
        "canceled_at": seen.canceled_at,
        "ended_at": seen.ended_at,
        "scheduled_phases": [_phase(phase) for phase in seen.scheduled_phases],
        "scheduled_change": None
        if seen.scheduled_change is None
        else _phase(seen.scheduled_change),
    }


def _phase(phase: ScheduledPhase) -> dict[str, Any]:
    items = [{"price": price, "quantity": quantity} for price, quantity in phase.items]
    return {"starts_at": phase.starts_at, "items": items}
