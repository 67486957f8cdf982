"""Perform a requested cancellation or change of a mandate subscription (Mollie).

Mollie has no end of a period: nothing more is charged from now on, and the subscription lasts here
until the end of the paid period. A change applies from the next payment on.

The new terms are recorded before their call: a job that fetches the subscription right after it
must know them. Each call may be repeated without harm.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Final
from uuid import UUID

from domain.billing import Billing
from domain.catalogue.catalogue import Price
from domain.catalogue.pricing import NotChargeable, charge_for
from domain.core import ids
from domain.core.effects import WORKER
from domain.gateway.errors import GatewayRejected
from domain.gateway.subscriptions import ProviderSubscription
from domain.subscriptions.items import Terms
from domain.subscriptions.mandate_subscription import (
    record_mollie_state,
    record_terms,
    schedule_end,
)
from domain.subscriptions.subscription import Subscription
from domain.subscriptions.terms import tax_of, terms_of
from domain.subscriptions.view import PendingRequest, SubscriptionView
from eventlog.bodies import Body
from workers.invoices.rejections import RequestRejected
from workers.provider_objects.same_account import require_same_account
from workers.subscriptions.missing import record_missing
from workers.subscriptions.mollie_common import MandateSubscriptionDeps

_NOTHING_BETWEEN: Final = (
    "Mollie charges nothing between two payments: a change counts from the next one on, "
    "as periodEnd asks for."
)


def change_mandate_subscription(subscription_id: UUID, deps: MandateSubscriptionDeps) -> None:
    """Perform the pending request, if there is one."""
    known = deps.billing.get(Subscription, subscription_id)
    if known.view.pending_request is None:
        return
    rejection: RequestRejected | None = None
    try:
        if known.view.pending_request.action == "cancel":
            _cancel(known, deps)
        else:
            _change(known, deps)
    except RequestRejected as error:
        rejection = error
    except GatewayRejected as error:
        rejection = RequestRejected.from_gateway(error)
    try:
        seen = deps.gateway.fetch_mandate_subscription(
            known.view.provider_subscription_id, customer=known.view.customer or ""
        )
    except GatewayRejected as error:
        if not error.missing:
            raise
        # Mollie deletes a customer's subscriptions with the customer.
        require_same_account(known.view.customer, deps.gateway)
        record_missing(known, billing=deps.billing, occurred_at=deps.now())
        return
    _record(known, seen, rejection, deps)


def _cancel(known: Subscription, deps: MandateSubscriptionDeps) -> None:
    view, pending = known.view, known.pending_request
    lasts_until = view.period_end if pending.at_period_end else None

    def decide(one: Subscription) -> None:
        occurred_at = deps.now()
        one.start_step(occurred_at=occurred_at)
        if lasts_until is not None:
            schedule_end(one, ends_at=int(lasts_until.timestamp()), occurred_at=occurred_at)

    deps.billing.change(Subscription, view.id, decide)
    deps.gateway.cancel_mandate_subscription(
        view.provider_subscription_id, customer=view.customer or ""
    )


def _change(known: Subscription, deps: MandateSubscriptionDeps) -> None:
    view, pending = known.view, known.pending_request
    terms = _terms(view, pending, deps.billing)
    assert view.period_end is not None, "what is charged again has a next time"  # noqa: S101 - STYLE: assert what must hold
    starts_at = int(view.period_end.timestamp())

    def decide(one: Subscription) -> None:
        occurred_at = deps.now()
        one.start_step(occurred_at=occurred_at)
        record_terms(one, terms, starts_at=starts_at, actor=WORKER, occurred_at=occurred_at)

    deps.billing.change(Subscription, view.id, decide)
    deps.gateway.change_mandate_subscription(
        view.provider_subscription_id, customer=view.customer or "", charge=terms.charge
    )


def _terms(view: SubscriptionView, pending: PendingRequest, billing: Billing) -> Terms:
    """Compute the new terms, with the agreed tax. Raises RequestRejected."""
    if not pending.at_period_end:
        raise RequestRejected(code="change_now_impossible", message=_NOTHING_BETWEEN, path="when")
    if view.ends_at is not None or view.period_end is None:
        message = "Nothing more is charged for it, so that there is nothing to change."
        raise RequestRejected(code="ending", message=message)
    if view.terms is None:
        message = "It was not started here, so that its tax is unknown: change it at Mollie."
        raise RequestRejected(code="terms_unknown", message=message)
    lines = [asdict(line) | {"name": None} for line in pending.lines or ()]
    names = {line["price"] for line in lines}
    found = {name: billing.find(Price, ids.for_price(view.app_id, name)) for name in names}
    prices = {name: price for name, price in found.items() if price is not None}
    try:
        charge = charge_for(lines, prices=prices, tax=tax_of(view.terms), recurring=True)
        terms = terms_of(charge)
    except NotChargeable as error:
        raise RequestRejected(code=error.code, message=error.message, path=error.path) from error
    if charge.currency != view.terms.currency:
        message = f"A subscription stays in its currency, {view.terms.currency}."
        raise RequestRejected(code="currency_differs", message=message, path="lineItems")
    return terms


def _record(
    known: Subscription,
    seen: ProviderSubscription,
    rejection: RequestRejected | None,
    deps: MandateSubscriptionDeps,
) -> None:
    """Record the state and the outcome of the request in one append."""
    occurred_at, body = deps.now(), Body.of(seen.raw, known.view.body_owner)
    pending = known.pending_request
    at_once = pending.action == "cancel" and not pending.at_period_end

    def decide(one: Subscription) -> None:
        if at_once and rejection is None and one.view.ends_at is not None:
            schedule_end(one, ends_at=seen.as_of, occurred_at=occurred_at)
        record_mollie_state(
            one,
            seen,
            source="answer",
            actor=WORKER,
            occurred_at=occurred_at,
            body=body.sha256.hex(),
        )
        if rejection is None:
            one.finish_request(occurred_at=occurred_at)
        else:
            one.refuse_request(
                code=rejection.code,
                message=rejection.message,
                path=rejection.path,
                provider_code=rejection.provider_code,
                occurred_at=occurred_at,
            )

    deps.billing.change(Subscription, known.view.id, decide, bodies=[body])
