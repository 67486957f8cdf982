"""Audit a Stripe account: invoices, refunds, disputes, credit notes and subscriptions."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from domain.gateway.objects import ProviderInvoice
from domain.gateway.subscriptions import ProviderSubscription
from domain.invoices.invoice import Invoice
from workers.providers.retry import Page
from workers.providers.stripe.audit_lists import PartOfInvoice, StripeAuditLists
from workers.providers.stripe.gateway import StripeGateway
from workers.reconciliation.audit_run import AuditCheckpoint, AuditRun, share_read
from workers.reconciliation.compare import Compare, Difference
from workers.reconciliation.inbox import FoundObject
from workers.reconciliation.parts import merged

_MOST_PAYMENTS: Final = 2000
# Invoices are paid by PaymentIntents; a charge without one belongs to none.
_INTENT: Final = "pi_"


@dataclass(kw_only=True)
class StripeAudit(AuditRun):
    """Audit of a Stripe account. Invoices are listed with amounts and states; open ones fetched.

    The payment of an invoice is part of it: a paid invoice's is known from the list, an open one's
    from the fetch.
    """

    phases: ClassVar[tuple[str, ...]] = (
        "invoices",
        "refunds",
        "disputes",
        "credit_notes",
        "subscriptions",
    )
    lists: StripeAuditLists
    gateway: StripeGateway
    compare: Compare
    _invoices: OrderedDict[str, str | None] = field(default_factory=OrderedDict)

    def now_s(self) -> int:
        """Return the time by Stripe's clock."""
        return self.lists.now_s()

    def check_page(self, checkpoint: AuditCheckpoint) -> tuple[Page[Any], int, float]:
        """Compare a page of a list."""
        period, after = checkpoint.period, checkpoint.after
        match checkpoint.phase:
            case "invoices":
                invoices = self.lists.current_invoices(period, after)
                oldest = invoices.items[-1].created_at if invoices.items else None
                share = share_read(oldest, period, last=invoices.last)
                return invoices, self._check_invoices(invoices.items), share
            case "subscriptions":
                subscriptions = self.lists.subscriptions(after)
                share = 0.5 if subscriptions.last else 1.0
                return subscriptions, self._check_subscriptions(subscriptions.items), share
        parts = self._list_of_parts(checkpoint.phase)(period, after)
        oldest = parts.items[-1].created_at if parts.items else None
        return parts, self._check_parts(parts.items), share_read(oldest, period, last=parts.last)

    def _list_of_parts(self, phase: str) -> Callable[..., Page[PartOfInvoice]]:
        return {
            "refunds": self.lists.refunds,
            "disputes": self.lists.disputes,
            "credit_notes": self.lists.credit_notes,
        }[phase]

    def _check_invoices(self, invoices: Sequence[ProviderInvoice]) -> int:
        compare = self.compare
        known = compare.known.load(one for seen in invoices for one in compare.ids_of_invoice(seen))
        entered = 0
        for seen in invoices:
            difference = compare.invoice(seen, known)
            if difference is None and seen.state == "open" and compare.invoice_of(seen, known):
                # Whether its payment failed or needs the customer is not in the list.
                difference = compare.invoice(self.gateway.fetch_invoice(seen.id), known)
            if difference is not None:
                entered += self._enter("invoice", seen.id, difference, as_of=seen.as_of)
        return entered

    def _check_subscriptions(self, subscriptions: Sequence[ProviderSubscription]) -> int:
        compare = self.compare
        known = compare.known.load(
            one for seen in subscriptions for one in compare.ids_of_subscription(seen)
        )
        entered = 0
        for seen in subscriptions:
            difference = compare.subscription(seen, known)
            if difference is not None:
                entered += self._enter("subscription", seen.id, difference, as_of=seen.as_of)
        return entered

    def _check_parts(self, parts: Sequence[PartOfInvoice]) -> int:
        """Compare refunds, disputes or credit notes, together for each invoice."""
        by_invoice: dict[str, list[PartOfInvoice]] = defaultdict(list)
        for part in parts:
            invoice_id = part.invoice or self._invoice_of(part.payment or "")
            if invoice_id is not None:
                by_invoice[invoice_id].append(part)
        ids = self.compare.known.invoices_of(list(by_invoice))
        known = self.compare.known.load(ids.values())
        entered = 0
        for invoice_id, mine in by_invoice.items():
            ours = known.get(ids[invoice_id])
            difference = self.compare.parts(
                ours if isinstance(ours, Invoice) else None, merged(part.back for part in mine)
            )
            if difference is not None:
                entered += self._enter(
                    mine[0].object_type,
                    mine[0].object_id,
                    difference,
                    as_of=mine[0].created_at,
                    names={"invoice": invoice_id},
                )
        return entered

    def _invoice_of(self, payment_id: str) -> str | None:
        """Return the invoice of a payment; the newest ones are remembered."""
        if not payment_id.startswith(_INTENT):
            return None
        if payment_id not in self._invoices:
            self._invoices[payment_id] = self.gateway.find_invoice_of(payment_id)
            if len(self._invoices) > _MOST_PAYMENTS:
                self._invoices.popitem(last=False)
        return self._invoices[payment_id]

    def _enter(
        self,
        object_type: str,
        object_id: str,
        difference: Difference,
        *,
        as_of: int,
        names: dict[str, str] | None = None,
    ) -> bool:
        return self.inbox.receive_object(
            FoundObject(
                object_type=object_type,
                object_id=object_id,
                difference=difference.events,
                version=difference.version,
                occurred_at=as_of,
                names=names or {},
            )
        )
