"""The one fold of a subscription: what the read model stores and answers show.

Pure: no clock, no provider, never raises on an old event.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from domain.catalogue.pricing import ChargeLine
from domain.core import ids
from domain.core.calendar import from_unix
from domain.core.failures import Failure
from domain.core.steps import GaveUp, StepRecord
from domain.subscriptions import events as s
from domain.subscriptions.items import (
    LaterPhase,
    NextTerms,
    RequestedPrice,
    ScheduledChange,
    ScheduledItem,
    SubscribedItem,
    Terms,
    read_items,
    read_phases,
    read_requested,
    read_terms,
)

INCOMPLETE: Final = "incomplete"

_STATUS: Final[dict[type[s.SubscriptionStateEvent], str]] = {
    s.SubscriptionIncomplete: INCOMPLETE,
    s.SubscriptionTrialing: "trialing",
    s.SubscriptionActivated: "active",
    s.SubscriptionPastDue: "past_due",
    s.SubscriptionUnpaid: "unpaid",
    s.SubscriptionPaused: "paused",
    s.SubscriptionCanceled: "canceled",
    s.SubscriptionExpired: "incomplete_expired",
}
STATUSES: Final = tuple(_STATUS.values())
ENDED: Final = frozenset({"canceled", "incomplete_expired"})
# What counts as revenue that comes again.
EARNING: Final = frozenset({"active", "past_due"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingRequest:
    """A requested action that has no outcome yet; `lines`: of a change."""

    action: str
    request_id: UUID
    attempt: int
    at_period_end: bool
    lines: list[RequestedPrice] | None


@dataclass(slots=True)
class SubscriptionView:
    """A subscription as callers see it, and (from `as_of` down) what decisions need."""

    id: UUID
    app_id: UUID
    tenant_id: UUID | None
    user_id: str | None
    provider: str
    connection: str
    connection_id: UUID
    mode: str
    origin: str
    provider_subscription_id: str
    customer: str | None
    invoice_id: UUID | None
    created_at: datetime
    updated_at: datetime
    description: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    status: str = INCOMPLETE
    currency: str | None = None
    items: list[SubscribedItem] = field(default_factory=list)
    monthly_minor: int | None = 0
    period_start: datetime | None = None
    period_end: datetime | None = None
    trial_end: datetime | None = None
    cancel_at: datetime | None = None
    canceled_at: datetime | None = None
    ended_at: datetime | None = None
    scheduled: ScheduledChange | None = None
    scheduled_phases: list[LaterPhase] = field(default_factory=list)
    failure: Failure | None = None
    as_of: int = 0
    provider_fields: dict[str, Any] = field(default_factory=dict)
    body: str | None = None
    steps: dict[str, StepRecord] = field(default_factory=dict)
    pending_request: PendingRequest | None = None
    gave_up: GaveUp | None = None
    terms: Terms | None = None
    next_terms: NextTerms | None = None
    mandate: str | None = None
    ends_at: int | None = None

    @property
    def body_owner(self) -> UUID | None:
        """Owner of the stored provider payloads: the app's tenant, whose erasure deletes them."""
        return None if self.tenant_id is None else ids.for_tenant(self.app_id, self.tenant_id)

    @property
    def recurring_minor(self) -> int:
        """Return the contribution to monthly recurring revenue."""
        return self.monthly_minor or 0 if self.status in EARNING else 0


def items_mark(view: SubscriptionView) -> str:
    """Return a text that is another one once the items, or the change that waits, are others."""
    items = sorted(f"{item.price} {item.quantity}" for item in view.items)
    lines = [] if view.scheduled is None else view.scheduled.lines
    scheduled = sorted(f"{line.price} {line.quantity}" for line in lines)
    return sha256(repr((items, scheduled)).encode()).hexdigest()


def fold(view: SubscriptionView | None, event: s.SubscriptionEvent) -> SubscriptionView:
    """Apply one event. The view is changed in place and returned; the first event creates it."""
    if view is None:
        return _first_view(event)
    view.updated_at = event.timestamp
    match event:
        case s.SubscriptionStateEvent():
            _apply_provider_fields(view, event)
        case s.SubscriptionStateConfirmed():
            view.as_of = max(view.as_of, event.as_of)
        case s.SubscriptionAssigned():
            view.tenant_id = event.tenant_id
        case s.SubscriptionStepStarted():
            view.steps[event.step] = StepRecord(
                event.step, event.attempt, event.key, event.timestamp, dict(event.plan)
            )
        case s.SubscriptionChangeScheduled():
            view.scheduled = ScheduledChange(
                read_requested(event.lines), from_unix(event.starts_at)
            )
        case s.SubscriptionTermsAgreed() | s.SubscriptionEndScheduled() | s.SubscriptionLinked():
            _take_agreement(view, event)
        case s.SubscriptionStepGaveUp():
            view.gave_up = GaveUp(event.step, event.attempts, event.last_error)
        case s.SubscriptionStepResent():
            view.gave_up = None
        case _:
            _take_request(view, event)
    return view


def _first_view(event: s.SubscriptionEvent) -> SubscriptionView:
    assert isinstance(event, s.SubscriptionStarted), "a subscription's first fact"  # noqa: S101 - STYLE: assert what must hold
    return SubscriptionView(
        id=UUID(str(event.originator_id)),
        app_id=event.app_id,
        tenant_id=event.tenant_id,
        user_id=event.user_id,
        provider=event.provider,
        connection=event.connection,
        connection_id=event.connection_id,
        mode=event.mode,
        origin=event.origin,
        provider_subscription_id=event.provider_subscription_id,
        customer=event.customer,
        invoice_id=event.invoice_id,
        created_at=from_unix(event.started_at) or event.timestamp,
        updated_at=event.timestamp,
        description=event.description,
        metadata=dict(event.metadata),
    )


_PROVIDER_FIELDS: Final = (
    "currency", "items", "monthly_minor", "period_start", "period_end", "trial_end", "cancel_at",
    "canceled_at", "ended_at", "scheduled_phases", "scheduled_change",
)  # fmt: skip


def _apply_provider_fields(view: SubscriptionView, event: s.SubscriptionStateEvent) -> None:
    view.as_of = max(view.as_of, event.as_of)
    view.body = event.body or view.body
    view.status = _STATUS.get(type(event), view.status)
    _follow_own_schedule(view, event)
    view.provider_fields = {name: getattr(event, name) for name in _PROVIDER_FIELDS}
    view.currency = event.currency
    view.items = read_items(event.items)
    view.monthly_minor = event.monthly_minor
    view.period_start, view.period_end = from_unix(event.period_start), from_unix(event.period_end)
    view.trial_end, view.cancel_at = from_unix(event.trial_end), from_unix(event.cancel_at)
    view.canceled_at, view.ended_at = from_unix(event.canceled_at), from_unix(event.ended_at)
    view.scheduled_phases = read_phases(event.scheduled_phases)
    has_begun = isinstance(event, s.SubscriptionPlanChanged) and event.scheduled_change is None
    if has_begun or view.status in ENDED:
        view.scheduled = None
    upcoming = view.next_terms
    begun = upcoming is not None and (event.period_end or 0) > upcoming.starts_at
    if upcoming is not None and begun and _is_for(view.items, upcoming.terms):
        view.terms, view.next_terms, view.scheduled = upcoming.terms, None, None


def _follow_own_schedule(view: SubscriptionView, event: s.SubscriptionStateEvent) -> None:
    """Apply the change that our schedule still has at the provider, where others may edit it."""
    if event.scheduled_change is None:
        if view.provider_fields.get("scheduled_change") is not None:
            view.scheduled = None
        return
    (phase,) = read_phases([event.scheduled_change])
    lines = None if view.scheduled is None else view.scheduled.lines
    if lines is None or _prices(lines) != _prices(phase.items):
        lines = [RequestedPrice(item.price, _quantity(item)) for item in phase.items]
    view.scheduled = ScheduledChange(lines, from_unix(phase.starts_at))


def _is_for(items: list[SubscribedItem], terms: Terms) -> bool:
    """Return whether a state names the items of these terms; the provider may lag behind them."""
    return _prices(items) == _prices(terms.lines)


_Line = RequestedPrice | ScheduledItem | SubscribedItem | ChargeLine


def _prices(lines: Iterable[_Line]) -> list[tuple[str, int]]:
    return sorted((line.price or "", _quantity(line)) for line in lines)


def _quantity(line: _Line) -> int:
    """Return a line's quantity; one that is billed by usage is requested as 1, and has none."""
    return 1 if line.quantity is None else line.quantity


def _take_agreement(
    view: SubscriptionView,
    event: s.SubscriptionTermsAgreed | s.SubscriptionEndScheduled | s.SubscriptionLinked,
) -> None:
    """Fold what we keep where the provider knows a sum and a mandate alone."""
    match event:
        case s.SubscriptionTermsAgreed(starts_at=None):
            view.terms, view.next_terms = read_terms(event.terms), None
        case s.SubscriptionTermsAgreed(starts_at=int() as starts_at):
            view.next_terms = NextTerms(read_terms(event.terms), starts_at)
        case s.SubscriptionEndScheduled():
            view.ends_at = event.ends_at
        case s.SubscriptionLinked():
            view.provider_subscription_id = event.provider_subscription_id
            view.mandate, view.gave_up = event.mandate, None
            if view.status in ENDED:
                # Its payment was given up for another one, and then paid after all.
                view.status, view.ended_at = INCOMPLETE, None


def _take_request(view: SubscriptionView, event: s.SubscriptionEvent) -> None:
    match event:
        case s.SubscriptionCancelRequested() | s.SubscriptionChangeRequested():
            step, lines = "cancel", None
            if isinstance(event, s.SubscriptionChangeRequested):
                step, lines = "change", read_requested(event.lines)
            before = view.steps.get(step)
            view.pending_request = PendingRequest(
                action=step,
                request_id=event.request_id,
                attempt=1 if before is None else before.attempt + 1,
                at_period_end=event.at_period_end,
                lines=lines,
            )
            view.failure, view.gave_up = None, None
        case s.SubscriptionRequestDone():
            later = view.pending_request is not None and view.pending_request.at_period_end
            if event.action == "cancel" or not later:
                # What was to come with the next period was called off for it.
                view.scheduled = None
            view.pending_request = None
        case s.SubscriptionRequestRefused():
            view.pending_request = None
            view.failure = Failure(
                code=event.code,
                message=event.message,
                path=event.path,
                provider_code=event.provider_code,
            )
