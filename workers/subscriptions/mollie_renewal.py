"""Import a subscription's renewal payments and its current state (Mollie).

Nothing is told of a subscription but its payments, each under an id that nobody knows yet: which
subscription of ours one is of, the provider's subscription says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from domain.core import calendar
from domain.gateway.objects import (
    GatewayRejected,
    ProviderInvoice,
    ProviderLine,
    ProviderSubscription,
    RefundsAndDisputes,
)
from domain.invoices.invoice import Invoice
from domain.subscriptions.mandate_subscription import START_STEP
from domain.subscriptions.subscription import Subscription
from domain.subscriptions.terms import charge_of, interval_of
from domain.subscriptions.view import SubscriptionView
from workers.payments.plan import provider_lines
from workers.provider_objects.ownership import app_mismatch
from workers.provider_objects.take_over import (
    FetchedRefunds,
    ImportDeps,
    ProviderAccount,
    import_invoice,
    import_subscription,
)
from workers.providers.mollie.recurring import SUBSCRIPTION
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
    """Take in a payment of a subscription, as it stands, with the subscription as it stands.

    One whose subscription is gone was paid all the same. Raises NotBelieved.
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
    """Take in a payment that the provider made by itself. Raises NotBelieved."""
    mismatch = app_mismatch(account, seen)
    if mismatch is not None:
        raise ObjectNotOwned(mismatch)
    importing = ImportDeps(billing=deps.billing, gateway=FetchedRefunds(back), now=deps.now)
    return import_invoice(seen, account, importing, money_back=True)


def apply_subscription(
    subscription_id: str, customer: str, account: ProviderAccount, deps: MandateSubscriptionDeps
) -> Subscription:
    """Fetch a subscription and take it in: one of ours, or one that somebody made there.

    Raises NotBelieved.
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
        # Its first news were faster than the answer that made it.
        step = ours.view.steps.get(START_STEP)
        mandate = None if step is None else step.plan["mandate"]
        record_started(ours, seen, mandate=mandate, deps=deps)
        return deps.billing.get(Subscription, ours.view.id)
    return record_state(ours, seen, actor=account.actor, deps=deps)


def _named_by(
    seen: ProviderSubscription, account: ProviderAccount, deps: MandateSubscriptionDeps
) -> Subscription | None:
    """Find the stream that its metadata names, if that is this connection's, and of this one."""
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
    """Say what a payment was for, and for which period, as far as that is known."""
    if seen.subscription_id is None:
        return replace(seen, lines=_whole(seen))
    began = provider_date(datetime.fromtimestamp(seen.created_at or seen.as_of, UTC))
    terms = None if view is None else next(_terms_for(seen, view), None)
    every = _every(view) if terms is None else interval_of(terms)
    charge = None if terms is None else charge_of(terms)
    return replace(
        seen,
        reason="renewal",
        lines=_whole(seen) if charge is None else provider_lines(charge),
        tax_minor=seen.tax_minor if charge is None else charge.tax_minor,
        period_start=midnight(began),
        period_end=None if every is None else midnight(calendar.after(began, *every)),
    )


def _terms_for(seen: ProviderInvoice, view: SubscriptionView) -> Iterator[Mapping[str, Any]]:
    """Give what was agreed on and comes to this sum."""
    upcoming = (view.next_terms or {}).get("terms")
    for terms in (view.terms, upcoming):
        if terms is None:
            continue
        charge = charge_of(terms)
        if (charge.currency, charge.total_minor) == (seen.currency, seen.total_minor):
            yield terms


def _every(view: SubscriptionView | None) -> tuple[str, int] | None:
    item = None if view is None else next(iter(view.items), None)
    return None if item is None else (item["interval"], item["interval_count"])


def _whole(seen: ProviderInvoice) -> tuple[ProviderLine, ...]:
    """Give the sum as a line: what it is for, the provider does not know either."""
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
