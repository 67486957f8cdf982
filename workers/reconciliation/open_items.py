"""Fetch open items that were not reported, and enter those that differ."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, assert_never
from uuid import UUID

import structlog

from domain.core.aggregate import AggregateRoot
from domain.gateway.errors import GatewayRejected, ProviderObjectUnreadable
from domain.gateway.setups import SetupSession
from domain.invoices import status
from domain.invoices.invoice import Invoice
from domain.invoices.payments import is_payment_of
from domain.invoices.provider_update import is_running
from domain.invoices.refunds import is_of_overpayment
from domain.payment_methods import view as setups
from domain.payment_methods.setup import MethodSetup
from domain.subscriptions.subscription import Subscription
from domain.subscriptions.view import ENDED
from eventlog.errors import LogUnavailable
from projections.work.open_items import CAPTURE, WHOLE, OpenItem, OpenItems
from projections.work.sessions import WorkUnavailable
from workers.providers.mollie.gateway import MollieGateway
from workers.providers.stripe.client import API_VERSION
from workers.providers.stripe.event_types import SETUP_TYPES
from workers.providers.stripe.gateway import StripeGateway
from workers.providers.stripe.setups import SETUP_MODE
from workers.reconciliation.compare import Compare, Difference
from workers.reconciliation.inbox import FoundObject, ReconciliationInbox
from workers.reconciliation.known_objects import Known

_log = structlog.get_logger("billhook.reconciliation")

Subject = Invoice | Subscription | MethodSetup
_FINAL: Final = frozenset(
    {status.PAID, status.VOID, status.CANCELED, status.EXPIRED, status.REJECTED}
)
_OVER: Final = frozenset({setups.EXPIRED, setups.REJECTED, setups.REVOKED})


def place_items(items: OpenItems, load: Callable[[Iterable[UUID]], Known], *, limit: int) -> int:
    """Look up the connections of new items; return the number of items that were read.

    Items whose events cannot be read are left out. Raises LogUnavailable, WorkUnavailable.
    """
    unplaced = items.unplaced(limit=limit)
    for subject, found in _readable({item.subject for item in unplaced}, load).items():
        if isinstance(found, Invoice | Subscription | MethodSetup):
            items.place(subject, found.view.connection_id)
    return len(unplaced)


def _readable(subjects: Collection[UUID], load: Callable[[Iterable[UUID]], Known]) -> Known:
    try:
        return load(subjects)
    except (LogUnavailable, WorkUnavailable):
        raise
    except Exception as error:  # noqa: BLE001 - one object's trouble is not the others'
        if len(subjects) > 1:
            return {key: one for s in subjects for key, one in _readable([s], load).items()}
        _log.error("open_item.unreadable", subject=str(*subjects), error=type(error).__name__)
        return {}


@dataclass(frozen=True, kw_only=True)
class OpenItemCheck:
    """Checks the due items of one connection. `now`: our clock; items are due by it.

    Raises the gateway's errors, LogUnavailable and WorkUnavailable: items that were not checked
    stay due.
    """

    gateway: StripeGateway | MollieGateway
    compare: Compare
    inbox: ReconciliationInbox
    items: OpenItems
    now: Callable[[], datetime]
    should_stop: Callable[[], bool] = lambda: False

    def run(self, due: Sequence[OpenItem]) -> int:
        """Check the items, together for each aggregate; return the number of those entered."""
        by_subject: dict[UUID, list[OpenItem]] = {}
        for item in due:
            by_subject.setdefault(item.subject, []).append(item)
        known = self.compare.known.load(by_subject)
        return sum(
            self._check(known.get(subject), items)
            for subject, items in by_subject.items()
            if not self.should_stop()
        )

    def _check(self, subject: AggregateRoot | None, items: list[OpenItem]) -> bool:
        assert isinstance(subject, Invoice | Subscription | MethodSetup), "items have these"  # noqa: S101 - the follower's topics are theirs
        left = [item for item in items if not _is_final(subject, item)]
        for item in items:
            if item not in left:
                self.items.remove(item)
        if not left:
            return False
        entered = self._fetch_and_enter(subject, left)
        for item in left:
            self.items.mark_checked(item, now=self.now())
        return entered

    def _fetch_and_enter(self, subject: Subject, items: Iterable[OpenItem]) -> bool:
        """Fetch an object unless our own step is running on it; enter it if it differs."""
        try:
            match subject:
                case Invoice():
                    return self._check_invoice(subject, [item.part for item in items])
                case Subscription():
                    return self._check_subscription(subject)
                case MethodSetup():
                    return self._check_setup(subject)
        except ProviderObjectUnreadable:
            return False
        except GatewayRejected as error:
            # One that the provider deleted has no state to record.
            if not error.missing:
                raise
            return False
        assert_never(subject)

    def _check_invoice(self, ours: Invoice, parts: list[str]) -> bool:
        object_id = ours.view.provider_object_id
        if object_id is None or is_running(ours.view):
            return False
        if isinstance(self.gateway, MollieGateway):
            # The newest payment is not the one that paid the invoice if an earlier one was paid.
            paid_by = ours.view.paid_by_object
            return self._check_payment(self.gateway, ours, paid_by or object_id)
        if set(parts) - {WHOLE, CAPTURE}:
            back = self.gateway.fetch_refunds_and_disputes(object_id)
            difference = self.compare.parts(ours, back)
            if difference is not None:
                return self._enter("refund", object_id, difference, names={"invoice": object_id})
        if not {WHOLE, CAPTURE} & set(parts):
            return False
        seen = self.gateway.fetch_invoice(object_id)
        difference = self.compare.invoice(seen, {ours.view.id: ours})
        return difference is not None and self._enter("invoice", object_id, difference)

    def _check_payment(self, gateway: MollieGateway, ours: Invoice, payment_id: str) -> bool:
        seen, back = gateway.fetch_payment(payment_id)
        difference = self.compare.payment(seen, {ours.view.id: ours})
        if difference is None and is_payment_of(ours.view, payment_id):
            difference = self.compare.parts(ours, back)
        entered = difference is not None and self.inbox.receive_payment(
            payment_id, difference=difference.events
        )
        return self._check_further_payments(gateway, ours) or entered

    def _check_further_payments(self, gateway: MollieGateway, ours: Invoice) -> bool:
        """Check the payments beyond the one that paid the invoice whose refunds are pending."""
        waiting = {
            refund.payment_id
            for refund in ours.view.refunds
            if refund.status == "pending" and is_of_overpayment(ours.view, refund)
        }
        entered = False
        for payment_id in sorted(one for one in waiting if one is not None):
            _, back = gateway.fetch_payment(payment_id)
            difference = self.compare.returned(ours, payment_id, back)
            if difference is not None:
                entered |= self.inbox.receive_payment(payment_id, difference=difference.events)
        return entered

    def _check_subscription(self, ours: Subscription) -> bool:
        view = ours.view
        if not view.provider_subscription_id:
            return False
        if isinstance(self.gateway, MollieGateway):
            seen = self.gateway.fetch_mandate_subscription(
                view.provider_subscription_id, customer=view.customer or ""
            )
        else:
            seen = self.gateway.fetch_subscription(view.provider_subscription_id)
        difference = self.compare.subscription(seen, {view.id: ours})
        if difference is None:
            return False
        return self._enter("subscription", seen.id, difference, names={"customer": view.customer})

    def _check_setup(self, ours: MethodSetup) -> bool:
        session_id = ours.view.session_id
        if session_id is None or ours.view.status not in (setups.OPEN, setups.COMPLETED):
            return False
        seen = self.gateway.fetch_setup(session_id)
        difference = self.compare.setup(ours, seen)
        if difference is None:
            return False
        if isinstance(self.gateway, MollieGateway):
            return self.inbox.receive_payment(session_id, difference=difference.events)
        return self._enter_session(seen, difference)

    def _enter_session(self, seen: SetupSession, difference: Difference) -> bool:
        """Enter a Checkout session, whose state is complete in its event."""
        completed, expired = SETUP_TYPES
        session = {
            "id": seen.id,
            "object": "checkout.session",
            "mode": SETUP_MODE,
            "status": seen.state,
            "customer": seen.customer,
            "expires_at": seen.expires_at,
            "livemode": seen.livemode,
            "metadata": seen.metadata,
        }
        return self.inbox.receive_object(
            self._found("checkout.session", seen.id, difference),
            event_type=completed if seen.state == "complete" else expired,
            payload={"api_version": API_VERSION, "data": {"object": session}},
        )

    def _enter(
        self,
        object_type: str,
        object_id: str,
        difference: Difference,
        *,
        names: dict[str, Any] | None = None,
    ) -> bool:
        return self.inbox.receive_object(
            self._found(object_type, object_id, difference, names=names)
        )

    def _found(
        self,
        object_type: str,
        object_id: str,
        difference: Difference,
        *,
        names: dict[str, Any] | None = None,
    ) -> FoundObject:
        return FoundObject(
            object_type=object_type,
            object_id=object_id,
            difference=difference.events,
            version=difference.version,
            occurred_at=int(self.now().timestamp()),
            names=names or {},
        )


def _is_final(subject: Subject, item: OpenItem) -> bool:
    """Return whether an item needs no check any more."""
    match subject:
        case Invoice() if item.part != WHOLE:
            return _is_part_final(subject, item.part)
        case Invoice():
            # A failed payment of Mollie is final; a failed invoice of Stripe is charged again.
            failed = subject.view.provider == "mollie" and subject.view.status == status.FAILED
            return failed or subject.view.status in _FINAL
        case Subscription():
            return subject.view.status in ENDED
        case MethodSetup():
            has_mandate = subject.view.provider == "mollie"
            done = subject.view.status == setups.COMPLETED and not has_mandate
            return done or subject.view.status in _OVER
    assert_never(subject)


def _is_part_final(invoice: Invoice, part: str) -> bool:
    """Return whether a refund, dispute or authorization of an invoice is final."""
    if part == CAPTURE:
        return invoice.view.amount_capturable_minor == 0
    kind, _, part_id = part.partition(":")
    if kind == "dispute":
        return not any(one.id == part_id and one.status == "open" for one in invoice.view.disputes)
    return not any(
        part_id in (one.id, one.provider_refund_id) and one.status == "pending"
        for one in invoice.view.refunds
    )
