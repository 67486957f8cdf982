"""Apply hints and signed events of Mollie, and subscriptions that reconciliation found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import orjson

from domain.core.effects import Effect
from domain.gateway.errors import GatewayRejected, JobPostponed, ProviderObjectUnreadable
from domain.inbox.payment_hint import PaymentHint, PaymentHintReceived
from domain.inbox.provider_event import ProviderEvent, ProviderEventReceived
from domain.reconciliation.drift import Discovery, Drift
from domain.reconciliation.unapplied import (
    discovery_of,
    drift_id_of,
    mark_applied,
    park,
    record_applied,
    record_unapplied,
)
from workers.subscriptions.mollie_common import MandateSubscriptionDeps
from workers.subscriptions.mollie_renewal import ObjectNotOwned, apply_subscription
from workers.webhooks.mollie_payment import (
    WAIT_FOR_STEP_S,
    AppliedPayment,
    MolliePaymentDeps,
    account_of,
    apply_payment,
)

SUBSCRIPTION: Final = "subscription"
# Hints that come faster than payments are fetched are left to the next run.
_ROUNDS: Final = 5


def apply_payment_hint(hint_id: UUID, deps: MolliePaymentDeps) -> None:
    """Fetch the payment until no hint waits. Raises GatewayUnavailable to be retried."""
    actor = f"webhook:{deps.billing.get(PaymentHint, hint_id).received.payment_id}"
    for _ in range(_ROUNDS):
        hint = _claim_hint(hint_id, deps, actor=actor)
        if not hint.fetching:
            return
        found = discovery_of(hint.received, found_by=hint.found_by)
        applied = apply_payment(
            hint.received, hint.received.payment_id, deps, actor=actor, discovery=found
        )
        _record_fetched(hint.received, applied, deps, actor=actor, discovery=found)
    raise JobPostponed("further hints arrived during the fetch", retry_after_s=WAIT_FOR_STEP_S)


def _claim_hint(hint_id: UUID, deps: MolliePaymentDeps, *, actor: str) -> PaymentHint:
    occurred_at = deps.now()
    return deps.billing.change(
        PaymentHint, hint_id, lambda known: known.start_fetch(actor=actor, occurred_at=occurred_at)
    )


def _record_fetched(
    received: PaymentHintReceived,
    applied: AppliedPayment,
    deps: MolliePaymentDeps,
    *,
    actor: str,
    discovery: Discovery | None,
) -> None:
    """Close the fetch, with the difference that it leaves open or resolves."""
    occurred_at = deps.now()

    def drifts() -> Sequence[Drift]:
        known = deps.billing.find(Drift, drift_id_of(received))
        if applied.reason is None:
            return record_applied(known, actor=actor, occurred_at=occurred_at)
        return record_unapplied(
            known, received, discovery, reason=applied.reason, occurred_at=occurred_at
        )

    deps.billing.change(
        PaymentHint,
        received.originator_id,
        lambda known: known.record_fetched(
            applied.effects, reason=applied.reason, actor=actor, occurred_at=occurred_at
        ),
        also_save=drifts,
    )


def apply_payment_event(provider_event_id: UUID, deps: MolliePaymentDeps) -> None:
    """Fetch the payment of an event, record it, and mark the event as applied.

    Reconciliation also enters subscriptions, which no webhook reports. Raises GatewayUnavailable
    for a retry.
    """
    entry = deps.billing.get(ProviderEvent, provider_event_id)
    if entry.applied:
        return
    received = entry.received
    actor = f"webhook:{received.provider_event_id}"
    apply_object = (
        apply_found_subscription if received.object_type == SUBSCRIPTION else apply_payment
    )
    applied = apply_object(
        received, received.object_id, deps, actor=actor, discovery=discovery_of(received)
    )
    billing, occurred_at = deps.billing, deps.now()
    if applied.reason is None:
        effects = applied.effects
        mark_applied(billing, provider_event_id, effects, occurred_at=occurred_at, actor=actor)
        return
    park(
        billing,
        provider_event_id,
        applied.reason,
        retry=False,
        occurred_at=occurred_at,
        actor=actor,
    )


def apply_found_subscription(
    received: ProviderEventReceived,
    subscription_id: str,
    deps: MolliePaymentDeps,
    *,
    actor: str,
    discovery: Discovery | None,
) -> AppliedPayment:
    """Fetch and record a subscription that reconciliation found; its customer is in the payload."""
    stored = deps.bodies.body(bytes.fromhex(received.body))
    found = {} if stored is None else orjson.loads(stored)["data"]["object"]
    gateway = deps.gateway_of(received.app_id, received.connection)
    known = MandateSubscriptionDeps(billing=deps.billing, gateway=gateway, now=deps.now)
    account = account_of(received, actor=actor, discovery=discovery)
    try:
        applied = apply_subscription(subscription_id, found.get("customer") or "", account, known)
    except (ObjectNotOwned, ProviderObjectUnreadable) as error:
        return AppliedPayment(reason=str(error))
    except GatewayRejected as error:
        if not error.missing:
            raise
        return AppliedPayment(reason="the provider has no such subscription")
    effect = {"subscription": str(applied.id), "effect": str(Effect.CHANGED)}
    return AppliedPayment(effects=[effect])
