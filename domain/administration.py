"""The commands about apps, their connections, tenants and the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

from domain.apps.app import App
from domain.apps.commands import (
    ChangeApp,
    CreateApp,
    CreateKey,
    DeleteConnection,
    EnableTokens,
    RevokeKey,
    RotateKey,
    SetConnection,
)
from domain.apps.connection import Connection
from domain.apps.dashboard_session import DashboardSession
from domain.catalogue.catalogue import Price, TaxRate
from domain.catalogue.commands import SetPrice, SetTaxRate
from domain.core import ids
from domain.core.idempotency import CreateIdempotencyRecord, idempotency_records
from domain.core.store import Bodies, Store
from domain.tenants.commands import SetTenant
from domain.tenants.customer_claim import CustomerClaim, claims_for
from domain.tenants.tenant import Tenant


class Administration(Store):
    """The commands of administrators. Base class of Billing alone."""

    # Apps, their keys and connections.

    def create_app(self, command: CreateApp, *, occurred_at: datetime) -> App:
        """Create an app; the same id twice has no effect."""
        return self.make(App, command.app_id, lambda: App.create(command, occurred_at=occurred_at))

    def change_app(self, command: ChangeApp, *, occurred_at: datetime) -> App:
        """Change an app's settings."""
        return self.change(
            App, command.app_id, lambda app: app.change(command, occurred_at=occurred_at)
        )

    def enable_tokens(self, command: EnableTokens, *, occurred_at: datetime) -> App:
        """Set up an app's token signing."""
        return self.change(
            App, command.app_id, lambda app: app.enable_tokens(command, occurred_at=occurred_at)
        )

    def create_key(
        self,
        command: CreateKey,
        *,
        occurred_at: datetime,
        idempotency_record: CreateIdempotencyRecord | None = None,
    ) -> App:
        """Create an API key."""
        return self.change(
            App,
            command.app_id,
            lambda app: app.add_key(command, occurred_at=occurred_at),
            also_save=lambda: idempotency_records(idempotency_record, occurred_at=occurred_at),
        )

    def rotate_key(
        self,
        command: RotateKey,
        *,
        occurred_at: datetime,
        idempotency_record: CreateIdempotencyRecord | None = None,
    ) -> App:
        """Replace an API key by a new one."""
        return self.change(
            App,
            command.app_id,
            lambda app: app.rotate_key(command, occurred_at=occurred_at),
            also_save=lambda: idempotency_records(idempotency_record, occurred_at=occurred_at),
        )

    def revoke_key(self, command: RevokeKey, *, occurred_at: datetime) -> App:
        """Revoke an API key."""
        return self.change(
            App, command.app_id, lambda app: app.revoke_key(command, occurred_at=occurred_at)
        )

    def end_dashboard_session(
        self, session_id: UUID, *, actor: str, occurred_at: datetime
    ) -> DashboardSession:
        """End a dashboard session."""
        return self.change(
            DashboardSession,
            session_id,
            lambda known: known.end(actor=actor, occurred_at=occurred_at),
        )

    def set_connection(
        self, command: SetConnection, *, new_connection_id: UUID, occurred_at: datetime
    ) -> Connection:
        """Create or replace a connection; `new_connection_id` (random) serves a new one."""
        return self.change_connection(
            command.app_id,
            command.name,
            lambda _: command,
            new_connection_id=new_connection_id,
            occurred_at=occurred_at,
        )

    def change_connection(
        self,
        app_id: UUID,
        name: str,
        decide: Callable[[Connection | None], SetConnection],
        *,
        new_connection_id: UUID,
        occurred_at: datetime,
    ) -> Connection:
        """Create or replace a connection by a command that is decided from the stored one.

        `decide` runs again after a concurrent write, so that what it keeps is the newest: a key
        that is replaced while a webhook secret is added must not lose that secret.
        """
        self.get(App, app_id)

        def create() -> Connection:
            return Connection.create(
                decide(None), connection_id=new_connection_id, occurred_at=occurred_at
            )

        return self.create_or_change(
            Connection,
            ids.for_connection(app_id, name),
            create,
            lambda known: known.change(decide(known), occurred_at=occurred_at),
        )

    def delete_connection(self, command: DeleteConnection, *, occurred_at: datetime) -> Connection:
        """Delete a connection."""
        return self.change(
            Connection,
            ids.for_connection(command.app_id, command.name),
            lambda known: known.delete(command, occurred_at=occurred_at),
        )

    def set_tenant(
        self, command: SetTenant, *, occurred_at: datetime, bodies: Bodies = ()
    ) -> Tenant:
        """Create a tenant or replace its data. Raises CustomerTaken."""
        before: dict[str, str] = {}

        def change(known: Tenant) -> None:
            before.clear()  # decided anew after a concurrent write
            before.update(known.customers)
            known.change(command, occurred_at=occurred_at)

        return self.create_or_change(
            Tenant,
            ids.for_tenant(command.app_id, command.tenant_id),
            lambda: Tenant.create(command, occurred_at=occurred_at),
            change,
            bodies=bodies,
            also_save=lambda: self._claims(command, before, occurred_at=occurred_at),
        )

    def link_customer(
        self, tenant: Tenant, connection: str, customer_id: str, *, occurred_at: datetime
    ) -> Tenant:
        """Link the provider's customer to a tenant; the first one linked stays."""
        command = SetTenant(
            app_id=tenant.app_id,
            tenant_id=tenant.tenant_id,
            contact_body=None,
            customers={connection: customer_id},
            actor="worker",
        )
        return self.change(
            Tenant,
            tenant.id,
            lambda known: known.link_customer(connection, customer_id, occurred_at=occurred_at),
            also_save=lambda: self._claims(command, {}, occurred_at=occurred_at),
        )

    def tenant_of_customer(self, app_id: UUID, connection: str, customer_id: str) -> UUID | None:
        """Return the tenant of a provider's customer; None for an unclaimed customer."""
        claim = self.find(CustomerClaim, ids.for_customer(app_id, connection, customer_id))
        return None if claim is None else claim.tenant_id

    def set_price(self, command: SetPrice, *, occurred_at: datetime) -> Price:
        """Create or replace a price."""
        return self.create_or_change(
            Price,
            ids.for_price(command.app_id, command.price_id),
            lambda: Price.create(command, occurred_at=occurred_at),
            lambda known: known.change(command, occurred_at=occurred_at),
        )

    def set_tax_rate(self, command: SetTaxRate, *, occurred_at: datetime) -> TaxRate:
        """Create or replace a tax rate."""
        return self.create_or_change(
            TaxRate,
            ids.for_tax_rate(command.app_id, command.tax_rate_id),
            lambda: TaxRate.create(command, occurred_at=occurred_at),
            lambda known: known.change(command, occurred_at=occurred_at),
        )

    def _claims(
        self, command: SetTenant, before: Mapping[str, str], *, occurred_at: datetime
    ) -> list[CustomerClaim]:
        return claims_for(
            command,
            before,
            find=lambda *customer: self.find(
                CustomerClaim, ids.for_customer(command.app_id, *customer)
            ),
            occurred_at=occurred_at,
        )
