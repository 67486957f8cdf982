"""Start, change and end subscriptions that charge a mandate (Mollie).

A first payment creates the mandate; the provider's subscription is created after it is paid.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Final

from domain.catalogue.pricing import Charge
from domain.core import ids
from domain.core.effects import WORKER
from domain.core.steps import StepPlan, step_key
from domain.gateway.objects import ProviderInvoice
from domain.gateway.subscriptions import ProviderSubscription
from domain.subscriptions import events as s
from domain.subscriptions.commands import StartSubscription
from domain.subscriptions.items import NextTerms, Terms
from domain.subscriptions.subscription import Subscription
from domain.subscriptions.terms import agree, items_of, terms_of, with_items
from domain.subscriptions.view import ENDED, SubscriptionView

START_STEP: Final = "start"


@dataclass(frozen=True, kw_only=True)
class StartPlan(StepPlan):
    """Step `start`: the mandate to charge, and the day of the next charge."""

    mandate: str
    starts_on: str


def start_pending(
    command: StartSubscription,
    payment: ProviderInvoice,
    charge: Charge,
    *,
    occurred_at: datetime,
) -> Subscription:
    """Record a subscription that starts once `payment` is paid; the payment's id yields its own."""
    terms = terms_of(charge)
    awaited = ProviderSubscription(
        id="",
        state="incomplete",
        as_of=payment.as_of,
        livemode=payment.livemode,
        customer=payment.customer,
        currency=charge.currency,
        items=items_of(terms),
        started_at=payment.created_at or payment.as_of,
        period_start=None,
        period_end=None,
        trial_end=None,
        cancel_at=None,
        canceled_at=None,
        ended_at=None,
        description=payment.description,
        metadata=payment.metadata,
    )
    stream = ids.for_pending_subscription(
        command.app_id, command.connection_id, command.mode, payment.id
    )
    made = Subscription.start(command, awaited, occurred_at=occurred_at, stream=stream)
    record_terms(made, terms, starts_at=None, actor=command.actor, occurred_at=occurred_at)
    made.record_provider_state(
        awaited, source="answer", actor=command.actor, occurred_at=occurred_at
    )
    return made


def record_terms(
    known: Subscription,
    terms: Terms,
    *,
    starts_at: int | None,
    actor: str,
    occurred_at: datetime,
) -> None:
    """Record the amount charged each period, from now or from `starts_at` on."""
    now = known.view.terms == terms
    later = starts_at is not None and known.view.next_terms == NextTerms(terms, starts_at)
    if not (now if starts_at is None else later):
        known.record_event(
            s.SubscriptionTermsAgreed,
            occurred_at=occurred_at,
            actor=actor,
            terms=asdict(terms),
            starts_at=starts_at,
        )


def link(
    known: Subscription, made: ProviderSubscription, *, mandate: str | None, occurred_at: datetime
) -> None:
    """Record the provider's subscription; only the first one is linked."""
    if not known.view.provider_subscription_id:
        known.record_event(
            s.SubscriptionLinked,
            occurred_at=occurred_at,
            actor=WORKER,
            app_id=known.view.app_id,
            provider_subscription_id=made.id,
            mandate=mandate,
        )


def record_mollie_state(
    known: Subscription,
    seen: ProviderSubscription,
    *,
    source: str,
    actor: str,
    occurred_at: datetime,
    body: str | None = None,
) -> None:
    """Record the provider's state, completed by the agreed items and end."""
    known.record_provider_state(
        with_agreed_terms(known, seen),
        source=source,
        actor=actor,
        occurred_at=occurred_at,
        body=body,
    )


def with_agreed_terms(known: Subscription, seen: ProviderSubscription) -> ProviderSubscription:
    """Return the provider's state with the agreed items and end."""
    view = known.view
    over = seen.state in ("canceled", "expired")
    if seen.period_end in (None, view.provider_fields.get("period_end")):
        # The provider reports the end of a period only while it runs, and never its start.
        known_period = (
            view.provider_fields.get("period_start"),
            view.provider_fields.get("period_end"),
        )
        seen = replace(seen, period_start=known_period[0], period_end=known_period[1])
    if over:
        seen = _ended(view, seen)
    return _with_items(view, seen)


def _ended(view: SubscriptionView, seen: ProviderSubscription) -> ProviderSubscription:
    """Return an ended state: nothing more is charged, but the paid period lasts until its end."""
    ends_at, known = view.ends_at, view.provider_fields
    if view.status in ENDED:
        return replace(
            seen,
            cancel_at=known.get("cancel_at"),
            canceled_at=known.get("canceled_at"),
            ended_at=known.get("ended_at"),
        )
    if ends_at is None:
        return replace(seen, ended_at=seen.ended_at or seen.as_of)
    if seen.as_of < ends_at:
        return replace(seen, state="active", cancel_at=ends_at, ended_at=None)
    return replace(seen, cancel_at=ends_at, ended_at=ends_at)


def _with_items(view: SubscriptionView, seen: ProviderSubscription) -> ProviderSubscription:
    """Return the state with its items; terms agreed for the next period apply from then on."""
    upcoming = view.next_terms
    if upcoming is None or not agree(seen, upcoming.terms):
        return with_items(seen, view.terms)
    due = (seen.period_end or 0) > upcoming.starts_at
    terms = upcoming.terms if due else view.terms
    return seen if terms is None else replace(seen, items=items_of(terms))


def schedule_end(known: Subscription, *, ends_at: int, occurred_at: datetime) -> None:
    """Record the end of the paid period; it may only move earlier."""
    if known.view.ends_at is None or ends_at < known.view.ends_at:
        known.record_event(
            s.SubscriptionEndScheduled,
            occurred_at=occurred_at,
            actor=WORKER,
            app_id=known.view.app_id,
            ends_at=ends_at,
        )


def mark_not_started(known: Subscription, *, actor: str, occurred_at: datetime) -> None:
    """Record that the subscription never starts; no effect on one that has started or ended."""
    if not known.view.provider_subscription_id:
        _end(known, s.SubscriptionExpired, actor=actor, occurred_at=occurred_at)


def mark_missing(known: Subscription, *, actor: str, occurred_at: datetime) -> None:
    """Record that the provider no longer has the subscription; no effect on an ended one."""
    _end(known, s.SubscriptionCanceled, actor=actor, occurred_at=occurred_at)


def _end(
    known: Subscription, fact: type[s.SubscriptionStateEvent], *, actor: str, occurred_at: datetime
) -> None:
    if known.view.status not in ENDED:
        ended = int(occurred_at.timestamp())
        known.record_event(
            fact,
            occurred_at=occurred_at,
            actor=actor,
            source="answer",
            as_of=max(known.view.as_of, ended),
            body=None,
            **known.view.provider_fields | {"ended_at": ended},
        )


def give_up_start(known: Subscription, *, why: str, attempts: int, occurred_at: datetime) -> None:
    """Record that the start failed and needs an operator; a repetition has no effect."""
    if known.view.gave_up is None and not known.view.provider_subscription_id:
        known.record_event(
            s.SubscriptionStepGaveUp,
            occurred_at=occurred_at,
            actor=WORKER,
            step=START_STEP,
            attempts=attempts,
            last_error=why,
        )


def restart_step(known: Subscription, plan: StartPlan, *, occurred_at: datetime) -> None:
    """Record the call's parameters before the call; other parameters get a new key."""
    before = known.view.steps.get(START_STEP)
    attempt = 1 if before is None else before.attempt + 1
    if before is not None and StartPlan.of(before) == plan:
        return
    known.record_event(
        s.SubscriptionStepStarted,
        occurred_at=occurred_at,
        actor=WORKER,
        step=START_STEP,
        attempt=attempt,
        key=step_key(known.id, START_STEP, attempt),
        plan=plan.to_fields(),
    )
