"""Import a Mollie account's history, by the same commands as webhooks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar
from uuid import UUID

from domain.core.metadata import SUBSCRIPTION
from domain.gateway.errors import GatewayRejected
from domain.gateway.objects import ProviderInvoice, RefundsAndDisputes
from domain.gateway.subscriptions import ProviderSubscription
from domain.invoices.invoice import Invoice
from domain.subscriptions.subscription import Subscription
from domain.subscriptions.view import SubscriptionView
from workers.history.import_run import (
    ELSEWHERE,
    KNOWN,
    NEW,
    OURS,
    SKIPPED,
    UNASSIGNED,
    ImportCheckpoint,
    ImportRun,
)
from workers.provider_objects.import_object import import_invoice, import_subscription
from workers.provider_objects.ownership import app_mismatch, invoice_named_by, is_unattempted
from workers.providers.mollie.history import MollieHistory, PastPayment
from workers.providers.retry import Page
from workers.subscriptions.mollie_renewal import as_invoice


@dataclass(kw_only=True)
class MollieImport(ImportRun):
    """Import of a Mollie account: customers, subscriptions, payments with their refunds."""

    phases: ClassVar[tuple[str, ...]] = ("customers", "subscriptions", "invoices")
    history: MollieHistory
    _of_subscriptions: dict[str, SubscriptionView | None] = field(default_factory=dict)

    def now_s(self) -> int:
        """Return the time by Mollie's clock."""
        return self.history.now_s()

    def phase(self, checkpoint: ImportCheckpoint) -> ImportCheckpoint:
        """Import the objects of a phase."""
        match checkpoint.phase:
            case "customers":
                return self.import_pages(checkpoint, self.history.customers, self._check_customer)
            case "subscriptions":
                return self.import_pages(
                    checkpoint, self.history.subscriptions, self._import_subscription
                )
        return self.import_pages(checkpoint, self._payments, self._import_payment)

    def _payments(self, after: str | None) -> Page[PastPayment]:
        """Read a page of payments; stop at the first that is older than the import's start."""
        page = self.history.payments(after)
        oldest = page.items[-1].invoice.created_at if page.items else None
        return replace(page, last=None) if (oldest or self.since_s) < self.since_s else page

    def _check_customer(self, customer: str) -> str:
        """Check that a tenant has the customer; payments of others stay unassigned."""
        account = self.account
        owner = self.billing.tenant_of_customer(account.app_id, account.connection, customer)
        return UNASSIGNED if owner is None else KNOWN

    def _import_subscription(self, seen: ProviderSubscription) -> str:
        if app_mismatch(self.account, seen) is not None:
            return ELSEWHERE
        if self._ours(seen) is not None:
            return OURS
        if seen.ended_at is not None and seen.ended_at < self.since_s:
            return SKIPPED
        if self.dry_run:
            known = self.billing.find(Subscription, self.account.id_of(seen.id))
            return NEW if known is None else KNOWN
        return self.outcome(
            lambda: import_subscription(seen, self.account, self.deps(RefundsAndDisputes()))
        )

    def _ours(self, seen: ProviderSubscription) -> Subscription | None:
        """Find the subscription if it was requested here."""
        try:
            known = self.billing.find(Subscription, UUID(seen.metadata[SUBSCRIPTION]))
        except (KeyError, ValueError):
            return None
        same = known is not None and known.view.connection_id == self.account.connection_id
        return known if same else None

    def _import_payment(self, past: PastPayment) -> str:
        seen = past.invoice
        if app_mismatch(self.account, seen) is not None:
            return ELSEWHERE
        if seen.subscription_id is None and invoice_named_by(seen) is not None:
            return OURS  # requested here: its own stream records it
        known = self.billing.find(Invoice, self.account.id_of(seen.id))
        before = (seen.created_at or 0) < self.since_s
        if known is None and (before or is_unattempted(seen)):
            return SKIPPED
        if self.dry_run:
            return NEW if known is None else KNOWN
        back = RefundsAndDisputes()
        if past.has_parts:
            seen, back = self.history.with_parts(seen)
        whole = as_invoice(seen, self._subscription_of(seen))
        return self.outcome(
            lambda: import_invoice(whole, self.account, self.deps(back), with_refunds=True)
        )

    def _subscription_of(self, seen: ProviderInvoice) -> SubscriptionView | None:
        """Find a payment's subscription; each subscription is fetched once."""
        named = seen.subscription_id
        if named is None:
            return None
        if named not in self._of_subscriptions:
            known = self.billing.find(Subscription, self.account.id_of(named))
            known = known or self._begun_here(named, seen.customer or "")
            self._of_subscriptions[named] = None if known is None else known.view
        return self._of_subscriptions[named]

    def _begun_here(self, subscription_id: str, customer: str) -> Subscription | None:
        try:
            seen = self.history.subscription(subscription_id, customer=customer)
        except GatewayRejected as error:
            if not error.missing:
                raise
            return None
        return self._ours(seen)
