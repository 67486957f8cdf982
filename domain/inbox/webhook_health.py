"""Health of a connection's webhook endpoint at its provider, recorded when it changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.core import ids
from domain.core.aggregate import AggregateRoot, DomainEvent

HEALTHY: Final = "healthy"
DISABLED: Final = "disabled"
MISSING: Final = "missing"
MISCONFIGURED: Final = "misconfigured"
STATES: Final = (HEALTHY, DISABLED, MISSING, MISCONFIGURED)


@dataclass(frozen=True, kw_only=True)
class EndpointState:
    """State of an endpoint. `problems`: what is wrong, without a secret and without the URL.

    `disabled`: the provider delivers nothing. `missing`: no endpoint has the connection's URL.
    `misconfigured`: events arrive that cannot be verified or read, or some do not arrive.
    """

    state: str
    endpoint_id: str | None = None
    problems: Sequence[str] = ()


class WebhookHealthEvent(DomainEvent):
    """Base class of the events of an endpoint's health."""


class WebhookHealthObserved(WebhookHealthEvent, Aggregate.Created):
    """The endpoint of a connection was checked for the first time; fields as in EndpointState."""

    TOPIC: ClassVar[str] = "webhook_health.observed"
    app_id: UUID
    connection: str
    connection_id: UUID
    provider: str
    mode: str
    state: str
    endpoint_id: str | None
    problems: list[str]


class WebhookHealthChanged(WebhookHealthEvent):
    """A check found another state, endpoint or problem than the one before."""

    TOPIC: ClassVar[str] = "webhook_health.changed"
    app_id: UUID
    state: str
    endpoint_id: str | None
    problems: list[str]


class WebhookHealth(AggregateRoot):
    """The health of one connection's webhook endpoint."""

    TOPIC: ClassVar[str] = "webhook_health"
    Event = WebhookHealthEvent
    Created = WebhookHealthObserved

    app_id: UUID
    known: EndpointState

    def __init__(self) -> None:
        """Accept no arguments: the library would require the annotated fields."""

    @classmethod
    def observe(
        cls,
        seen: EndpointState,
        *,
        app_id: UUID,
        connection: str,
        connection_id: UUID,
        provider: str,
        mode: str,
        actor: str,
        occurred_at: datetime,
    ) -> WebhookHealth:
        """Record the first check."""
        return cls._create(
            WebhookHealthObserved,
            id=ids.for_webhook_health(connection_id),
            timestamp=occurred_at,
            actor=actor,
            app_id=app_id,
            connection=connection,
            connection_id=connection_id,
            provider=provider,
            mode=mode,
            **_fields(seen),
        )

    def update(self, seen: EndpointState, *, actor: str, occurred_at: datetime) -> None:
        """Record a check that differs from the one before; any other has no effect."""
        if _fields(seen) != _fields(self.known):
            self.record_event(
                WebhookHealthChanged,
                occurred_at=occurred_at,
                actor=actor,
                app_id=self.app_id,
                **_fields(seen),
            )

    def apply_event(self, event: WebhookHealthEvent) -> None:
        """Assign the fields of an event; runs again on every replay."""
        match event:
            case WebhookHealthObserved() | WebhookHealthChanged():
                self.app_id = event.app_id
                self.known = EndpointState(
                    state=event.state, endpoint_id=event.endpoint_id, problems=event.problems
                )


def _fields(seen: EndpointState) -> dict[str, Any]:
    return {
        "state": seen.state,
        "endpoint_id": seen.endpoint_id,
        "problems": list(seen.problems),
    }
