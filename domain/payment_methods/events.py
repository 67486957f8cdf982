"""The events of a setup of a payment method. A released event is never edited: add a field.

Provider times are Unix seconds by the provider's clock.
"""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.core.aggregate import DomainEvent


class MethodSetupEvent(DomainEvent):
    """Base class of a setup's events."""


class SetupRequested(MethodSetupEvent, Aggregate.Created):
    """Someone asked for a page where a tenant leaves a payment method.

    `redirect_url`: where its customer goes from there.
    """

    TOPIC: ClassVar[str] = "method_setup.requested"
    app_id: UUID
    tenant_id: UUID
    provider: str
    connection: str
    connection_id: UUID
    mode: str
    redirect_url: str
    request_hash: str


class SetupStepStarted(MethodSetupEvent):
    """A step is about to call the provider under `key` for the first time."""

    TOPIC: ClassVar[str] = "method_setup.step_started"
    step: str
    attempt: int
    key: str
    plan: dict[str, str]


class SetupOpened(MethodSetupEvent):
    """The page is there, until `expires_at`. Whoever has `url` can leave a method, and no more."""

    TOPIC: ClassVar[str] = "method_setup.opened"
    session_id: str
    customer: str
    url: str
    expires_at: int


class SetupSubmitted(MethodSetupEvent):
    """The customer has left a method there; it is not yet what is charged by default."""

    TOPIC: ClassVar[str] = "method_setup.submitted"
    app_id: UUID
    session_id: str
    customer: str
    source: str


class SetupCompleted(MethodSetupEvent):
    """The method is what the customer is charged by where a request names none.

    `brand` and `last4` tell people cards apart; other methods may have none.
    """

    TOPIC: ClassVar[str] = "method_setup.completed"
    payment_method: str
    method_type: str
    brand: str | None
    last4: str | None


class SetupRejected(MethodSetupEvent):
    """The provider refused for good."""

    TOPIC: ClassVar[str] = "method_setup.rejected"
    code: str
    message: str
    path: str | None
    provider_code: str | None


class SetupExpired(MethodSetupEvent):
    """The page expired without a payment method."""

    TOPIC: ClassVar[str] = "method_setup.expired"
    session_id: str
    source: str


class SetupRevoked(MethodSetupEvent):
    """The saved method is no longer at the provider: it was revoked there."""

    TOPIC: ClassVar[str] = "method_setup.revoked"
    payment_method: str
    source: str


class SetupGaveUp(MethodSetupEvent):
    """A step used up its tries; an operator must look and can send it again."""

    TOPIC: ClassVar[str] = "method_setup.step_gave_up"
    step: str
    attempts: int
    last_error: str


class SetupResent(MethodSetupEvent):
    """An operator sent a step that gave up again."""

    TOPIC: ClassVar[str] = "method_setup.step_resent"
    step: str
