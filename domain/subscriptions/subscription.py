"""The subscription aggregate: periodic billing of a customer, and the decisions about it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from domain.core import ids
from domain.core.aggregate import AggregateRoot
from domain.core.effects import WORKER, Effect
from domain.core.errors import NotPossible
from domain.core.metadata import without_ours
from domain.core.steps import StepRecord, step_age, step_key
from domain.gateway.subscriptions import ProviderSubscription
from domain.subscriptions import events as s
from domain.subscriptions.commands import (
    CancelSubscription,
    ChangeSubscription,
    StartSubscription,
    SubscriptionCommand,
)
from domain.subscriptions.items import has_lines
from domain.subscriptions.state_fields import EVENTS, STATUS, change_time, plan_of, state_fields
from domain.subscriptions.view import ENDED, PendingRequest, SubscriptionView, fold, items_mark


class Subscription(AggregateRoot):
    """A subscription of a customer at a provider, billed each period."""

    TOPIC: ClassVar[str] = "subscription"
    Event = s.SubscriptionEvent
    Created = s.SubscriptionStarted

    view: SubscriptionView

    def __init__(self) -> None:
        """Accept no arguments: the library would otherwise require the annotated fields."""

    @classmethod
    def start(
        cls,
        command: StartSubscription,
        made: ProviderSubscription,
        *,
        occurred_at: datetime,
        stream: UUID | None = None,
    ) -> Subscription:
        """Record a subscription that the provider created; its id is derived from the provider's.

        `stream`: the id to use where the provider has created none yet.
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

    # Requested actions.

    def request_action(self, command: SubscriptionCommand, *, occurred_at: datetime) -> None:
        """Record a requested action. Raises NotPossible where the state forbids it."""
        cancels = isinstance(command, CancelSubscription)
        action = "cancel" if cancels else "change"
        if self.view.status in ENDED:
            raise NotPossible(action=action, reason=f"it is {self.view.status}")
        if not self.view.provider_subscription_id:
            raise NotPossible(action=action, reason="it has not begun: void its first invoice")
        if self.view.pending_request is not None and self.view.gave_up is None:
            raise NotPossible(action=action, reason="something else is being done with it")
        seen = command.seen if isinstance(command, ChangeSubscription) else None
        if seen is not None and seen != items_mark(self.view):
            raise NotPossible(action=action, reason="its items have changed since you saw them")
        facts: dict[str, Any] = {
            "app_id": self.view.app_id,
            "request_id": command.request_id,
            "request_hash": command.request_hash,
            "at_period_end": command.at_period_end,
        }
        if isinstance(command, ChangeSubscription):
            facts |= {"lines": [asdict(line) for line in command.lines]}
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
                key=step_key(self.id, step, attempt),
                plan={},
            )
        return self.view.steps[step]

    def step_age(self, step: str, *, occurred_at: datetime) -> timedelta:
        """Return the time since a step's first call; zero for a step that was never started."""
        return step_age(self.view.steps, step, now=occurred_at)

    def finish_request(self, *, occurred_at: datetime) -> None:
        """Record that the provider carried out the request; a repetition has no effect."""
        pending = self.view.pending_request
        if pending is None:
            return
        lines = pending.lines
        if lines is not None and pending.at_period_end and not has_lines(self.view.items, lines):
            end = self.view.period_end
            self.record_event(
                s.SubscriptionChangeScheduled,
                occurred_at=occurred_at,
                actor=WORKER,
                lines=[asdict(line) for line in lines],
                starts_at=None if end is None else int(end.timestamp()),
            )
        self.record_event(
            s.SubscriptionRequestDone,
            occurred_at=occurred_at,
            actor=WORKER,
            request_id=pending.request_id,
            action=pending.action,
        )

    def refuse_request(
        self,
        *,
        code: str,
        message: str,
        occurred_at: datetime,
        path: str | None = None,
        provider_code: str | None = None,
    ) -> None:
        """Record that the provider refused the request; a repetition has no effect."""
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
        """Apply a provider's snapshot; an ended subscription stays ended, else the newer one wins.

        Times have a resolution of one second: a webhook of the same second with another state, or
        an incomplete one, requires a fetch, and the fetched snapshot wins.
        """
        was_fetched = source != "webhook"
        ended = self.view.status in ENDED
        over = STATUS[seen.state] in ENDED
        if ended and not over:
            return Effect.STALE
        if seen.as_of < self.view.as_of and not (over and not ended):
            return Effect.STALE
        if seen.is_incomplete and not was_fetched:
            return Effect.FETCH
        facts = state_fields(seen)
        if STATUS[seen.state] == self.view.status and facts == self.view.provider_fields:
            self._confirm(seen, source=source, actor=actor, occurred_at=occurred_at)
            return Effect.CONFIRMED
        if self.view.provider_fields and seen.as_of == self.view.as_of and not was_fetched:
            return Effect.FETCH
        self.record_event(
            self._fact_for(seen, facts),
            occurred_at=occurred_at,
            actor=actor,
            source=source,
            as_of=seen.as_of,
            body=body,
            changed_at=change_time(seen, known_as_of=self.view.as_of),
            **facts,
        )
        return Effect.CHANGED

    def is_ambiguous(self, seen: ProviderSubscription) -> bool:
        """Return whether a snapshot of the same second differs from the recorded state."""
        if not self.view.provider_fields or seen.as_of != self.view.as_of:
            return False
        return (
            STATUS[seen.state] != self.view.status
            or state_fields(seen) != self.view.provider_fields
        )

    def _confirm(
        self, seen: ProviderSubscription, *, source: str, actor: str, occurred_at: datetime
    ) -> None:
        """Record the time of a snapshot that changes nothing.

        A webhook is recorded within the same second too, so that a pending answer with an older
        state does not count. A repeated import records nothing.
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
        """Return the event class of a changed state; each event holds the whole state."""
        if not self.view.provider_fields or STATUS[seen.state] != self.view.status:
            return EVENTS[seen.state]
        known = self.view.provider_fields
        if plan_of(facts) != plan_of(known):
            return s.SubscriptionPlanChanged
        if facts["period_end"] != known["period_end"]:
            return s.SubscriptionRenewed
        return s.SubscriptionEndChanged
