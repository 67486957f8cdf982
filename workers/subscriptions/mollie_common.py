"""Functions that the jobs on mandate subscriptions share (Mollie)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from domain.billing import Billing
from domain.core.effects import WORKER
from domain.gateway.port import SubscriptionGateway
from domain.gateway.subscriptions import ProviderSubscription
from domain.invoices.invoice import Invoice
from domain.reconciliation.comparison import Comparison
from domain.reconciliation.drift import Discovery
from domain.subscriptions.mandate_subscription import link, record_mollie_state
from domain.subscriptions.subscription import Subscription
from eventlog.bodies import Body

# Assumed: Mollie's dates are those of Amsterdam (docs/mollie.md).
_DAYS: Final = ZoneInfo("Europe/Amsterdam")


@dataclass(frozen=True, kw_only=True)
class MandateSubscriptionDeps:
    """Dependencies of the jobs."""

    billing: Billing
    gateway: SubscriptionGateway
    now: Callable[[], datetime]


def provider_date(moment: datetime) -> date:
    """Return the date of a moment in the provider's time zone."""
    return moment.astimezone(_DAYS).date()


def midnight(day: date) -> int:
    """Return a date's start in Unix seconds."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def record_started(
    known: Subscription,
    made: ProviderSubscription,
    *,
    mandate: str | None,
    deps: MandateSubscriptionDeps,
) -> None:
    """Record a created subscription, on its invoice too; repeats change nothing."""
    occurred_at, body = deps.now(), Body.of(made.raw, known.view.body_owner)
    invoice_id = known.view.invoice_id
    assert invoice_id is not None, "it was requested with its invoice"  # noqa: S101 - STYLE: assert what must hold

    def linked() -> list[Subscription]:
        one = deps.billing.get(Subscription, known.view.id)
        link(one, made, mandate=mandate, occurred_at=occurred_at)
        record_mollie_state(
            one,
            made,
            source="answer",
            actor=WORKER,
            occurred_at=occurred_at,
            body=body.sha256.hex(),
        )
        return [one]

    deps.billing.change(
        Invoice,
        invoice_id,
        lambda invoice: invoice.record_subscription(made.id, occurred_at=occurred_at),
        bodies=[body],
        also_save=linked,
    )


def record_state(
    known: Subscription,
    seen: ProviderSubscription,
    *,
    actor: str,
    deps: MandateSubscriptionDeps,
    discovery: Discovery | None = None,
) -> Subscription:
    """Record the subscription's state at the provider, and what reconciliation found to differ."""
    occurred_at, body = deps.now(), Body.of(seen.raw, known.view.body_owner)
    comparison = Comparison(discovery, occurred_at=occurred_at)

    def decide(one: Subscription) -> None:
        record_mollie_state(
            one, seen, source="answer", actor=actor, occurred_at=occurred_at, body=body.sha256.hex()
        )

    return deps.billing.change(
        Subscription,
        UUID(str(known.id)),
        comparison.changed(decide),
        bodies=[body],
        also_save=comparison.drifts,
    )
