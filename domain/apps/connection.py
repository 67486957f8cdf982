"""Connections: one app's credentials for one provider and mode."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import ClassVar, Final
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.apps.commands import DeleteConnection, SetConnection
from domain.core import ids
from domain.core.aggregate import AggregateRoot, DomainEvent
from domain.core.errors import Contradiction, NotFound

WEBHOOK_SECRETS: Final = 10  # at most: each is tried for each delivery


def secret_context(app_id: UUID, name: str) -> str:
    """Name what a connection's secrets are sealed for, so that they open nowhere else."""
    return f"connection:{app_id}:{name}"


def secret_mark(secret: str) -> str:
    """Return a fingerprint that identifies a secret without revealing it."""
    return sha256(secret.encode()).hexdigest()[:12]


class ConnectionEvent(DomainEvent):
    """Base class of a connection's events."""


class ConnectionCreated(ConnectionEvent, Aggregate.Created):
    """An app can charge through a provider. `connection_id` is random: webhook URLs carry it."""

    TOPIC: ClassVar[str] = "connection.created"
    app_id: UUID
    connection_id: UUID
    name: str
    provider: str
    mode: str
    sealed_key: str
    sealed_webhook_secrets: list[str]
    redirect_url: str | None
    refund_overpayments: bool = False
    import_payments: bool = True


class ConnectionChanged(ConnectionEvent):
    """Credentials or settings were replaced."""

    TOPIC: ClassVar[str] = "connection.changed"
    app_id: UUID
    connection_id: UUID
    sealed_key: str
    sealed_webhook_secrets: list[str]
    redirect_url: str | None
    refund_overpayments: bool = False
    import_payments: bool = True


class ConnectionDeleted(ConnectionEvent):
    """The connection was disabled: new requests are rejected, earlier ones continue."""

    TOPIC: ClassVar[str] = "connection.deleted"
    app_id: UUID
    connection_id: UUID


class Connection(AggregateRoot):
    """Credentials under a name; provider and mode never change. Secrets are sealed."""

    TOPIC: ClassVar[str] = "connection"
    Event = ConnectionEvent
    Created = ConnectionCreated

    app_id: UUID
    connection_id: UUID
    name: str
    provider: str
    mode: str
    sealed_key: str
    sealed_webhook_secrets: list[str]
    redirect_url: str | None
    refund_overpayments: bool
    import_payments: bool
    deleted: bool

    def __init__(self) -> None:
        """Accept no arguments: the library would otherwise require the annotated fields."""
        self.deleted = False

    @classmethod
    def create(
        cls, command: SetConnection, *, connection_id: UUID, occurred_at: datetime
    ) -> Connection:
        """Make a connection; `connection_id` must be random."""
        return cls._create(
            ConnectionCreated,
            id=ids.for_connection(command.app_id, command.name),
            timestamp=occurred_at,
            actor=command.actor,
            app_id=command.app_id,
            connection_id=connection_id,
            name=command.name,
            provider=command.provider,
            mode=command.mode,
            sealed_key=command.sealed_key,
            sealed_webhook_secrets=command.sealed_webhook_secrets,
            redirect_url=command.redirect_url,
            refund_overpayments=command.refund_overpayments,
            import_payments=command.import_payments,
        )

    def change(self, command: SetConnection, *, occurred_at: datetime) -> None:
        """Replace credentials; another provider or mode under the same name is refused."""
        if (command.provider, command.mode) != (self.provider, self.mode):
            raise Contradiction(
                what="connection", name=self.name, provider=self.provider, mode=self.mode
            )
        self.record_event(
            ConnectionChanged,
            occurred_at=occurred_at,
            actor=command.actor,
            app_id=self.app_id,
            connection_id=self.connection_id,
            sealed_key=command.sealed_key,
            sealed_webhook_secrets=command.sealed_webhook_secrets,
            redirect_url=command.redirect_url,
            refund_overpayments=command.refund_overpayments,
            import_payments=command.import_payments,
        )

    def set_webhook_secrets(
        self, sealed: Sequence[str], *, actor: str, occurred_at: datetime
    ) -> None:
        """Replace what webhooks are proved with, the newest first; key and settings stay.

        Beyond WEBHOOK_SECRETS the oldest go.
        """
        if self.deleted:
            raise NotFound(kind="connection", id=self.id)
        self.record_event(
            ConnectionChanged,
            occurred_at=occurred_at,
            actor=actor,
            app_id=self.app_id,
            connection_id=self.connection_id,
            sealed_key=self.sealed_key,
            sealed_webhook_secrets=list(sealed[:WEBHOOK_SECRETS]),
            redirect_url=self.redirect_url,
            refund_overpayments=self.refund_overpayments,
            import_payments=self.import_payments,
        )

    def delete(self, command: DeleteConnection, *, occurred_at: datetime) -> None:
        """Disable the connection; a repetition has no effect. `change` enables it again."""
        if not self.deleted:
            self.record_event(
                ConnectionDeleted,
                occurred_at=occurred_at,
                actor=command.actor,
                app_id=self.app_id,
                connection_id=self.connection_id,
            )

    def apply_event(self, event: ConnectionEvent) -> None:
        """Assign the fields of an event; runs again on every replay."""
        match event:
            case ConnectionCreated():
                self.app_id, self.connection_id = event.app_id, event.connection_id
                self.name, self.provider, self.mode = event.name, event.provider, event.mode
                self._take_secrets(event)
            case ConnectionChanged():
                self._take_secrets(event)
                self.deleted = False
            case ConnectionDeleted():
                self.deleted = True

    def _take_secrets(self, event: ConnectionCreated | ConnectionChanged) -> None:
        self.sealed_key = event.sealed_key
        self.sealed_webhook_secrets = event.sealed_webhook_secrets
        self.redirect_url = event.redirect_url
        self.refund_overpayments = event.refund_overpayments
        self.import_payments = event.import_payments
