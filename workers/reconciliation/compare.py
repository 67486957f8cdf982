"""Compare a provider's objects with what is recorded, by deciding their update without saving it.

An object differs where an update would record an event. So nothing is found that a webhook would
not change either, and an object that was healed does not differ any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from domain.core.aggregate import DomainEvent
from domain.core.metadata import SUBSCRIPTION
from domain.gateway.objects import ProviderInvoice, RefundsAndDisputes
from domain.gateway.setups import SetupSession
from domain.gateway.subscriptions import ProviderSubscription
from domain.invoices import events as e
from domain.invoices.invoice import Invoice
from domain.invoices.payments import record_returned_payment
from domain.invoices.provider_update import is_running
from domain.payment_methods.setup import MethodSetup
from domain.subscriptions import events as s
from domain.subscriptions.mandate_subscription import record_mollie_state
from domain.subscriptions.subscription import Subscription
from domain.subscriptions.view import ENDED
from eventlog.async_store import pending_events
from workers.provider_objects.ownership import (
    app_mismatch,
    invoice_named_by,
    is_claimed_by,
    is_unattempted,
)
from workers.reconciliation.inbox import ACTOR
from workers.reconciliation.known_objects import Known, KnownObjects


@dataclass(frozen=True)
class Difference:
    """The events that would be recorded of an object, and the version of our aggregate."""

    events: str
    version: int


MISSING: Final = Difference("missing", 0)
SOURCE: Final = "reconciliation"
# They record that a state was seen again.
_CONFIRMING: Final = (e.ProviderStateConfirmed, s.SubscriptionStateConfirmed)


class Compare:
    """Compares objects of one connection. `now`: the clock that times the updates.

    `import_payments`: payments of Mollie that were not requested here are missing.
    """

    def __init__(
        self, known: KnownObjects, *, now: Callable[[], datetime], import_payments: bool = True
    ) -> None:
        self.known = known
        self._import_payments = import_payments
        self._account = known.account
        self._now = now

    # Invoices (Stripe), and the payments that stand for them (Mollie).

    def ids_of_invoice(self, seen: ProviderInvoice) -> set[UUID]:
        """Return the ids of the aggregates that the object may belong to."""
        named = invoice_named_by(seen)
        return {self._account.id_of(seen.id)} | (set() if named is None else {named})

    def invoice_of(self, seen: ProviderInvoice, known: Known) -> Invoice | None:
        """Return the invoice that the object belongs to; None if it is not known."""
        named = invoice_named_by(seen)
        requested = None if named is None else known.get(named)
        if isinstance(requested, Invoice) and self._is_here(requested):
            # A subscription's payment has the metadata of the invoice that started it.
            is_payment = seen.object_type == "payment" and seen.subscription_id is None
            if is_payment or (seen.object_type == "invoice" and is_claimed_by(seen, requested)):
                return requested
        imported = known.get(self._account.id_of(seen.id))
        return imported if isinstance(imported, Invoice) else None

    def invoice(self, seen: ProviderInvoice, known: Known) -> Difference | None:
        """Return how an object of Stripe differs from its invoice; None if it does not."""
        ours = self.invoice_of(seen, known)
        if app_mismatch(self._account, seen) is not None:
            return None
        if ours is None:
            named = invoice_named_by(seen)
            # Metadata that names an invoice which is not known is not ours to import.
            return MISSING if named is None or named in known else None
        return None if is_running(ours.view) else self._difference(ours, self._as_fetched(seen))

    def _as_fetched(self, seen: ProviderInvoice) -> Callable[[Invoice], object]:
        return lambda invoice: invoice.record_provider_state(
            seen, source=SOURCE, actor=ACTOR, occurred_at=self._now()
        )

    def payment(self, seen: ProviderInvoice, known: Known) -> Difference | None:
        """Return how a payment of Mollie differs from its invoice; None if it does not.

        Its refunds and chargebacks are compared as `parts`.
        """
        if app_mismatch(self._account, seen) is not None:
            return None
        ours = self.invoice_of(seen, known)
        if ours is None:
            return MISSING if self._is_missing(seen) else None
        return None if is_running(ours.view) else self._difference(ours, self._as_fetched(seen))

    def _is_missing(self, seen: ProviderInvoice) -> bool:
        """Return whether a payment that is not known is to be imported."""
        if seen.subscription_id is not None:
            return True
        if invoice_named_by(seen) is not None or is_unattempted(seen):
            return False
        return self._import_payments

    def parts(self, ours: Invoice | None, back: RefundsAndDisputes) -> Difference | None:
        """Return how refunds, disputes or credit notes differ from those of their invoice."""
        if ours is None:
            return MISSING
        if is_running(ours.view):
            return None
        return self._difference(
            ours,
            lambda invoice: invoice.record_refunds_and_disputes(
                back, source=SOURCE, actor=ACTOR, occurred_at=self._now()
            ),
        )

    def returned(
        self, ours: Invoice, payment_id: str, back: RefundsAndDisputes
    ) -> Difference | None:
        """Return how the refunds of a payment beyond the one that paid an invoice differ."""
        return self._difference(
            ours,
            lambda invoice: record_returned_payment(
                invoice, payment_id, back, source=SOURCE, actor=ACTOR, occurred_at=self._now()
            ),
        )

    # Subscriptions.

    def ids_of_subscription(self, seen: ProviderSubscription) -> set[UUID]:
        """Return the ids of the aggregates that the subscription may belong to."""
        named = _uuid(seen.metadata.get(SUBSCRIPTION))
        return {self._account.id_of(seen.id)} | (set() if named is None else {named})

    def subscription_of(self, seen: ProviderSubscription, known: Known) -> Subscription | None:
        """Return the subscription that the object belongs to; None if it is not known."""
        named = known.get(_uuid(seen.metadata.get(SUBSCRIPTION)) or self._account.id_of(seen.id))
        if (
            isinstance(named, Subscription)
            and self._is_here(named)
            and named.view.provider_subscription_id in ("", seen.id)
        ):
            return named
        imported = known.get(self._account.id_of(seen.id))
        return imported if isinstance(imported, Subscription) else None

    def subscription(self, seen: ProviderSubscription, known: Known) -> Difference | None:
        """Return how a subscription differs; None if it does not. An ended one stays ended."""
        if app_mismatch(self._account, seen) is not None:
            return None
        ours = self.subscription_of(seen, known)
        if ours is None:
            return MISSING
        if not ours.view.provider_subscription_id or ours.view.pending_request is not None:
            return None
        if ours.view.status in ENDED and self._account.provider == "mollie":
            return None
        return self._difference(ours, lambda known: self._record_subscription(known, seen))

    def _record_subscription(self, known: Subscription, seen: ProviderSubscription) -> None:
        record = (
            record_mollie_state
            if self._account.provider == "mollie"
            else Subscription.record_provider_state
        )
        record(known, seen, source=SOURCE, actor=ACTOR, occurred_at=self._now())

    # Payment-method setups.

    def setup(self, ours: MethodSetup, seen: SetupSession) -> Difference | None:
        """Return how a setup differs from its page at the provider; None if it does not."""
        return self._difference(
            ours,
            lambda setup: setup.record_session(
                seen, source=SOURCE, actor=ACTOR, occurred_at=self._now()
            ),
        )

    def _is_here(self, known: Invoice | Subscription) -> bool:
        return known.view.connection_id == self._account.connection_id

    def _difference(self, ours: Any, decide: Callable[[Any], object]) -> Difference | None:  # noqa: ANN401 - any of our aggregates
        version = ours.version
        decide(ours)
        changes = describe(pending_events(ours))
        return None if changes is None else Difference(changes, version)


def describe(events: Iterable[DomainEvent]) -> str | None:
    """Name the events that an update would record; None where it would only confirm."""
    changes = [type(event).__name__ for event in events if not isinstance(event, _CONFIRMING)]
    return ", ".join(changes) or None


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None
