"""One method per command: load, let the aggregate decide, save; again where others were faster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.persistence import IntegrityError

from domain import commands, ids
from domain.app import App
from domain.base import Root
from domain.catalogue import Price, TaxRate
from domain.connection import Connection
from domain.customer_claim import CustomerClaim, claims_for
from domain.customer_slot import CustomerSlot
from domain.errors import NotFound, StaleWrite
from domain.gateway import ProviderInvoice
from domain.invoice import Invoice
from domain.receipt import Receipt, WriteReceipt
from domain.tenant import Tenant
from domain.word import Effect

AnyRoot = TypeVar("AnyRoot", bound=Root)
Bodies = Sequence[Any]

_TRIES = 3


class Billing(Application[UUID]):
    """Everything that can be asked of the domain, against the log that `env` names.

    `env`: eventsourcing's settings; `PERSISTENCE_MODULE` names the recorder. `bodies` are what
    the recorder stores beside events, in the same transaction.
    """

    name = "billhook"

    # Apps, their keys and connections.

    def create_app(self, command: commands.CreateApp, *, at: datetime) -> App:
        """Make an app; the same id twice is silent."""
        return self._make(App, command.app_id, lambda: App.create(command, at=at))

    def change_app(self, command: commands.ChangeApp, *, at: datetime) -> App:
        """Change an app's settings."""
        return self.change(App, command.app_id, lambda app: app.change(command, at=at))

    def begin_tokens(self, command: commands.BeginTokens, *, at: datetime) -> App:
        """Let an app's tokens be signed."""
        return self.change(App, command.app_id, lambda app: app.begin_tokens(command, at=at))

    def create_key(
        self, command: commands.CreateKey, *, at: datetime, receipt: WriteReceipt | None = None
    ) -> App:
        """Give an app a key."""
        return self.change(
            App,
            command.app_id,
            lambda app: app.add_key(command, at=at),
            beside=lambda: _receipts(receipt, at=at),
        )

    def rotate_key(
        self, command: commands.RotateKey, *, at: datetime, receipt: WriteReceipt | None = None
    ) -> App:
        """Give an app a key in the place of one that ends soon."""
        return self.change(
            App,
            command.app_id,
            lambda app: app.rotate_key(command, at=at),
            beside=lambda: _receipts(receipt, at=at),
        )

    def revoke_key(self, command: commands.RevokeKey, *, at: datetime) -> App:
        """Take a key out of use."""
        return self.change(App, command.app_id, lambda app: app.revoke_key(command, at=at))

    def set_connection(
        self, command: commands.SetConnection, *, new_connection_id: UUID, at: datetime
    ) -> Connection:
        """Make or replace a connection; `new_connection_id` (random) counts only for a new one."""
        self.get(App, command.app_id)
        connection_id = ids.for_connection(command.app_id, command.name)

        def create() -> Connection:
            return Connection.create(command, connection_id=new_connection_id, at=at)

        return self._make_or_change(
            Connection, connection_id, create, lambda known: known.change(command, at=at)
        )

    def delete_connection(self, command: commands.DeleteConnection, *, at: datetime) -> Connection:
        """Take a connection out of use."""
        return self.change(
            Connection,
            ids.for_connection(command.app_id, command.name),
            lambda known: known.delete(command, at=at),
        )

    def set_tenant(
        self, command: commands.SetTenant, *, at: datetime, bodies: Bodies = ()
    ) -> Tenant:
        """Make a tenant or replace what is known of it. Raises CustomerTaken."""
        before: dict[str, str] = {}

        def change(known: Tenant) -> None:
            before.update(known.customers)
            known.change(command, at=at)

        return self._make_or_change(
            Tenant,
            ids.for_tenant(command.app_id, command.tenant_id),
            lambda: Tenant.create(command, at=at),
            change,
            bodies=bodies,
            beside=lambda: self._claims(command, before, at=at),
        )

    def link_customer(
        self, tenant: Tenant, connection: str, customer_id: str, *, at: datetime
    ) -> Tenant:
        """Remember the customer that a tenant was made at the provider; the first one stays."""
        command = commands.SetTenant(
            app_id=tenant.app_id,
            tenant_id=tenant.tenant_id,
            person=None,
            customers={connection: customer_id},
            by="worker",
        )
        return self.change(
            Tenant,
            tenant.id,
            lambda known: known.link_customer(connection, customer_id, at=at),
            beside=lambda: self._claims(command, {}, at=at),
        )

    def tenant_of_customer(self, app_id: UUID, connection: str, customer_id: str) -> UUID | None:
        """Tell which tenant a provider's customer is; None while it is nobody's."""
        claim = self.find(CustomerClaim, ids.for_customer(app_id, connection, customer_id))
        return None if claim is None else claim.tenant_id

    def set_price(self, command: commands.SetPrice, *, at: datetime) -> Price:
        """Make a price or replace it."""
        return self._make_or_change(
            Price,
            ids.for_price(command.app_id, command.price_id),
            lambda: Price.create(command, at=at),
            lambda known: known.change(command, at=at),
        )

    def set_tax_rate(self, command: commands.SetTaxRate, *, at: datetime) -> TaxRate:
        """Make a tax rate or replace it."""
        return self._make_or_change(
            TaxRate,
            ids.for_tax_rate(command.app_id, command.tax_rate_id),
            lambda: TaxRate.create(command, at=at),
            lambda known: known.change(command, at=at),
        )

    # Invoices.

    def record_provider_state(
        self,
        invoice_id: UUID,
        invoice: ProviderInvoice,
        *,
        source: str,
        by: str,
        at: datetime,
        charging: bool = False,
        body: str | None = None,
        bodies: Bodies = (),
        provider_type: str | None = None,
    ) -> Effect:
        """Let an invoice take in what its provider says."""
        effect = Effect.STALE

        def decide(known: Invoice) -> None:
            nonlocal effect
            effect = known.record_provider_state(
                invoice,
                source=source,
                by=by,
                at=at,
                charging=charging,
                body=body,
                provider_type=provider_type,
            )

        self.change(Invoice, invoice_id, decide, bodies=bodies)
        return effect

    def ask_of_invoice(
        self,
        command: commands.InvoiceCommand,
        *,
        at: datetime,
        receipt: WriteReceipt | None = None,
    ) -> Invoice:
        """Ask something of an invoice that exists. Raises NotPossible."""
        return self.change(
            Invoice,
            command.invoice_id,
            lambda known: known.ask(command, at=at),
            beside=lambda: _receipts(receipt, at=at),
        )

    def take_customer_slot(self, invoice: Invoice, customer: str, *, at: datetime) -> bool:
        """Let an invoice be the only one that gathers a customer's items; False: another is."""
        view, taken = invoice.view, False

        def take(slot: CustomerSlot) -> None:
            nonlocal taken
            taken = slot.take(invoice.id, at=at)

        def make() -> CustomerSlot:
            made = CustomerSlot.make(
                app_id=view.app_id, connection_id=view.connection_id, customer=customer, at=at
            )
            take(made)
            return made

        slot_id = ids.for_customer_slot(view.connection_id, customer)
        self._make_or_change(CustomerSlot, slot_id, make, take)
        return taken

    def free_customer_slot(self, invoice: Invoice, customer: str, *, at: datetime) -> None:
        """Let the next one gather."""
        slot_id = ids.for_customer_slot(invoice.view.connection_id, customer)
        if self.find(CustomerSlot, slot_id) is not None:
            self.change(CustomerSlot, slot_id, lambda slot: slot.free(invoice.id, at=at))

    # What all of the above share.

    def get(self, kind: type[AnyRoot], aggregate_id: UUID) -> AnyRoot:
        """Load an aggregate; raises NotFound."""
        found = self.find(kind, aggregate_id)
        if found is None:
            raise NotFound(kind=kind.__name__.lower(), id=aggregate_id)
        return found

    def find(self, kind: type[AnyRoot], aggregate_id: UUID) -> AnyRoot | None:
        """Load an aggregate; None where there is none of that kind."""
        found = self._stored(aggregate_id)
        return found if isinstance(found, kind) else None

    def _stored(self, aggregate_id: UUID) -> object:
        try:
            return self.repository.get(aggregate_id)
        except AggregateNotFoundError:
            return None

    def change(
        self,
        kind: type[AnyRoot],
        aggregate_id: UUID,
        decide: Callable[[AnyRoot], object],
        *,
        bodies: Bodies = (),
        beside: Callable[[], Sequence[Root]] = tuple,
    ) -> AnyRoot:
        """Load, decide, save; a write that others overtook is decided again, three times.

        `beside` makes what is saved with it, in the same append or not at all.
        """
        for _ in range(_TRIES):
            aggregate = self.get(kind, aggregate_id)
            decide(aggregate)
            if not aggregate.pending_events or self._saved([aggregate, *beside()], bodies):
                return aggregate
        raise StaleWrite(id=aggregate_id)

    def _make(
        self, kind: type[AnyRoot], aggregate_id: UUID, create: Callable[[], AnyRoot]
    ) -> AnyRoot:
        return self._make_or_change(kind, aggregate_id, create, lambda _: None)

    def _make_or_change(
        self,
        kind: type[AnyRoot],
        aggregate_id: UUID,
        create: Callable[[], AnyRoot],
        decide: Callable[[AnyRoot], object],
        *,
        bodies: Bodies = (),
        beside: Callable[[], Sequence[Root]] = tuple,
    ) -> AnyRoot:
        for _ in range(_TRIES):
            if self._stored(aggregate_id) is not None:
                return self.change(kind, aggregate_id, decide, bodies=bodies, beside=beside)
            made = create()
            if self._saved([made, *beside()], bodies):
                return made
        raise StaleWrite(id=aggregate_id)

    def _claims(
        self, command: commands.SetTenant, before: Mapping[str, str], *, at: datetime
    ) -> list[CustomerClaim]:
        return claims_for(
            command,
            before,
            find=lambda *customer: self.find(
                CustomerClaim, ids.for_customer(command.app_id, *customer)
            ),
            at=at,
        )

    def _saved(self, aggregates: Iterable[Root], bodies: Bodies) -> bool:
        try:
            self.save(*aggregates, bodies=bodies)
        except IntegrityError:
            return False
        return True


def _receipts(command: WriteReceipt | None, *, at: datetime) -> list[Root]:
    return [] if command is None else [Receipt.write(command, at=at)]
