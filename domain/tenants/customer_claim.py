"""Claims: which tenant a provider's customer is.

A customer pays for one tenant only, or one tenant's invoices would stand in another's list. The
claim's id follows from the customer, so that the store itself refuses a second claim.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.core import ids
from domain.core.aggregate import AggregateRoot, DomainEvent
from domain.core.errors import CustomerTaken
from domain.tenants.commands import SetTenant


class CustomerClaimEvent(DomainEvent):
    """Base class of a claim's events."""


class CustomerClaimed(CustomerClaimEvent, Aggregate.Created):
    """A provider's customer is a tenant, for the first time."""

    TOPIC: ClassVar[str] = "customer_claim.created"
    app_id: UUID
    connection: str
    customer_id: str
    tenant_id: UUID


class CustomerClaimedAgain(CustomerClaimEvent):
    """The customer was claimed by a tenant."""

    TOPIC: ClassVar[str] = "customer_claim.claimed_again"
    tenant_id: UUID


class CustomerReleased(CustomerClaimEvent):
    """The claim was released: the tenant has another customer now."""

    TOPIC: ClassVar[str] = "customer_claim.released"
    tenant_id: UUID


class CustomerClaim(AggregateRoot):
    """A provider's customer and the tenant that it is; `tenant_id` None: nobody's."""

    TOPIC: ClassVar[str] = "customer_claim"
    Event = CustomerClaimEvent
    Created = CustomerClaimed

    app_id: UUID
    connection: str
    customer_id: str
    tenant_id: UUID | None

    def __init__(self) -> None:
        """Accept no arguments: the library would otherwise require the annotated fields."""

    @classmethod
    def create(
        cls, command: SetTenant, connection: str, customer_id: str, *, occurred_at: datetime
    ) -> CustomerClaim:
        """Claim a customer that nobody has claimed yet."""
        return cls._create(
            CustomerClaimed,
            id=ids.for_customer(command.app_id, connection, customer_id),
            timestamp=occurred_at,
            actor=command.actor,
            app_id=command.app_id,
            connection=connection,
            customer_id=customer_id,
            tenant_id=command.tenant_id,
        )

    def claim(self, tenant_id: UUID, *, actor: str, occurred_at: datetime) -> None:
        """Claim it; one's own again is silent, another tenant's raises CustomerTaken."""
        if self.tenant_id is None:
            self.record_event(
                CustomerClaimedAgain, occurred_at=occurred_at, actor=actor, tenant_id=tenant_id
            )
        elif self.tenant_id != tenant_id:
            raise CustomerTaken(connection=self.connection, customer_id=self.customer_id)

    def release(self, tenant_id: UUID, *, actor: str, occurred_at: datetime) -> None:
        """Release the claim; another tenant's claim is left alone."""
        if self.tenant_id == tenant_id:
            self.record_event(
                CustomerReleased, occurred_at=occurred_at, actor=actor, tenant_id=tenant_id
            )

    def apply_event(self, event: CustomerClaimEvent) -> None:
        """Assign the fields of an event; runs again on every replay."""
        match event:
            case CustomerClaimed():
                self.app_id, self.connection = event.app_id, event.connection
                self.customer_id, self.tenant_id = event.customer_id, event.tenant_id
            case CustomerClaimedAgain():
                self.tenant_id = event.tenant_id
            case CustomerReleased():
                self.tenant_id = None


def claims_for(
    command: SetTenant,
    before: Mapping[str, str],
    *,
    find: Callable[[str, str], CustomerClaim | None],
    occurred_at: datetime,
) -> list[CustomerClaim]:
    """Claim the customers that a tenant gets; release those that it has no longer.

    `before` is what it had, by connection; `find` loads the claim to a connection's customer.
    Raises CustomerTaken.
    """
    changed = []
    for connection, customer_id in command.customers.items():
        claim = find(connection, customer_id)
        if claim is None:
            claim = CustomerClaim.create(command, connection, customer_id, occurred_at=occurred_at)
        else:
            claim.claim(command.tenant_id, actor=command.actor, occurred_at=occurred_at)
        changed.append(claim)
    after = command.customers_after(before)
    for connection, customer_id in before.items():
        left = find(connection, customer_id) if after.get(connection) != customer_id else None
        if left is not None:
            left.release(command.tenant_id, actor=command.actor, occurred_at=occurred_at)
            changed.append(left)
    return changed
