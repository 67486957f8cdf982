"""Import a subscription's renewal payments and its current state (Mollie).

Webhooks report only a subscription's payments, each under a new id; which subscription of ours a
payment belongs to is read from the provider's subscription.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

from domain.core import calendar
from domain.core.metadata import SUBSCRIPTION
from domain.gateway.errors import GatewayRejected
from domain.gateway.objects import ProviderInvoice, ProviderLine, RefundsAndDisputes
from domain.gateway.subscriptions import ProviderSubscription
from domain.invoices.invoice import Invoice
from domain.subscriptions.items import Terms
from domain.subscriptions.mandate_subscription import START_STEP, StartPlan
from domain.subscriptions.subscription import Subscription
from domain.subscriptions.view import SubscriptionView
from workers.payments.plan import provider_lines
from workers.provider_objects.import_object import (
    FetchedRefunds,
    ImportDeps,
    ProviderAccount,
    import_invoice,
    import_subscription,
)
from workers.provider_objects.ownership import app_mismatch
from workers.subscriptions.mollie_common import (
    MandateSubscriptionDeps,
    midnight,
    provider_date,
    record_started,
    record_state,
)


class ObjectNotOwned(Exception):
    """The provider's object does not belong to this connection."""


def apply_renewal(
    seen: ProviderInvoice,
    back: RefundsAndDisputes,
    account: ProviderAccount,
    deps: MandateSubscriptionDeps,
) -> Invoice:
    """Record a renewal payment and the current state of its subscription.

    A payment of a deleted subscription is recorded alone. Raises ObjectNotOwned.
    """
    assert seen.subscription_id is not None, "a subscription made it"  # noqa: S101 - STYLE: assert what must hold
    try:
        known = apply_subscription(seen.subscription_id, seen.customer or "", account, deps)
    except GatewayRejected as error:
        if not error.missing:
            raise
        return import_payment(as_invoice(seen, None), back, account, deps)
    return import_payment(as_invoice(seen, known.view), back, account, deps)


def import_payment(
    seen: ProviderInvoice,
    back: RefundsAndDisputes,
    account: ProviderAccount,
    deps: MandateSubscriptionDeps,
) -> Invoice:
    """Import a payment that the provider created by itself. Raises ObjectNotOwned."""
    mismatch = app_mismatch(account, seen)
    if mismatch is not None:
        raise ObjectNotOwned(mismatch)
    importing = ImportDeps(billing=deps.billing, gateway=FetchedRefunds(back), now=deps.now)
    return import_invoice(seen, account, importing, with_refunds=True)


def apply_subscription(
    subscription_id: str, customer: str, account: ProviderAccount, deps: MandateSubscriptionDeps
) -> Subscription:
    """Fetch and record a subscription that was requested here or created at the provider.

    Raises ObjectNotOwned.
    """
    seen = deps.gateway.fetch_mandate_subscription(subscription_id, customer=customer)
    mismatch = app_mismatch(account, seen)
    if mismatch is not None:
        raise ObjectNotOwned(mismatch)
    ours = _named_by(seen, account, deps)
    if ours is None:
        ours = deps.billing.find(Subscription, account.id_of(seen.id))
    if ours is None:
        return _import(seen, account, deps)
    if not ours.view.provider_subscription_id:
        # Its first webhook arrived before the answer that created it.
        step = ours.view.steps.get(START_STEP)
        mandate = None if step is None else StartPlan.of(step).mandate
        record_started(ours, seen, mandate=mandate, deps=deps)
        return deps.billing.get(Subscription, ours.view.id)
    return record_state(ours, seen, actor=account.actor, deps=deps, discovery=account.discovery)


def _named_by(
    seen: ProviderSubscription, account: ProviderAccount, deps: MandateSubscriptionDeps
) -> Subscription | None:
    """Find the subscription that the metadata names, if it belongs to this connection."""
    try:
        named = UUID(seen.metadata[SUBSCRIPTION])
    except (KeyError, ValueError):
        return None
    known = deps.billing.find(Subscription, named)
    if known is None or known.view.connection_id != account.connection_id:
        return None
    return known if known.view.provider_subscription_id in ("", seen.id) else None


def _import(
    seen: ProviderSubscription, account: ProviderAccount, deps: MandateSubscriptionDeps
) -> Subscription:
    importing = ImportDeps(
        billing=deps.billing, gateway=FetchedRefunds(RefundsAndDisputes()), now=deps.now
    )
    return import_subscription(seen, account, importing)


def as_invoice(seen: ProviderInvoice, view: SubscriptionView | None) -> ProviderInvoice:
    """Add a payment's lines and period, as far as they are known."""
    if seen.subscription_id is None:
        return replace(seen, lines=_whole(seen))
    began = provider_date(datetime.fromtimestamp(seen.created_at or seen.as_of, UTC))
    terms = None if view is None else next(_terms_for(seen, view), None)
    every = _every(view) if terms is None else terms.every
    charge = None if terms is None else terms.charge
    return replace(
        seen,
        reason="renewal",
        lines=_whole(seen) if charge is None else provider_lines(charge),
        tax_minor=seen.tax_minor if charge is None else charge.tax_minor,
        period_start=midnight(began),
        period_end=None if every is None else midnight(_period_end(began, every, view)),
    )


def _period_end(began: date, every: tuple[str, int], view: SubscriptionView | None) -> date:
    """Return the end of the period that a payment began.

    After a month without the day of the charges they return to it, which is the later day of the
    subscription's present period: two such months do not follow each other.
    """
    ends = () if view is None else (view.period_start, view.period_end)
    billing_day = max((end.day for end in ends if end is not None), default=1)
    return calendar.after(began, *every, billing_day=billing_day)


def _terms_for(seen: ProviderInvoice, view: SubscriptionView) -> Iterator[Terms]:
    """Find the agreed terms with this total."""
    upcoming = None if view.next_terms is None else view.next_terms.terms
    for terms in (view.terms, upcoming):
        if terms is None:
            continue
        charge = terms.charge
        if (charge.currency, charge.total_minor) == (seen.currency, seen.total_minor):
            yield terms


def _every(view: SubscriptionView | None) -> tuple[str, int] | None:
    item = None if view is None else next(iter(view.items), None)
    if item is None or item.interval is None or item.interval_count is None:
        return None
    return item.interval, item.interval_count


def _whole(seen: ProviderInvoice) -> tuple[ProviderLine, ...]:
    """Return the total as one line, since the provider has no lines either."""
    line = ProviderLine(
        id="0",
        description=seen.description,
        quantity=1,
        price=None,
        total_minor=seen.total_minor - seen.tax_minor,
        currency=seen.currency,
        reference=None,
    )
    return (line,)
