"""Start a subscription at the provider after its first payment (Mollie).

A bank may take days to confirm a mandate: the job waits for it, longer than the provider repeats
webhooks. A repeat looks up the subscription of an earlier run first; if two runs are concurrent,
the key and a unique description leave one subscription.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from domain.core import calendar
from domain.core.effects import WORKER
from domain.core.metadata import SUBSCRIPTION
from domain.core.steps import StepRecord
from domain.gateway.errors import GatewayRejected, GatewayUnavailable, JobPostponed
from domain.gateway.objects import ProviderMandate
from domain.gateway.subscriptions import MandateSubscriptionDraft, ProviderSubscription
from domain.invoices.invoice import Invoice
from domain.invoices.view import InvoiceView
from domain.subscriptions.items import Terms
from domain.subscriptions.mandate_subscription import (
    START_STEP,
    StartPlan,
    give_up_start,
    mark_not_started,
    restart_step,
)
from domain.subscriptions.subscription import Subscription
from domain.subscriptions.view import SubscriptionView
from workers.invoices.job import billhook_metadata
from workers.providers.callback_urls import CallbackUrls
from workers.providers.key_trust import MOLLIE_KEYS, KeyTrust
from workers.subscriptions.mollie_common import (
    MandateSubscriptionDeps,
    provider_date,
    record_started,
)

# Mollie repeats a payment's webhook for 26 hours; banks may take longer.
MANDATE_TIMEOUT: Final = timedelta(hours=72)
RECHECK_S: Final = 3600.0
_LONGEST_NAMES: Final = 200


@dataclass(frozen=True, kw_only=True)
class StartSubscriptionDeps(MandateSubscriptionDeps):
    """Dependencies of the start. `callback_urls`: for the webhooks of renewals."""

    callback_urls: CallbackUrls
    keys: KeyTrust = MOLLIE_KEYS


class _NotStartable(Exception):
    """The subscription can't start; an operator must act and may send the job again."""


def start_subscription(subscription_id: UUID, deps: StartSubscriptionDeps) -> None:
    """Start the subscription if it is due; raises GatewayUnavailable for a retry."""
    known = deps.billing.get(Subscription, subscription_id)
    if known.view.provider_subscription_id:
        return
    invoice = deps.billing.get(Invoice, UUID(str(known.view.invoice_id)))
    try:
        made, mandate = _find_or_create(known, invoice.view, deps)
    except _NotStartable as reason:
        why, occurred_at = str(reason), deps.now()
        deps.billing.change(
            Subscription,
            subscription_id,
            lambda one: give_up_start(one, why=why, attempts=1, occurred_at=occurred_at),
        )
        # The row stays, so that an operator can send it again.
        raise GatewayUnavailable(why, retry_after_s=RECHECK_S, counted=False) from reason
    record_started(known, made, mandate=mandate, deps=deps)


def mark_subscription_not_started(subscription_id: UUID, deps: MandateSubscriptionDeps) -> None:
    """Record that the subscription does not start, since its first payment failed."""
    occurred_at = deps.now()
    deps.billing.change(
        Subscription,
        subscription_id,
        lambda one: mark_not_started(one, actor=WORKER, occurred_at=occurred_at),
    )


def _find_or_create(
    known: Subscription, invoice: InvoiceView, deps: StartSubscriptionDeps
) -> tuple[ProviderSubscription, str | None]:
    """Find the subscription of an earlier run, or create it."""
    before = known.view.steps.get(START_STEP)
    customer = known.view.customer or ""
    description = _description(known.view)
    if before is not None or deps.keys.may_miss_calls:
        found = deps.gateway.find_mandate_subscription(customer=customer, description=description)
        if found is not None:
            return found, None if before is None else StartPlan.of(before).mandate
    plan = _plan(known.view, invoice, deps)
    step = _step(known, before, plan, deps)
    draft = MandateSubscriptionDraft(
        customer=customer,
        mandate=plan.mandate,
        charge=_terms(known.view).charge,
        starts_on=plan.starts_on,
        description=description,
        webhook_url=deps.callback_urls.webhook_url(known.view.provider, known.view.connection_id),
        metadata=billhook_metadata(invoice) | {SUBSCRIPTION: str(known.id)},
    )
    try:
        return deps.gateway.create_mandate_subscription(draft, key=step.key), draft.mandate
    except GatewayRejected as error:
        # Another run may have been faster: a customer has one subscription of a description.
        found = deps.gateway.find_mandate_subscription(customer=customer, description=description)
        if found is None:
            raise _NotStartable(error.message) from error
        return found, draft.mandate


def _step(
    known: Subscription, before: StepRecord | None, plan: StartPlan, deps: StartSubscriptionDeps
) -> StepRecord:
    """Record the step's plan; every repeat under its key sends the same."""
    if before is not None and StartPlan.of(before) == plan:
        return before
    occurred_at = deps.now()
    after = deps.billing.change(
        Subscription,
        UUID(str(known.id)),
        lambda one: restart_step(one, plan, occurred_at=occurred_at),
    )
    return after.view.steps[START_STEP]


def _plan(view: SubscriptionView, invoice: InvoiceView, deps: StartSubscriptionDeps) -> StartPlan:
    """Choose the mandate and the date of the next charge, after the paid first period."""
    paid_at = invoice.paid_at or deps.now()
    payment = invoice.paid_by_object or invoice.provider_object_id or ""
    mandate = deps.gateway.find_mandate(payment, customer=view.customer or "")
    mandate_id = _valid(mandate, waited=deps.now() - paid_at)
    next_day = calendar.after(provider_date(paid_at), *_terms(view).every)
    starts_on = max(next_day, provider_date(deps.now()))
    return StartPlan(mandate=mandate_id, starts_on=starts_on.isoformat())


def _valid(mandate: ProviderMandate | None, *, waited: timedelta) -> str:
    if mandate is not None and mandate.state == "valid":
        return mandate.id
    if mandate is not None and mandate.state == "invalid":
        raise _NotStartable(f"the mandate {mandate.id} is invalid")
    problem = "the payment left no mandate" if mandate is None else f"{mandate.id} is still pending"
    if waited >= MANDATE_TIMEOUT:
        hours = int(MANDATE_TIMEOUT.total_seconds() // 3600)
        raise _NotStartable(f"{problem} after {hours} hours")
    raise JobPostponed(problem, retry_after_s=RECHECK_S)


def _terms(view: SubscriptionView) -> Terms:
    """Return the agreed terms, which every subscription that starts here has."""
    assert view.terms is not None, "it starts by terms"  # noqa: S101 - STYLE: assert what must hold
    return view.terms


def _description(view: SubscriptionView) -> str:
    """Return a description for the customer that no other subscription has."""
    names = ", ".join(str(item.name) for item in view.items)
    return f"{names[:_LONGEST_NAMES]} {view.id}"
