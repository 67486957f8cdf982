"""The application: one method per command, which loads, changes and saves aggregates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from domain.administration import Administration
from domain.core import ids
from domain.core.aggregate import AggregateRoot
from domain.core.effects import Effect
from domain.core.errors import IdOfOtherKind
from domain.core.idempotency import CreateIdempotencyRecord, idempotency_records
from domain.core.store import AnyAggregate, Bodies
from domain.gateway.errors import ProviderObjectUnreadable
from domain.gateway.objects import ProviderInvoice, RefundsAndDisputes
from domain.gateway.subscriptions import ProviderSubscription
from domain.invoices.commands import ImportInvoice, InvoiceCommand
from domain.invoices.invoice import Invoice
from domain.reconciliation.comparison import Comparison
from domain.reconciliation.drift import Discovery
from domain.subscriptions.commands import StartSubscription, SubscriptionCommand
from domain.subscriptions.subscription import Subscription
from domain.tenants.pending_items_lock import PendingItemsLock


def _as_it_is(_: AggregateRoot) -> None:
    """Accept any state."""


class Billing(Administration):
    """All commands of the domain."""

    name = "billhook"

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
            also_save=lambda: idempotency_records(idempotency_record, occurred_at=occurred_at),
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
            # The snapshot was fetched just now, whatever caused the import.
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

        return self._import_object(
            Invoice,
            lambda: Invoice.import_from_provider(command, seen, occurred_at=occurred_at),
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

        return self._import_object(
            Subscription,
            lambda: Subscription.start(command, seen, occurred_at=occurred_at),
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
        """Create the aggregate of a provider's object, or update it if `check` accepts it.

        Raises ProviderObjectUnreadable for an object with the id of one of another kind.
        """

        def make() -> AnyAggregate:
            made = create_imported()
            apply_event(made)
            return made

        def change(known: AnyAggregate) -> None:
            check(known)
            apply_event(known)

        try:
            return self.create_or_change(
                kind,
                create_imported().id,
                comparison.created(make),
                comparison.changed(change),
                bodies=bodies,
                also_save=comparison.drifts,
            )
        except IdOfOtherKind as error:
            raise ProviderObjectUnreadable(f"{kind.__name__.lower()}.id") from error

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
            also_save=lambda: idempotency_records(idempotency_record, occurred_at=occurred_at),
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
