"""The events of a tenant."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.core.aggregate import DomainEvent


class TenantEvent(DomainEvent):
    """Base class of a tenant's events."""


class TenantCreated(TenantEvent, Aggregate.Created):
    """An app bills a tenant. Its name, e-mail and VAT id are in the body `contact_body`."""

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
    """The tenant has a customer at the provider.

    `is_outdated`: the contact data changed while the customer was made.
    """

    TOPIC: ClassVar[str] = "tenant.provider_customer_linked"
    app_id: UUID
    tenant_id: UUID
    connection: str
    customer_id: str
    is_outdated: bool = False


class ProviderCustomerUpdateStarted(TenantEvent):
    """The customer's name and e-mail are about to be set at the provider under `key`."""

    TOPIC: ClassVar[str] = "tenant.provider_customer_update_started"
    connection: str
    customer_id: str
    key: str
    contact_body: str


class ProviderCustomerUpdated(TenantEvent):
    """The provider has the tenant's name and e-mail."""

    TOPIC: ClassVar[str] = "tenant.provider_customer_updated"
    app_id: UUID
    tenant_id: UUID
    connection: str
    customer_id: str
    contact_body: str


class ProviderCustomerUpdateRefused(TenantEvent):
    """The provider refused the tenant's name or e-mail; the next change is sent again."""

    TOPIC: ClassVar[str] = "tenant.provider_customer_update_refused"
    app_id: UUID
    tenant_id: UUID
    connection: str
    customer_id: str
    contact_body: str
    code: str
    message: str


class ProviderCustomerDeleted(TenantEvent):
    """The provider no longer has the customer; it stays linked until it is unlinked."""

    TOPIC: ClassVar[str] = "tenant.provider_customer_deleted"
    app_id: UUID
    tenant_id: UUID
    connection: str
    customer_id: str
