"""Import objects made at the provider: renewals, dashboard invoices, subscriptions.

Webhooks and history imports both use this module. The customer determines the tenant; without one
the object stays unassigned until a tenant is linked to that customer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from domain.billing import Billing
from domain.core import ids
from domain.core import metadata as metadata_keys
from domain.core.providers import Mode, Provider
from domain.gateway.objects import ProviderInvoice, RefundsAndDisputes
from domain.gateway.subscriptions import ProviderSubscription
from domain.invoices.commands import ImportInvoice
from domain.invoices.invoice import Invoice
from domain.reconciliation.drift import Discovery
from domain.subscriptions.commands import StartSubscription
from domain.subscriptions.subscription import Subscription
from eventlog.bodies import Body
from workers.provider_objects.ownership import invoice_named_by, is_subscription_claimed_by


@dataclass(frozen=True, kw_only=True)
class ProviderAccount:
    """A connection of an app. `importing`: its objects come from a history import.

    `discovery`: the part of reconciliation that found the objects, if any did.
    """

    app_id: UUID
    provider: Provider
    connection: str
    connection_id: UUID
    mode: Mode
    actor: str
    importing: bool = False
    discovery: Discovery | None = None

    def id_of(self, object_id: str) -> UUID:
        """Return the id of the aggregate for a provider's object."""
        return ids.for_provider_object(self.app_id, self.connection_id, self.mode, object_id)


class RefundSource(Protocol):
    """Source of refunds and disputes: a gateway, or FetchedRefunds."""

    def fetch_refunds_and_disputes(self, invoice_id: str) -> RefundsAndDisputes:
        """Fetch all refunds and disputes of an invoice's payments."""


@dataclass(frozen=True)
class FetchedRefunds:
    """Refunds and disputes of one invoice that were fetched before."""

    back: RefundsAndDisputes

    def fetch_refunds_and_disputes(self, _: str) -> RefundsAndDisputes:
        """Return them without a call."""
        return self.back


@dataclass(frozen=True, kw_only=True)
class ImportDeps:
    """Dependencies of an import."""

    billing: Billing
    gateway: RefundSource
    now: Callable[[], datetime]


def import_invoice(
    seen: ProviderInvoice,
    account: ProviderAccount,
    deps: ImportDeps,
    *,
    with_refunds: bool,
    check: Callable[[Invoice], None] = lambda _: None,
) -> Invoice:
    """Record an invoice's state, and its refunds and disputes if it is new or `with_refunds`.

    `check` may raise if the invoice has changed since `seen` was fetched.
    """
    back = RefundsAndDisputes()
    if with_refunds or (_has_gone_back(seen) and _is_new(seen, account, deps)):
        back = deps.gateway.fetch_refunds_and_disputes(seen.id)
    tenant_id = _tenant(seen.customer, account, deps)
    body = Body.of(
        seen.raw, None if tenant_id is None else ids.for_tenant(account.app_id, tenant_id)
    )
    imported = deps.billing.import_invoice(
        _import_command(seen, account, tenant_id, deps),
        seen,
        back,
        occurred_at=deps.now(),
        bodies=[body],
        body=body.sha256.hex(),
        check=check,
        discovery=account.discovery,
    )
    if imported.view.tenant_id is None:
        _assign(Invoice, imported, imported.view.customer, account, deps)
    return imported


def _has_gone_back(seen: ProviderInvoice) -> bool:
    """Return whether the invoice can have refunds, disputes or credit notes."""
    return seen.state == "paid" or seen.credit_notes_minor > 0


def _import_command(
    seen: ProviderInvoice, account: ProviderAccount, tenant_id: UUID | None, deps: ImportDeps
) -> ImportInvoice:
    return ImportInvoice(
        app_id=account.app_id,
        tenant_id=tenant_id,
        provider=account.provider,
        connection=account.connection,
        connection_id=account.connection_id,
        mode=account.mode,
        origin=_origin(seen, account),
        actor=account.actor,
        revision_of=_revised_invoice(seen, account, deps),
    )


def _revised_invoice(
    seen: ProviderInvoice, account: ProviderAccount, deps: ImportDeps
) -> UUID | None:
    """Return our invoice that a revision replaces: requested here, or imported."""
    if seen.revision_of is None:
        return None
    named = invoice_named_by(seen)
    original = None if named is None else deps.billing.find(Invoice, named)
    if original is not None and original.view.provider_object_id == seen.revision_of:
        return named
    return account.id_of(seen.revision_of)


def _is_new(seen: ProviderInvoice, account: ProviderAccount, deps: ImportDeps) -> bool:
    return deps.billing.find(Invoice, account.id_of(seen.id)) is None


def _origin(
    seen: ProviderInvoice, account: ProviderAccount
) -> Literal["renewal", "provider", "import"]:
    if account.importing:
        return "import"
    return "renewal" if seen.reason in ("renewal", "change") else "provider"


def import_subscription(
    seen: ProviderSubscription,
    account: ProviderAccount,
    deps: ImportDeps,
    *,
    check: Callable[[Subscription], None] = lambda _: None,
) -> Subscription:
    """Record a subscription's state. `check`: as for `import_invoice`."""
    first_invoice = _invoice_of(seen, account, deps)
    tenant_id = (
        _tenant(seen.customer, account, deps)
        if first_invoice is None
        else first_invoice.view.tenant_id
    )
    body = Body.of(
        seen.raw, None if tenant_id is None else ids.for_tenant(account.app_id, tenant_id)
    )
    imported = deps.billing.import_subscription(
        _start_command(account, tenant_id, first_invoice),
        seen,
        source="import" if account.importing else "answer",
        occurred_at=deps.now(),
        bodies=[body],
        body=body.sha256.hex(),
        check=check,
        discovery=account.discovery,
    )
    if imported.view.tenant_id is None:
        _assign(Subscription, imported, imported.view.customer, account, deps)
    return imported


def _start_command(
    account: ProviderAccount, tenant_id: UUID | None, first_invoice: Invoice | None
) -> StartSubscription:
    origin: Literal["request", "provider", "import"] = "import" if account.importing else "provider"
    return StartSubscription(
        app_id=account.app_id,
        tenant_id=tenant_id,
        user_id=None if first_invoice is None else first_invoice.view.user_id,
        provider=account.provider,
        connection=account.connection,
        connection_id=account.connection_id,
        mode=account.mode,
        origin=origin if first_invoice is None else "request",
        invoice_id=None if first_invoice is None else UUID(str(first_invoice.id)),
        actor=account.actor,
    )


def _invoice_of(
    seen: ProviderSubscription, account: ProviderAccount, deps: ImportDeps
) -> Invoice | None:
    """Find the request that a subscription came from, if its metadata names one of this app."""
    try:
        named = UUID(seen.metadata[metadata_keys.INVOICE])
    except (KeyError, ValueError):
        return None
    invoice = deps.billing.find(Invoice, named)
    if invoice is None or invoice.view.connection_id != account.connection_id:
        return None
    return invoice if is_subscription_claimed_by(seen, invoice) else None


def _tenant(customer: str | None, account: ProviderAccount, deps: ImportDeps) -> UUID | None:
    if customer is None:
        return None
    return deps.billing.tenant_of_customer(account.app_id, account.connection, customer)


def _assign(
    kind: type[Invoice | Subscription],
    imported: Invoice | Subscription,
    customer: str | None,
    account: ProviderAccount,
    deps: ImportDeps,
) -> None:
    """Find the tenant once more: the customer may have been linked during the import."""
    tenant_id = _tenant(customer, account, deps)
    if tenant_id is not None:
        occurred_at = deps.now()
        deps.billing.change(
            kind,
            UUID(str(imported.id)),
            lambda known: known.assign(tenant_id, actor=account.actor, occurred_at=occurred_at),
        )
