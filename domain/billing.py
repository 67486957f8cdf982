"""The application: one method per command, which loads, changes and saves aggregates."""

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
from domain.catalogue.catalogue import Price, TaxRate
from domain.catalogue.commands import SetPrice, SetTaxRate
from domain.core import ids
from domain.core.aggregate import AggregateRoot
from domain.core.effects import Effect
from domain.core.idempotency import CreateIdempotencyRecord, IdempotencyRecord
from domain.core.store import AnyAggregate, Bodies, Store
from domain.gateway.objects import ProviderInvoice, RefundsAndDisputes
from domain.gateway.subscriptions import ProviderSubscription
from domain.invoices.commands import ImportInvoice, InvoiceCommand
from domain.invoices.invoice import Invoice
from domain.reconciliation.comparison import Comparison
from domain.reconciliation.drift import Discovery
from domain.subscriptions.commands import StartSubscription, SubscriptionCommand
from domain.subscriptions.subscription import Subscription
from domain.tenants.commands import SetTenant
from domain.tenants.customer_claim import CustomerClaim, claims_for
from domain.tenants.pending_items_lock import PendingItemsLock
from domain.tenants.tenant import Tenant


def _as_it_is(_: AggregateRoot) -> None:
    """Accept any state."""


class Billing(Store):
    """The commands of the domain."""

    name = "billhook"

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
            also_save=lambda: _receipts(idempotency_record, occurred_at=occurred_at),
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
            also_save=lambda: _receipts(idempotency_record, occurred_at=occurred_at),
        )

    def revoke_key(self, command: RevokeKey, *, occurred_at: datetime) -> App:
        """Revoke an API key."""
        return self.change(
            App, command.app_id, lambda app: app.revoke_key(command, occurred_at=occurred_at)
        )

    def set_connection(
        self, command: SetConnection, *, new_connection_id: UUID, occurred_at: datetime
    ) -> Connection:
        """Create or replace a connection; `new_connection_id` (random) serves a new one."""
        self.get(App, command.app_id)
        connection_id = ids.for_connection(command.app_id, command.name)

        def create() -> Connection:
            return Connection.create(
                command, connection_id=new_connection_id, occurred_at=occurred_at
            )

        return self.create_or_change(
            Connection,
            connection_id,
            create,
            lambda known: known.change(command, occurred_at=occurred_at),
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

    # Invoices.

    def record_provider_state(
        self,
        invoice_id: UUID,
        invoice: ProviderInvoice,
        *,
        source: str,
        actor: str,
        occurred_at: datetime,
        charging: bool = False,
        body: str | None = None,
        bodies: Bodies = (),
        provider_type: str | None = None,
    ) -> Effect:
        """Apply a provider's snapshot to an invoice."""
        effect = Effect.STALE

        def decide(known: Invoice) -> None:
            nonlocal effect
            effect = known.record_provider_state(
                invoice,
                source=source,
                actor=actor,
                occurred_at=occurred_at,
                charging=charging,
                body=body,
                provider_type=provider_type,
            )

        self.change(Invoice, invoice_id, decide, bodies=bodies)
        return effect

    def request_invoice_action(
        self,
        command: InvoiceCommand,
        *,
        occurred_at: datetime,
        idempotency_record: CreateIdempotencyRecord | None = None,
    ) -> Invoice:
        """Request an action on an invoice. Raises NotPossible."""
        return self.change(
            Invoice,
            command.invoice_id,
            lambda known: known.request_action(command, occurred_at=occurred_at),
            also_save=lambda: _receipts(idempotency_record, occurred_at=occurred_at),
        )

    def import_invoice(
        self,
        command: ImportInvoice,
        seen: ProviderInvoice,
        back: RefundsAndDisputes,
        *,
        occurred_at: datetime,
        bodies: Bodies = (),
        body: str | None = None,
        check: Callable[[Invoice], None] = _as_it_is,
        discovery: Discovery | None = None,
    ) -> Invoice:
        """Import an invoice that the provider created, or update an imported one.

        `check` may raise where the recorded state is newer than the snapshot. `discovery`: the
        part of reconciliation that found it, whose differences are recorded.
        """
        source = "import" if command.origin == "import" else "webhook"

        def apply_event(known: Invoice) -> None:
            # Whoever tells of it, it was asked for just now.
            known.record_provider_state(
                seen,
                source=source if source == "import" else "answer",
                actor=command.actor,
                occurred_at=occurred_at,
                body=body,
            )
            known.record_refunds_and_disputes(
                back, source=source, actor=command.actor, occurred_at=occurred_at
            )

        def create_imported() -> Invoice:
            return Invoice.import_from_provider(command, seen, occurred_at=occurred_at)

        return self._import_object(
            Invoice,
            create_imported,
            apply_event,
            check=check,
            bodies=bodies,
            comparison=Comparison(discovery, occurred_at=occurred_at),
        )

    # Subscriptions.

    def import_subscription(
        self,
        command: StartSubscription,
        seen: ProviderSubscription,
        *,
        source: str,
        occurred_at: datetime,
        bodies: Bodies = (),
        body: str | None = None,
        check: Callable[[Subscription], None] = _as_it_is,
        discovery: Discovery | None = None,
    ) -> Subscription:
        """Import a subscription of the provider, or update an imported one.

        `check`, `discovery`: as for `import_invoice`.
        """

        def apply_event(known: Subscription) -> None:
            known.record_provider_state(
                seen, source=source, actor=command.actor, occurred_at=occurred_at, body=body
            )

        def create_imported() -> Subscription:
            return Subscription.start(command, seen, occurred_at=occurred_at)

        return self._import_object(
            Subscription,
            create_imported,
            apply_event,
            check=check,
            bodies=bodies,
            comparison=Comparison(discovery, occurred_at=occurred_at),
        )

    def _import_object(
        self,
        kind: type[AnyAggregate],
        create_imported: Callable[[], AnyAggregate],
        apply_event: Callable[[AnyAggregate], object],
        *,
        check: Callable[[AnyAggregate], None],
        bodies: Bodies,
        comparison: Comparison,
    ) -> AnyAggregate:
        """Create the aggregate of a provider's object, or update it if `check` accepts it."""

        def make() -> AnyAggregate:
            made = create_imported()
            apply_event(made)
            return made

        def change(known: AnyAggregate) -> None:
            check(known)
            apply_event(known)

        return self.create_or_change(
            kind,
            create_imported().id,
            comparison.created(make),
            comparison.changed(change),
            bodies=bodies,
            also_save=comparison.drifts,
        )

    def request_subscription_action(
        self,
        command: SubscriptionCommand,
        *,
        occurred_at: datetime,
        idempotency_record: CreateIdempotencyRecord | None = None,
    ) -> Subscription:
        """Request an action on a subscription. Raises NotPossible."""
        return self.change(
            Subscription,
            command.subscription_id,
            lambda known: known.request_action(command, occurred_at=occurred_at),
            also_save=lambda: _receipts(idempotency_record, occurred_at=occurred_at),
        )

    def acquire_pending_items_lock(
        self, invoice: Invoice, customer: str, *, occurred_at: datetime
    ) -> bool:
        """Acquire the lock on a customer's pending items; False where another invoice holds it."""
        view, taken = invoice.view, False

        def acquire(lock: PendingItemsLock) -> None:
            nonlocal taken
            taken = lock.acquire(invoice.id, occurred_at=occurred_at)

        def make() -> PendingItemsLock:
            made = PendingItemsLock.create(
                app_id=view.app_id,
                connection_id=view.connection_id,
                customer=customer,
                occurred_at=occurred_at,
            )
            acquire(made)
            return made

        lock_id = ids.for_pending_items_lock(view.connection_id, customer)
        self.create_or_change(PendingItemsLock, lock_id, make, acquire)
        return taken

    def release_pending_items_lock(
        self, invoice: Invoice, customer: str, *, occurred_at: datetime
    ) -> None:
        """Release the lock on a customer's pending items."""
        lock_id = ids.for_pending_items_lock(invoice.view.connection_id, customer)
        if self.find(PendingItemsLock, lock_id) is not None:
            self.change(
                PendingItemsLock,
                lock_id,
                lambda lock: lock.release(invoice.id, occurred_at=occurred_at),
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


def _receipts(
    command: CreateIdempotencyRecord | None, *, occurred_at: datetime
) -> list[AggregateRoot]:
    return [] if command is None else [IdempotencyRecord.create(command, occurred_at=occurred_at)]
