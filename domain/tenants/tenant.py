"""Tenants: who is billed."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, NamedTuple
from uuid import UUID

from domain.core import ids
from domain.core.aggregate import AggregateRoot
from domain.core.effects import WORKER
from domain.tenants.commands import SetTenant
from domain.tenants.events import (
    ProviderCustomerDeleted,
    ProviderCustomerLinked,
    ProviderCustomerStarted,
    ProviderCustomerUpdated,
    ProviderCustomerUpdateRefused,
    ProviderCustomerUpdateStarted,
    TenantChanged,
    TenantCreated,
    TenantEvent,
)


class CustomerUpdate(NamedTuple):
    """An update of a customer's contact data that has no outcome yet."""

    customer_id: str
    key: str
    contact_body: str


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
    contacts: dict[str, str | None]
    updates: dict[str, CustomerUpdate]
    update_attempts: dict[str, int]
    deleted_at: dict[str, datetime]

    def __init__(self) -> None:
        self.contacts = {}
        self.updates = {}
        self.update_attempts = {}
        self.deleted_at = {}
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
                is_outdated=self._was_outdated(connection),
            )

    def _was_outdated(self, connection: str) -> bool:
        """Return whether the contact data changed since a customer's creation was started."""
        started = self.starting.get(connection)
        return started is not None and started[1] != self.contact_body

    def outdated_customers(self) -> list[str]:
        """Return the connections whose customers have an earlier name or e-mail."""
        return [
            connection
            for connection in self.customers
            if connection not in self.deleted_at
            and self.contacts.get(connection) != self.contact_body
        ]

    def start_update(self, connection: str, *, occurred_at: datetime) -> None:
        """Record a customer's update before its first call; a repetition keeps the key."""
        if connection not in self.outdated_customers() or self.contact_body is None:
            return
        known = self.updates.get(connection)
        if known is None or known.contact_body != self.contact_body:
            number = self.update_attempts.get(connection, 0) + 1
            self.record_event(
                ProviderCustomerUpdateStarted,
                occurred_at=occurred_at,
                actor=WORKER,
                connection=connection,
                customer_id=self.customers[connection],
                key=f"billhook:{self.id}:contact:{connection}:{number}",
                contact_body=self.contact_body,
            )

    def finish_update(self, connection: str, update: CustomerUpdate, *, at: datetime) -> None:
        """Record that the provider has the contact data; a repetition has no effect."""
        if self.updates.get(connection) == update:
            self._record_customer(
                ProviderCustomerUpdated, connection, at=at, contact_body=update.contact_body
            )

    def refuse_update(
        self, connection: str, update: CustomerUpdate, *, code: str, message: str, at: datetime
    ) -> None:
        """Record that the provider refused the contact data; a repetition has no effect."""
        if self.updates.get(connection) == update:
            self._record_customer(
                ProviderCustomerUpdateRefused,
                connection,
                at=at,
                contact_body=update.contact_body,
                code=code,
                message=message,
            )

    def mark_customer_deleted(
        self, connection: str, customer_id: str, *, actor: str, at: datetime
    ) -> None:
        """Record that the provider deleted a linked customer; a repetition has no effect."""
        is_linked = self.customers.get(connection) == customer_id
        if is_linked and connection not in self.deleted_at:
            self._record_customer(ProviderCustomerDeleted, connection, at=at, actor=actor)

    def _record_customer(
        self,
        kind: type[TenantEvent],
        connection: str,
        *,
        at: datetime,
        actor: str = WORKER,
        **fields: str,
    ) -> None:
        self.record_event(
            kind,
            occurred_at=at,
            actor=actor,
            app_id=self.app_id,
            tenant_id=self.tenant_id,
            connection=connection,
            customer_id=self.customers[connection],
            **fields,
        )

    def apply_event(self, event: TenantEvent) -> None:
        """Assign the fields of an event; runs again on every replay."""
        match event:
            case TenantCreated() | TenantChanged():
                self._apply_data(event)
            case ProviderCustomerStarted():
                self.attempts[event.connection] = self._next_attempt(event.connection)
                self.starting[event.connection] = (event.key, event.contact_body)
                self.started_at[event.connection] = event.timestamp
            case ProviderCustomerLinked():
                self.customers[event.connection] = event.customer_id
                started = self.starting.get(event.connection)
                self.contacts[event.connection] = started[1] if started else self.contact_body
            case _:
                self._apply_update(event)

    def _apply_data(self, event: TenantCreated | TenantChanged) -> None:
        """Replace contact data and customers; a customer that is named anew is up to date."""
        before: dict[str, str] = getattr(self, "customers", {})
        self.app_id, self.tenant_id = event.app_id, event.tenant_id
        self.contact_body, self.customers = event.contact_body, dict(event.customers)
        for connection in set(before) - set(self.customers):
            self.starting.pop(connection, None)
            self.started_at.pop(connection, None)
        for connection in set(before) | set(self.customers):
            if self.customers.get(connection) != before.get(connection):
                self.updates.pop(connection, None)
                self.deleted_at.pop(connection, None)
                self.contacts[connection] = event.contact_body

    def _apply_update(self, event: TenantEvent) -> None:
        match event:
            case ProviderCustomerUpdateStarted():
                number = self.update_attempts.get(event.connection, 0) + 1
                self.update_attempts[event.connection] = number
                self.updates[event.connection] = CustomerUpdate(
                    event.customer_id, event.key, event.contact_body
                )
            case ProviderCustomerUpdated() | ProviderCustomerUpdateRefused():
                self.updates.pop(event.connection, None)
                self.contacts[event.connection] = event.contact_body
            case ProviderCustomerDeleted():
                self.deleted_at[event.connection] = event.timestamp
