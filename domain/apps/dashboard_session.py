"""Dashboard sessions of people who sign in at an identity provider."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.core import ids
from domain.core.aggregate import AggregateRoot, DomainEvent

SessionRole = Literal["read", "admin"]


@dataclass(frozen=True, kw_only=True)
class OpenSession:
    """Open a session of one app.

    `state`: the sign-in's own random text, so that it opens one session at most. `secret_sha256`:
    the text in the session's cookie that finds it. `person`: the issuer's name of the person.
    `ends_at`: epoch s.
    """

    app_id: UUID
    state: str
    role: SessionRole
    secret_sha256: str
    issuer: str
    person: str
    ends_at: int

    @property
    def session_id(self) -> UUID:
        """Return the id of the session."""
        return ids.for_dashboard_session(self.state)


class DashboardSessionEvent(DomainEvent):
    """Base class of a session's events."""


class DashboardSessionOpened(DashboardSessionEvent, Aggregate.Created):
    """A person signed in at the issuer and may read or act until `ends_at` (epoch s)."""

    TOPIC: ClassVar[str] = "dashboard_session.opened"
    app_id: UUID
    role: str
    secret_sha256: str
    issuer: str
    person: str
    ends_at: int


class DashboardSessionEnded(DashboardSessionEvent):
    """The person signed out, or somebody else ended the session."""

    TOPIC: ClassVar[str] = "dashboard_session.ended"
    app_id: UUID


class DashboardSession(AggregateRoot):
    """A dashboard session of a person; requests with an ended one are refused."""

    TOPIC: ClassVar[str] = "dashboard_session"
    Event = DashboardSessionEvent
    Created = DashboardSessionOpened

    app_id: UUID
    ended: bool

    def __init__(self) -> None:
        """Accept no arguments: the library would require the annotated fields."""

    @classmethod
    def open(cls, command: OpenSession, *, occurred_at: datetime) -> DashboardSession:
        """Open a session; the store refuses a second one of the same sign-in."""
        return cls._create(
            DashboardSessionOpened,
            id=command.session_id,
            timestamp=occurred_at,
            actor=f"session:{command.session_id}",
            app_id=command.app_id,
            role=command.role,
            secret_sha256=command.secret_sha256,
            issuer=command.issuer,
            person=command.person,
            ends_at=command.ends_at,
        )

    def end(self, *, actor: str, occurred_at: datetime) -> None:
        """End the session; a repetition has no effect."""
        if not self.ended:
            self.record_event(
                DashboardSessionEnded, occurred_at=occurred_at, actor=actor, app_id=self.app_id
            )

    def apply_event(self, event: DashboardSessionEvent) -> None:
        """Assign the fields of an event; runs again on every replay."""
        match event:
            case DashboardSessionOpened():
                self.app_id, self.ended = event.app_id, False
            case DashboardSessionEnded():
                self.ended = True
