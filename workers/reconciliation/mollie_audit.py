"""Audit a Mollie account: payments, refunds, chargebacks, subscriptions and saved mandates.

Mollie's lists have no filter by time: they are read from the newest object down to the start of
the period. Objects that are newer than its end are passed over. A saved mandate is compared where
the payment that left it is listed: its customer's mandates are listed then. A subscription whose
mandate is lost has another status.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, ClassVar, Final

from domain.gateway.objects import ProviderInvoice
from domain.gateway.subscriptions import ProviderSubscription
from domain.invoices.invoice import Invoice
from domain.invoices.payments import is_payment_of
from domain.payment_methods.setup import MethodSetup
from domain.payment_methods.view import COMPLETED, OPEN
from workers.providers.mollie.history import MollieHistory, PartOfPayment
from workers.providers.retry import Page, T
from workers.providers.stripe.setups import setup_named_by
from workers.reconciliation.audit_run import AuditCheckpoint, AuditRun, share_read
from workers.reconciliation.compare import Compare, Difference
from workers.reconciliation.inbox import FoundObject
from workers.reconciliation.parts import merged

PAYMENT_LISTS: Final = ("payments", "refunds", "chargebacks")
_UNDECIDED: Final = ("open", "processing")


@dataclass(kw_only=True)
class MollieAudit(AuditRun):
    """Audit of a Mollie account, by its lists."""

    phases: ClassVar[tuple[str, ...]] = (*PAYMENT_LISTS, "subscriptions")
    lists: MollieHistory
    compare: Compare

    def now_s(self) -> int:
        """Return the time by Mollie's clock."""
        return self.lists.now_s()

    def check_page(self, checkpoint: AuditCheckpoint) -> tuple[Page[Any], int, float]:
        """Compare a page of a list."""
        after = checkpoint.after
        match checkpoint.phase:
            case "payments":
                payments, share = _within(self.lists.current_payments(after), checkpoint, _created)
                return payments, self._check_payments(payments.items), share
            case "subscriptions":
                listed = self.lists.subscriptions(after)
                share = 0.5 if listed.last else 1.0
                return listed, self._check_subscriptions(listed.items), share
            case "refunds":
                parts = self.lists.refunds(after)
            case _:
                parts = self.lists.chargebacks(after)
        parts, share = _within(parts, checkpoint, lambda part: part.created_at)
        return parts, self._check_parts(parts.items), share

    def _check_payments(self, payments: Sequence[ProviderInvoice]) -> int:
        compare = self.compare
        setups = {seen.id: setup_named_by({"metadata": seen.metadata}) for seen in payments}
        known = compare.known.load(
            {one for seen in payments for one in compare.ids_of_invoice(seen)}
            | {one for one in setups.values() if one is not None}
        )
        mandates = lru_cache(maxsize=None)(self.lists.mandates)
        entered = 0
        for seen in payments:
            setup_id = setups[seen.id]
            if setup_id is not None:
                found = self._setup_difference(seen, known.get(setup_id), mandates)
            else:
                difference = compare.payment(seen, known)
                found = None if difference is None else difference.events
            if found is not None:
                entered += self.inbox.receive_payment(seen.id, difference=found)
        return entered

    def _setup_difference(
        self, seen: ProviderInvoice, known: object, mandates: Callable[[str], set[str]]
    ) -> str | None:
        """Return how the page or the mandate of a payment-method setup differs; None if equal."""
        if not isinstance(known, MethodSetup):
            return None
        view = known.view
        if view.status == OPEN:
            state = "open" if seen.payment is None else seen.payment.state
            return None if state in _UNDECIDED else f"setup {state}"
        if view.status != COMPLETED or view.method is None or view.customer is None:
            return None
        return None if view.method["id"] in mandates(view.customer) else "SetupRevoked"

    def _check_parts(self, parts: Sequence[PartOfPayment]) -> int:
        """Compare refunds or chargebacks, together for each payment."""
        by_payment: dict[str, list[PartOfPayment]] = defaultdict(list)
        for part in parts:
            by_payment[part.payment].append(part)
        ids = self.compare.known.invoices_of_payments(list(by_payment))
        known = self.compare.known.load(ids.values())
        entered = 0
        for payment_id, mine in by_payment.items():
            ours = known.get(ids[payment_id])
            if not isinstance(ours, Invoice):
                continue
            difference = self._part_difference(ours, payment_id, mine)
            if difference is not None:
                entered += self.inbox.receive_payment(payment_id, difference=difference.events)
        return entered

    def _part_difference(
        self, ours: Invoice, payment_id: str, parts: Sequence[PartOfPayment]
    ) -> Difference | None:
        if is_payment_of(ours.view, payment_id):
            return self.compare.parts(ours, merged(part.back for part in parts))
        if payment_id in ours.view.paid_elsewhere:
            # The amount returned of it is one sum, of parts on any page.
            back = self.lists.refunds_and_disputes(payment_id)
            return self.compare.returned(ours, payment_id, back)
        return None

    def _check_subscriptions(self, subscriptions: Sequence[ProviderSubscription]) -> int:
        compare = self.compare
        known = compare.known.load(
            one for seen in subscriptions for one in compare.ids_of_subscription(seen)
        )
        entered = 0
        for seen in subscriptions:
            difference = compare.subscription(seen, known)
            if difference is None:
                continue
            entered += self.inbox.receive_object(
                FoundObject(
                    object_type="subscription",
                    object_id=seen.id,
                    difference=difference.events,
                    version=difference.version,
                    occurred_at=seen.as_of,
                    names={"customer": seen.customer},
                )
            )
        return entered


def _created(seen: ProviderInvoice) -> int | None:
    return seen.created_at


def _within(
    page: Page[T], checkpoint: AuditCheckpoint, created_at: Callable[[T], int | None]
) -> tuple[Page[T], float]:
    """Return the page's objects of the period, without a next page once it is passed."""
    times = [(item, created_at(item) or checkpoint.start) for item in page.items]
    items = [item for item, at in times if checkpoint.start <= at < checkpoint.end]
    oldest = times[-1][1] if times else None
    last = None if oldest is not None and oldest < checkpoint.start else page.last
    return replace(page, items=items, last=last), share_read(oldest, checkpoint.period, last=last)
