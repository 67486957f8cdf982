"""Subscriptions: what is billed again and again, and the decisions about it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

from domain.core import ids
from domain.core.aggregate import AggregateRoot
from domain.core.effects import WORKER, Effect
from domain.core.errors import NotPossible
from domain.core.metadata import without_ours
from domain.core.steps import StepRecord
from domain.gateway.subscriptions import ProviderSubscription, SubscriptionState
from domain.subscriptions import events as s
from domain.subscriptions.commands import (
    CancelSubscription,
    ChangeSubscription,
    StartSubscription,
    SubscriptionCommand,
)
from domain.subscriptions.recurring_revenue import monthly_minor
from domain.subscriptions.view import ENDED, INCOMPLETE, PendingRequest, SubscriptionView, fold

_EVENTS: Final[dict[SubscriptionState, type[s.SubscriptionStateEvent]]] = {
    "incomplete": s.SubscriptionIncomplete,
    "trialing": s.SubscriptionTrialing,
    "active": s.SubscriptionActivated,
    "past_due": s.SubscriptionPastDue,
    "unpaid": s.SubscriptionUnpaid,
    "paused": s.SubscriptionPaused,
    "canceled": s.SubscriptionCanceled,
    "expired": s.SubscriptionExpired,
}
_STATUS: Final[dict[SubscriptionState, str]] = {
    "incomplete": INCOMPLETE,
    "trialing": "trialing",
    "active": "active",
    "past_due": "past_due",
    "unpaid": "unpaid",
    "paused": "paused",
    "canceled": "canceled",
    "expired": "incomplete_expired",
}


class Subscription(AggregateRoot):
    """What a provider bills a customer for, period after period."""

    TOPIC: ClassVar[str] = "subscription"
    Event = s.SubscriptionEvent
    Created = s.SubscriptionStarted

    view: SubscriptionView

    def __init__(self) -> None:
        """Take no arguments: the library would otherwise require the annotated fields."""

    @classmethod
    def start(
        cls,
        command: StartSubscription,
        made: ProviderSubscription,
        *,
        occurred_at: datetime,
        stream: UUID | None = None,
    ) -> Subscription:
        """Remember one that the provider made; its id follows from the provider's.

        `stream`: its id where the provider has made none yet.
        """
        return cls._create(
            s.SubscriptionStarted,
            id=stream
            or ids.for_provider_object(
                command.app_id, command.connection_id, command.mode, made.id
            ),
            timestamp=occurred_at,
            actor=command.actor,
            app_id=command.app_id,
            tenant_id=command.tenant_id,
            user_id=command.user_id,
            provider=command.provider,
            connection=command.connection,
            connection_id=command.connection_id,
            mode=command.mode,
            origin=command.origin,
            provider_subscription_id=made.id,
            customer=made.customer,
            invoice_id=command.invoice_id,
            started_at=made.started_at,
            description=made.description,
            metadata=without_ours(made.metadata),
        )

    def apply_event(self, event: s.SubscriptionEvent) -> None:
        """Fold an event into the view; runs again on every replay."""
        self.view = fold(getattr(self, "view", None), event)

    # What is asked.

    def request_action(self, command: SubscriptionCommand, *, occurred_at: datetime) -> None:
        """Remember what is asked; raises NotPossible where the state forbids it."""
        cancels = isinstance(command, CancelSubscription)
        action = "cancel" if cancels else "change"
        if self.view.status in ENDED:
            raise NotPossible(action=action, reason=f"it is {self.view.status}")
        if not self.view.provider_subscription_id:
            raise NotPossible(action=action, reason="it has not begun: void its first invoice")
        if self.view.pending_request is not None and self.view.gave_up is None:
            raise NotPossible(action=action, reason="something else is being done with it")
        facts: dict[str, Any] = {
            "app_id": self.view.app_id,
            "request_id": command.request_id,
            "request_hash": command.request_hash,
            "at_period_end": command.at_period_end,
        }
        if isinstance(command, ChangeSubscription):
            facts |= {"lines": command.lines}
            self.record_event(
                s.SubscriptionChangeRequested, occurred_at=occurred_at, actor=command.actor, **facts
            )
        else:
            self.record_event(
                s.SubscriptionCancelRequested, occurred_at=occurred_at, actor=command.actor, **facts
            )

    @property
    def pending_request(self) -> PendingRequest:
        """Return the requested action without an outcome; callers know that there is one."""
        assert self.view.pending_request is not None, "no request is pending"  # noqa: S101 - guards every caller
        return self.view.pending_request

    def start_step(self, *, occurred_at: datetime) -> StepRecord:
        """Record the step of the requested action before its first call."""
        pending = self.pending_request
        step, attempt = pending.action, pending.attempt
        known = self.view.steps.get(step)
        if known is None or known.attempt < attempt:
            self.record_event(
                s.SubscriptionStepStarted,
                occurred_at=occurred_at,
                actor=WORKER,
                step=step,
                attempt=attempt,
                key=f"billhook:{self.id}:{step}:{attempt}",
                plan={},
            )
        return self.view.steps[step]

    def step_age(self, step: str, *, occurred_at: datetime) -> timedelta:
        """Return the time since a step's first call; zero for a step that was never started."""
        record = self.view.steps.get(step)
        return timedelta(0) if record is None else occurred_at - record.started_at

    def finish_request(self, *, occurred_at: datetime) -> None:
        """Say that what is asked stands at the provider; a repetition has no effect."""
        pending = self.view.pending_request
        if pending is None:
            return
        if pending.lines is not None and pending.at_period_end and not self._has(pending.lines):
            end = self.view.period_end
            self.record_event(
                s.SubscriptionChangeScheduled,
                occurred_at=occurred_at,
                actor=WORKER,
                lines=pending.lines,
                starts_at=None if end is None else int(end.timestamp()),
            )
        self.record_event(
            s.SubscriptionRequestDone,
            occurred_at=occurred_at,
            actor=WORKER,
            request_id=pending.request_id,
            action=pending.action,
        )

    def _has(self, lines: list[dict[str, Any]]) -> bool:
        """Tell whether it is for these items already: what was asked late came by itself."""
        has = sorted((item["price"], item["quantity"]) for item in self.view.items)
        return has == sorted((line["price"], line["quantity"]) for line in lines)

    def refuse_request(
        self,
        *,
        code: str,
        message: str,
        occurred_at: datetime,
        path: str | None = None,
        provider_code: str | None = None,
    ) -> None:
        """Say that the provider refuses what is asked; a repetition has no effect."""
        pending = self.view.pending_request
        if pending is not None:
            self.record_event(
                s.SubscriptionRequestRefused,
                occurred_at=occurred_at,
                actor=WORKER,
                request_id=pending.request_id,
                action=pending.action,
                code=code,
                message=message,
                path=path,
                provider_code=provider_code,
            )

    def give_up(self, step: str, *, attempts: int, last_error: str, occurred_at: datetime) -> None:
        """Stop retrying the step until an operator resends it."""
        if self.view.pending_request is not None and self.view.gave_up is None:
            self.record_event(
                s.SubscriptionStepGaveUp,
                occurred_at=occurred_at,
                actor=WORKER,
                step=step,
                attempts=attempts,
                last_error=last_error,
            )

    def resend(self, *, actor: str, occurred_at: datetime) -> None:
        """Resend the step that gave up; no effect where none did."""
        if self.view.gave_up is not None:
            step = self.view.gave_up.step
            self.record_event(
                s.SubscriptionStepResent, occurred_at=occurred_at, actor=actor, step=step
            )

    def assign(self, tenant_id: UUID, *, actor: str, occurred_at: datetime) -> None:
        """Assign it to a tenant; one that has a tenant keeps it."""
        if self.view.tenant_id is None:
            self.record_event(
                s.SubscriptionAssigned, occurred_at=occurred_at, actor=actor, tenant_id=tenant_id
            )

    # Updates from the provider.

    def record_provider_state(
        self,
        seen: ProviderSubscription,
        *,
        source: str,
        actor: str,
        occurred_at: datetime,
        body: str | None = None,
    ) -> Effect:
        """Take in what the provider says. Ended is ended; otherwise its time counts.

        Times have one second: an equal one that says something else is asked about, and what was
        fetched wins. So is a word that leaves its discounts unsaid.
        """
        asked = source != "webhook"
        ended = self.view.status in ENDED
        over = _STATUS[seen.state] in ENDED
        if ended and not over:
            return Effect.STALE
        if seen.as_of < self.view.as_of and not (over and not ended):
            return Effect.STALE
        if seen.discounts_incomplete and not asked:
            return Effect.FETCH
        facts = _facts_of(seen)
        if _STATUS[seen.state] == self.view.status and facts == self.view.word:
            self._confirm(seen, source=source, actor=actor, occurred_at=occurred_at)
            return Effect.CONFIRMED
        if self.view.word and seen.as_of == self.view.as_of and not asked:
            return Effect.FETCH
        fact = self._fact_for(seen, facts)
        self.record_event(
            fact,
            occurred_at=occurred_at,
            actor=actor,
            source=source,
            as_of=seen.as_of,
            body=body,
            **facts,
        )
        return Effect.CHANGED

    def is_ambiguous(self, seen: ProviderSubscription) -> bool:
        """Tell whether a word of the same second says otherwise than what is known."""
        if not self.view.word or seen.as_of != self.view.as_of:
            return False
        return _STATUS[seen.state] != self.view.status or _facts_of(seen) != self.view.word

    def _confirm(
        self, seen: ProviderSubscription, *, source: str, actor: str, occurred_at: datetime
    ) -> None:
        """Remember when it was last so.

        Of a webhook also within the second: an answer that is on its way may have seen it otherwise
        and must not count. An import that is run again leaves no trace where nothing is new.
        """
        again = source == "webhook" and seen.as_of == self.view.as_of
        if again or (seen.as_of > self.view.as_of and source != "import"):
            self.record_event(
                s.SubscriptionStateConfirmed,
                occurred_at=occurred_at,
                actor=actor,
                source=source,
                as_of=seen.as_of,
            )

    def _fact_for(
        self, seen: ProviderSubscription, facts: dict[str, Any]
    ) -> type[s.SubscriptionStateEvent]:
        """Name what the word amounts to; each fact carries the whole state."""
        if not self.view.word or _STATUS[seen.state] != self.view.status:
            return _EVENTS[seen.state]
        known = self.view.word
        if _plan(facts) != _plan(known):
            return s.SubscriptionPlanChanged
        if facts["period_end"] != known["period_end"]:
            return s.SubscriptionRenewed
        return s.SubscriptionEndChanged


def _plan(facts: dict[str, Any]) -> tuple[Any, ...]:
    return facts["items"], facts["monthly_minor"], facts["currency"]


def _facts_of(seen: ProviderSubscription) -> dict[str, Any]:
    """Write a word down as events carry it."""
    shown = (
        "id", "price", "name", "quantity", "amount_minor", "currency", "interval",
        "interval_count",
    )  # fmt: skip
    items = [asdict(item) for item in seen.items]
    return {
        "currency": seen.currency,
        "items": [{name: item[name] for name in shown} for item in items],
        "monthly_minor": monthly_minor(seen),
        "period_start": seen.period_start,
        "period_end": seen.period_end,
        "trial_end": seen.trial_end,
        "cancel_at": seen.cancel_at,
        "canceled_at": seen.canceled_at,
        "ended_at": seen.ended_at,
    }
