"""Check a subscription's state when its next payment is due (Mollie).

No webhook reports a subscription that was suspended, canceled or completed, and one of a payment
may get lost. So one row of the work table stays open for each live subscription, and is due when a
payment should have been made.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, cast
from uuid import UUID

from domain.core.calendar import from_unix
from domain.core.providers import Mode, Provider
from domain.gateway.errors import GatewayRejected, JobPostponed
from domain.gateway.objects import ProviderInvoice
from domain.invoices.invoice import Invoice
from domain.invoices.status import FAILED, PAID
from domain.reconciliation.drift import Discovery
from domain.subscriptions.mandate_subscription import mark_missing
from domain.subscriptions.subscription import Subscription
from domain.subscriptions.view import ENDED, SubscriptionView
from eventlog.errors import HistoryDetached
from workers.provider_objects.import_object import ProviderAccount
from workers.provider_objects.same_account import require_same_account
from workers.subscriptions.mollie_common import MandateSubscriptionDeps, record_state
from workers.subscriptions.mollie_renewal import apply_renewal

# A payment is made some time on its day, and its own webhook comes first.
AFTER_DUE: Final = timedelta(hours=26)
RECHECK_AFTER: Final = timedelta(hours=6)
_LOOK_BACK: Final = timedelta(days=10)
_BY: Final = "reconciliation"
_SETTLED: Final = frozenset({PAID, FAILED})


def check_subscription(subscription_id: UUID, deps: MandateSubscriptionDeps) -> None:
    """Check the subscription if it is due; raises JobPostponed for the next one."""
    known = deps.billing.get(Subscription, subscription_id)
    if known.view.status in ENDED:
        return
    now = deps.now()
    due = _due(known.view, now=now)
    if due <= now:
        known = _refresh(known, deps)
        if known.view.status in ENDED:
            return
        due = max(_due(known.view, now=now), now + RECHECK_AFTER)
    raise JobPostponed(
        f"the next check is at {due.isoformat()}", retry_after_s=(due - now).total_seconds()
    )


def _due(view: SubscriptionView, *, now: datetime) -> datetime:
    """Return the time of the next check."""
    ends_at = from_unix(view.ends_at)
    if ends_at is not None:
        return ends_at
    return now if view.period_end is None else view.period_end + AFTER_DUE


def _refresh(known: Subscription, deps: MandateSubscriptionDeps) -> Subscription:
    """Record the current state and missed payments."""
    view = known.view
    account = replace(account_of(view, actor=_BY), discovery=Discovery(found_by="open_items"))
    at_provider, customer = view.provider_subscription_id, view.customer or ""
    try:
        seen = deps.gateway.fetch_mandate_subscription(at_provider, customer=customer)
    except GatewayRejected as error:
        if not error.missing:
            raise
        require_same_account(view.customer, deps.gateway)
        occurred_at = deps.now()
        return deps.billing.change(
            Subscription, view.id, lambda one: mark_missing(one, actor=_BY, occurred_at=occurred_at)
        )
    record_state(known, seen, actor=_BY, deps=deps, discovery=account.discovery)
    since = (view.period_start or view.created_at) - _LOOK_BACK
    payments = deps.gateway.list_renewals(
        at_provider, customer=customer, created_after=int(since.timestamp())
    )
    for payment in payments:
        if not _is_settled(payment, account, deps):
            fetched, back = deps.gateway.fetch_payment(payment.id)
            apply_renewal(fetched, back, account, deps)
    return deps.billing.get(Subscription, view.id)


def _is_settled(
    payment: ProviderInvoice, account: ProviderAccount, deps: MandateSubscriptionDeps
) -> bool:
    try:
        invoice = deps.billing.find(Invoice, account.id_of(payment.id))
    except HistoryDetached:
        return True  # only what has ended is archived
    return invoice is not None and invoice.view.status in _SETTLED


def account_of(view: SubscriptionView, *, actor: str) -> ProviderAccount:
    """Return the provider account of a subscription."""
    return ProviderAccount(
        app_id=view.app_id,
        provider=cast("Provider", view.provider),
        connection=view.connection,
        connection_id=view.connection_id,
        mode=cast("Mode", view.mode),
        actor=actor,
    )
