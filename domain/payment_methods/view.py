"""State of a setup, and its fold from the events that end a step."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from domain.core.calendar import from_unix
from domain.core.failures import Failure
from domain.core.steps import GaveUp, StepRecord
from domain.payment_methods import events as s

REQUESTED: Final = "requested"
OPEN: Final = "open"
SUBMITTED: Final = "submitted"
COMPLETED: Final = "completed"
EXPIRED: Final = "expired"
REJECTED: Final = "rejected"
REVOKED: Final = "revoked"
STATUSES: Final = (REQUESTED, OPEN, SUBMITTED, COMPLETED, EXPIRED, REJECTED, REVOKED)


@dataclass(slots=True)
class MethodSetupView:
    """A setup as callers see it, and (from `session_id` down) what decisions need."""

    id: UUID
    app_id: UUID
    tenant_id: UUID
    provider: str
    connection: str
    connection_id: UUID
    mode: str
    redirect_url: str
    created_at: datetime
    updated_at: datetime
    status: str = REQUESTED
    url: str | None = None
    expires_at: datetime | None = None
    method: dict[str, str | None] | None = None
    failure: Failure | None = None
    session_id: str | None = None
    customer: str | None = None
    steps: dict[str, StepRecord] = field(default_factory=dict)
    gave_up: GaveUp | None = None


def first_view(event: s.SetupRequested) -> MethodSetupView:
    """Return the view of a setup that was just requested."""
    return MethodSetupView(
        id=event.originator_id,
        app_id=event.app_id,
        tenant_id=event.tenant_id,
        provider=event.provider,
        connection=event.connection,
        connection_id=event.connection_id,
        mode=event.mode,
        redirect_url=event.redirect_url,
        created_at=event.timestamp,
        updated_at=event.timestamp,
    )


def fold_end(view: MethodSetupView, event: s.MethodSetupEvent) -> None:
    """Fold what a step, or the customer on the page, came to."""
    view.gave_up = None
    match event:
        case s.SetupOpened():
            view.status, view.session_id, view.customer = OPEN, event.session_id, event.customer
            view.url, view.expires_at = event.url, from_unix(event.expires_at)
            return
        case s.SetupSubmitted():
            view.status = SUBMITTED
            view.session_id, view.customer = event.session_id, event.customer
        case s.SetupCompleted():
            view.status = COMPLETED
            view.method = {
                "id": event.payment_method,
                "type": event.method_type,
                "brand": event.brand,
                "last4": event.last4,
            }
        case s.SetupRejected():
            view.status = REJECTED
            view.failure = Failure(
                code=event.code,
                message=event.message,
                path=event.path,
                provider_code=event.provider_code,
            )
        case s.SetupExpired():
            view.status = EXPIRED
        case s.SetupRevoked():
            view.status = REVOKED
    # A page that is over is not shown again.
    view.url = None
