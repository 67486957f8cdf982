"""Tenants: who is billed."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.core import ids
from domain.core.aggregate import AggregateRoot, DomainEvent
from domain.tenants.commands import SetTenant


class TenantEvent(DomainEvent):
    """Base class of a tenant's events."""


class TenantCreated(TenantEvent, Aggregate.Created):
    """An app bills a tenant. Name, e-mail and VAT id are in the body that `person` hashes."""

    TOPIC: ClassVar[str] = "tenant.created"
    app_id: UUID
    tenant_id: UUID
    contact_body: str | None
    customers: dict[str, str]


class TenantChanged(TenantEvent):
    """The tenant's data was replaced."""

    TOPIC: ClassVar[str] = "tenant.changed"
    app_id: UUID
    tenant_id: UUID
    contact_body: str | None
    customers: dict[str, str]


class ProviderCustomerStarted(TenantEvent):
    """A customer is about to be made at the provider under `key`."""

    TOPIC: ClassVar[str] = "tenant.provider_customer_started"
    connection: str
    key: str
    contact_body: str | None


class ProviderCustomerLinked(TenantEvent):
    """The tenant has a customer at the provider."""

    TOPIC: ClassVar[str] = "tenant.provider_customer_linked"
    app_id: UUID
    tenant_id: UUID
    connection: str
    customer_id: str


class Tenant(AggregateRoot):
    """A tenant of an app; `customers` maps a connection's name to the provider's customer id."""

    TOPIC: ClassVar[str] = "tenant"
    Event = TenantEvent
    Created = TenantCreated

    app_id: UUID
    tenant_id: UUID
    contact_body: str | None
    customers: dict[str, str]
    starting: dict[str, tuple[str, str | None]]
    started_at: dict[str, datetime]
    attempts: dict[str, int]

    def __init__(self) -> None:
        self.starting = {}
        self.started_at = {}
        self.attempts = {}

    @classmethod
    def create(cls, command: SetTenant, *, occurred_at: datetime) -> Tenant:
        """Make a tenant."""
        return cls._create(
            TenantCreated,
            id=ids.for_tenant(command.app_id, command.tenant_id),
            timestamp=occurred_at,
            actor=command.actor,
            app_id=command.app_id,
            tenant_id=command.tenant_id,
            contact_body=command.contact_body,
            customers=command.customers,
        )

    def change(self, command: SetTenant, *, occurred_at: datetime) -> None:
        """Replace what is known; linked customers stay unless named anew or unlinked."""
        customers = command.customers_after(self.customers)
        if (command.contact_body, customers) != (self.contact_body, self.customers):
            self.record_event(
                TenantChanged,
                occurred_at=occurred_at,
                actor=command.actor,
                app_id=self.app_id,
                tenant_id=self.tenant_id,
                contact_body=command.contact_body,
                customers=customers,
            )

    def start_customer(self, connection: str, *, occurred_at: datetime) -> tuple[str, str | None]:
        """Record a customer's creation before the first call: (key, hash of the contact data)."""
        if connection not in self.starting:
            self.record_event(
                ProviderCustomerStarted,
                occurred_at=occurred_at,
                actor="worker",
                connection=connection,
                key=f"billhook:{self.id}:customer:{connection}:{self._next_attempt(connection)}",
                contact_body=self.contact_body,
            )
        return self.starting[connection]

    def _next_attempt(self, connection: str) -> int:
        """Return the number of the next creation: after an unlinking, the old key is not reused."""
        return self.attempts.get(connection, 0) + 1

    def link_customer(self, connection: str, customer_id: str, *, occurred_at: datetime) -> None:
        """Link the provider's customer; the first link is kept."""
        if connection not in self.customers:
            self.record_event(
                ProviderCustomerLinked,
                occurred_at=occurred_at,
                actor="worker",
                app_id=self.app_id,
                tenant_id=self.tenant_id,
                connection=connection,
                customer_id=customer_id,
            )

    def apply_event(self, event: TenantEvent) -> None:
        """Assign the fields of an event; runs again on every replay."""
        match event:
            case TenantCreated() | TenantChanged():
                self.app_id, self.tenant_id = event.app_id, event.tenant_id
                for connection in set(getattr(self, "customers", {})) - set(event.customers):
                    self.starting.pop(connection, None)
                    self.started_at.pop(connection, None)
                self.contact_body, self.customers = event.contact_body, dict(event.customers)
            case ProviderCustomerStarted():
                self.attempts[event.connection] = self._next_attempt(event.connection)
                self.starting[event.connection] = (event.key, event.contact_body)
                self.started_at[event.connection] = event.timestamp
            case ProviderCustomerLinked():
                self.customers[event.connection] = event.customer_id
