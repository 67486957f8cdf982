"""Carry out what was asked of a subscription: end it, or change what it is for.

Each of these may be asked of the provider again without harm: what stands already is left alone.
What is recorded is fetched afterwards: the answer to a repeated key may be a day old.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.billing import Billing
from domain.gateway.objects import GatewayRejected, ProviderSubscription
from domain.gateway.port import InvoicingGateway
from domain.invoices.provider_update import WORKER
from domain.subscriptions.subscription import Subscription
from eventlog.bodies import Body
from workers.invoices.rejections import Refused


@dataclass(frozen=True, kw_only=True)
class SubscriptionDesk:
    """What the job works with."""

    billing: Billing
    gateway: InvoicingGateway
    now: Callable[[], datetime]


def change_subscription(subscription_id: UUID, desk: SubscriptionDesk) -> None:
    """Do what is asked; nothing where nothing is."""
    known = desk.billing.get(Subscription, subscription_id)
    if known.view.asked is None:
        return
    occurred_at = desk.now()
    known = desk.billing.change(
        Subscription, subscription_id, lambda one: one.start_step(occurred_at=occurred_at)
    )
    refusal: Refused | None = None
    try:
        _carry_out(known, desk)
    except GatewayRejected as error:
        refusal = Refused.from_gateway(error)
    seen = desk.gateway.fetch_subscription(known.view.provider_subscription_id)
    _record(known, seen, refusal, desk)


def _carry_out(known: Subscription, desk: SubscriptionDesk) -> None:
    view, asked = known.view, known.view.asked or {}
    key, at_provider = view.steps[asked["action"]].key, view.provider_subscription_id
    if asked["action"] == "cancel":
        end = (
            desk.gateway.end_with_period
            if asked["at_period_end"]
            else desk.gateway.end_subscription
        )
        end(at_provider, key=key)
        return
    items = [(line["price"], line["quantity"]) for line in asked["lines"]]
    change = desk.gateway.schedule_plan if asked["at_period_end"] else desk.gateway.change_plan
    change(at_provider, items, key=key)


def _record(
    known: Subscription,
    seen: ProviderSubscription,
    refusal: Refused | None,
    desk: SubscriptionDesk,
) -> None:
    """Remember how it stands and that what was asked is done, or refused, in one append."""
    occurred_at = desk.now()
    body = Body.of(seen.raw, known.view.body_owner)

    def decide(one: Subscription) -> None:
        one.record_provider_state(
            seen, source="answer", actor=WORKER, occurred_at=occurred_at, body=body.sha256.hex()
        )
        if refusal is None:
            one.finish_request(occurred_at=occurred_at)
        else:
            one.refuse_request(
                code=refusal.code,
                message=refusal.message,
                path=refusal.path,
                provider_code=refusal.provider_code,
                occurred_at=occurred_at,
            )

    desk.billing.change(Subscription, UUID(str(known.id)), decide, bodies=[body])
