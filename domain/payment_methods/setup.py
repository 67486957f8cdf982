"""Setups: a tenant leaves a payment method on the provider's page, and decisions about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final

from domain.core.aggregate import AggregateRoot
from domain.core.effects import WORKER, Effect
from domain.core.steps import GaveUp, StepPlan, StepRecord, step_age, step_key
from domain.gateway.setups import ProviderMethod, SetupSession
from domain.payment_methods import events as s
from domain.payment_methods.commands import RequestSetup
from domain.payment_methods.view import (
    COMPLETED,
    EXPIRED,
    OPEN,
    REQUESTED,
    REVOKED,
    SUBMITTED,
    MethodSetupView,
    first_view,
    fold_end,
)

# The steps: the page is opened; what was left there becomes what is charged by default.
OPEN_PAGE: Final = "open"
DEFAULTING: Final = "default"


@dataclass(frozen=True, kw_only=True)
class OpenPagePlan(StepPlan):
    """Step `open`: the customer who leaves a method on the page."""

    customer: str


@dataclass(frozen=True, kw_only=True)
class DefaultMethodPlan(StepPlan):
    """Step `default`: the method to make the default. `before`: the last default, or empty."""

    method: str
    before: str


class MethodSetup(AggregateRoot):
    """A page at the provider where a tenant's customer leaves a method to be charged by."""

    TOPIC: ClassVar[str] = "method_setup"
    Event = s.MethodSetupEvent
    Created = s.SetupRequested

    view: MethodSetupView

    def __init__(self) -> None:
        """Accept no arguments: the library would otherwise require the annotated fields."""

    @classmethod
    def request(cls, command: RequestSetup, *, occurred_at: datetime) -> MethodSetup:
        """Request a page; the caller has validated the command."""
        facts = {name: value for name, value in vars(command).items() if name != "setup_id"}
        return cls._create(s.SetupRequested, id=command.setup_id, timestamp=occurred_at, **facts)

    # Steps: what we are about to ask of the provider.

    @property
    def step(self) -> str | None:
        """Name the step that is to be done; None where none is."""
        return {REQUESTED: OPEN_PAGE, SUBMITTED: DEFAULTING}.get(self.view.status)

    def start_step(
        self, step: str, *, occurred_at: datetime, plan: StepPlan, attempt: int = 1
    ) -> StepRecord:
        """Record a step before its first call; later tries keep the first record."""
        known = self.view.steps.get(step)
        if known is None or known.attempt < attempt:
            self.record_event(
                s.SetupStepStarted,
                occurred_at=occurred_at,
                actor=WORKER,
                step=step,
                attempt=attempt,
                key=step_key(self.id, step, attempt),
                plan=plan.to_fields(),
            )
        return self.view.steps[step]

    def step_age(self, step: str, *, occurred_at: datetime) -> timedelta:
        """Return the time since a step's first call; zero for a step that was never started."""
        return step_age(self.view.steps, step, now=occurred_at)

    def record_completed(self, method: ProviderMethod, *, occurred_at: datetime) -> None:
        """Record that the method is the default; a repetition has no effect."""
        if self.view.status == SUBMITTED:
            self.record_event(
                s.SetupCompleted,
                occurred_at=occurred_at,
                actor=WORKER,
                payment_method=method.id,
                method_type=method.type,
                brand=method.brand,
                last4=method.last4,
            )

    def reject(
        self,
        *,
        code: str,
        message: str,
        occurred_at: datetime,
        path: str | None = None,
        provider_code: str | None = None,
    ) -> None:
        """Refuse for good what is under way; a repetition has no effect."""
        if self.step is not None:
            self.record_event(
                s.SetupRejected,
                occurred_at=occurred_at,
                actor=WORKER,
                code=code,
                message=message,
                path=path,
                provider_code=provider_code,
            )

    def give_up(self, *, attempts: int, last_error: str, occurred_at: datetime) -> None:
        """Stop trying the step until an operator sends it again."""
        if self.step is not None and self.view.gave_up is None:
            self.record_event(
                s.SetupGaveUp,
                occurred_at=occurred_at,
                actor=WORKER,
                step=self.step,
                attempts=attempts,
                last_error=last_error,
            )

    def resend(self, *, actor: str, occurred_at: datetime) -> None:
        """Resend the step that gave up; no effect where none did."""
        if self.view.gave_up is not None:
            self.record_event(
                s.SetupResent,
                occurred_at=occurred_at,
                actor=actor,
                step=str(self.view.gave_up.step),
            )

    # Updates from the provider.

    def record_session(
        self, session: SetupSession, *, source: str, actor: str, occurred_at: datetime
    ) -> Effect:
        """Apply the page's state. The first page counts; its final states are permanent."""
        known = self.view.session_id
        if known not in (None, session.id):
            return Effect.STALE
        match session.state:
            case "open":
                return self._record_open(session, actor=actor, occurred_at=occurred_at)
            case "complete":
                return self._record_submitted(
                    session, source=source, actor=actor, occurred_at=occurred_at
                )
        if known is None:
            return Effect.STALE  # nobody was shown it: another one is opened in its place
        if self.view.status != OPEN:
            return Effect.CONFIRMED if self.view.status == EXPIRED else Effect.STALE
        self.record_event(
            s.SetupExpired,
            occurred_at=occurred_at,
            actor=actor,
            session_id=session.id,
            source=source,
        )
        return Effect.CHANGED

    def _record_open(self, session: SetupSession, *, actor: str, occurred_at: datetime) -> Effect:
        if self.view.status != REQUESTED:
            return Effect.CONFIRMED if self.view.status == OPEN else Effect.STALE
        self.record_event(
            s.SetupOpened,
            occurred_at=occurred_at,
            actor=actor,
            session_id=session.id,
            customer=session.customer,
            url=session.url,
            expires_at=session.expires_at,
        )
        return Effect.CHANGED

    def _record_submitted(
        self, session: SetupSession, *, source: str, actor: str, occurred_at: datetime
    ) -> Effect:
        if self.view.status == COMPLETED and session.is_method_gone:
            return self._record_revoked(source=source, actor=actor, occurred_at=occurred_at)
        if self.view.status in (SUBMITTED, COMPLETED, REVOKED):
            return Effect.CONFIRMED
        if self.view.status not in (REQUESTED, OPEN):
            return Effect.STALE
        self.record_event(
            s.SetupSubmitted,
            occurred_at=occurred_at,
            actor=actor,
            app_id=self.view.app_id,
            session_id=session.id,
            customer=session.customer,
            source=source,
        )
        return Effect.CHANGED

    def _record_revoked(self, *, source: str, actor: str, occurred_at: datetime) -> Effect:
        method = self.view.method or {}
        self.record_event(
            s.SetupRevoked,
            occurred_at=occurred_at,
            actor=actor,
            payment_method=method.get("id") or "",
            source=source,
        )
        return Effect.CHANGED

    def apply_event(self, event: s.MethodSetupEvent) -> None:
        """Assign the fields of an event; runs again on every replay."""
        if isinstance(event, s.SetupRequested):
            self.view = first_view(event)
            return
        self.view.updated_at = event.timestamp
        match event:
            case s.SetupStepStarted():
                self.view.steps[event.step] = StepRecord(
                    event.step, event.attempt, event.key, event.timestamp, dict(event.plan)
                )
            case s.SetupGaveUp():
                self.view.gave_up = GaveUp(event.step, event.attempts, event.last_error)
            case s.SetupResent():
                self.view.gave_up = None
            case _:
                fold_end(self.view, event)
