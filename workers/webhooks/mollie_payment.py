"""Hear of a payment: fetch it with our own key, and let the invoice that it is for take it in.

A hint (unsigned, anybody's) and a signed event come to the same: neither is believed, and both may
tell of one change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, cast
from uuid import UUID

from domain.billing import Billing
from domain.core.commands import Mode, Provider
from domain.gateway.objects import (
    GatewayRejected,
    GatewayUnavailable,
    MoneyBack,
    ProviderInvoice,
    SetupSession,
)
from domain.gateway.port import RecurringGateway
from domain.inbox.payment_hint import HintReceived, PaymentHint
from domain.inbox.provider_event import ProviderEvent, ProviderEventReceived
from domain.invoices.invoice import Invoice
from domain.invoices.payments import record_payment_heard
from domain.invoices.provider_update import Effect
from domain.payment_methods.setup import MethodSetup
from eventlog.bodies import Body
from workers.provider_objects.ownership import (
    disbelief,
    disbelief_of_app,
    disbelief_of_setup,
    invoice_named_by,
)
from workers.provider_objects.take_over import Account
from workers.providers.stripe.setups import SETUP, setup_named_by
from workers.subscriptions.mollie_common import RecurringDesk
from workers.subscriptions.mollie_renewal import NotBelieved, take_renewal

_WAIT_FOR_STEP_S: Final = 2.0
# Hints that come faster than payments are fetched are left to the next run.
_ROUNDS: Final = 5


@dataclass(frozen=True, kw_only=True)
class HearDesk:
    """What the jobs work with."""

    billing: Billing
    gateway_of: Callable[[UUID, str], RecurringGateway]
    now: Callable[[], datetime]


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What a payment's news did; `reason` says why they did nothing."""

    effects: list[dict[str, str]] = field(default_factory=list)
    reason: str | None = None


def apply_hint(hint_id: UUID, desk: HearDesk) -> None:
    """Fetch what was hinted at, until no hint waits. Raises GatewayUnavailable to come back."""
    actor = f"webhook:{desk.billing.get(PaymentHint, hint_id).received.payment_id}"
    for _ in range(_ROUNDS):
        hint = _take(hint_id, desk, actor=actor)
        if not hint.fetching:
            return
        heard = hear(hint.received, hint.received.payment_id, desk, actor=actor)
        _record_fetched(hint_id, heard, desk, actor=actor)
    raise GatewayUnavailable("hints keep coming", retry_after_s=_WAIT_FOR_STEP_S, counted=False)


def _take(hint_id: UUID, desk: HearDesk, *, actor: str) -> PaymentHint:
    occurred_at = desk.now()
    return desk.billing.change(
        PaymentHint, hint_id, lambda known: known.take(actor=actor, occurred_at=occurred_at)
    )


def _record_fetched(hint_id: UUID, heard: Heard, desk: HearDesk, *, actor: str) -> None:
    occurred_at = desk.now()
    desk.billing.change(
        PaymentHint,
        hint_id,
        lambda known: known.record_fetched(
            heard.effects, reason=heard.reason, actor=actor, occurred_at=occurred_at
        ),
    )


def apply_payment_event(provider_event_id: UUID, desk: HearDesk) -> None:
    """Fetch what a signed event is about, and close the inbox's entry.

    Raises GatewayUnavailable to come back.
    """
    entry = desk.billing.get(ProviderEvent, provider_event_id)
    if entry.applied:
        return
    actor = f"webhook:{entry.received.provider_event_id}"
    heard = hear(entry.received, entry.received.object_id, desk, actor=actor)
    occurred_at = desk.now()

    def decide(known: ProviderEvent) -> None:
        if heard.reason is None:
            known.record_applied(heard.effects, occurred_at=occurred_at, actor=actor)
        else:
            known.park(heard.reason, retry=False, occurred_at=occurred_at, actor=actor)

    desk.billing.change(ProviderEvent, provider_event_id, decide)


def hear(
    source: HintReceived | ProviderEventReceived, payment_id: str, desk: HearDesk, *, actor: str
) -> Heard:
    """Fetch a payment and take it in. Raises GatewayUnavailable while a step is at work on it."""
    gateway = desk.gateway_of(source.app_id, source.connection)
    try:
        seen, back = gateway.fetch_payment(payment_id)
    except GatewayRejected as error:
        if not error.missing:
            raise
        return Heard(reason="the provider has no such payment")
    if seen.subscription_id is not None:
        # It carries its subscription's metadata, and with it the invoice that began that.
        renewals = RecurringDesk(billing=desk.billing, gateway=gateway, now=desk.now)
        return _hear_renewal(source, seen, back, renewals, actor=actor)
    named = invoice_named_by(seen)
    if SETUP in seen.metadata:
        return _hear_setup(source, gateway.fetch_setup(payment_id), desk, actor=actor)
    if named is None:
        reason = disbelief_of_app(source, seen) or "it is about nothing that was asked for here"
        return Heard(reason=reason)
    invoice = desk.billing.find(Invoice, named)
    doubt = disbelief(source, seen, invoice)
    if doubt is not None:
        return Heard(reason=doubt)
    kind = source.type if isinstance(source, ProviderEventReceived) else None
    effect = _record(cast("Invoice", invoice), seen, back, desk, actor=actor, kind=kind)
    if effect in (Effect.DEFERRED, Effect.FETCH):
        raise GatewayUnavailable(
            "a step is at work on the invoice", retry_after_s=_WAIT_FOR_STEP_S, counted=False
        )
    return Heard(effects=[{"invoice": str(named), "effect": str(effect)}])


def _hear_setup(
    source: HintReceived | ProviderEventReceived,
    session: SetupSession,
    desk: HearDesk,
    *,
    actor: str,
) -> Heard:
    """Take in what became of a page where a payment method is left."""
    setup_id = setup_named_by({"metadata": session.metadata})
    setup = None if setup_id is None else desk.billing.find(MethodSetup, setup_id)
    doubt = disbelief_of_setup(source, session, setup)
    if doubt is not None or setup_id is None:
        return Heard(reason=doubt or "unknown setup of a payment method")
    effects: list[Effect] = []
    occurred_at = desk.now()

    def decide(known: MethodSetup) -> None:
        effects.append(
            known.record_session(session, source="answer", actor=actor, occurred_at=occurred_at)
        )

    desk.billing.change(MethodSetup, setup_id, decide)
    return Heard(effects=[{"setup": str(setup_id), "effect": str(effects[-1])}])


def _hear_renewal(
    source: HintReceived | ProviderEventReceived,
    seen: ProviderInvoice,
    back: MoneyBack,
    desk: RecurringDesk,
    *,
    actor: str,
) -> Heard:
    account = Account(
        app_id=source.app_id,
        provider=cast("Provider", source.provider),
        connection=source.connection,
        connection_id=source.connection_id,
        mode=cast("Mode", source.mode),
        actor=actor,
    )
    try:
        renewal = take_renewal(seen, back, account, desk)
    except NotBelieved as doubt:
        return Heard(reason=str(doubt))
    return Heard(effects=[{"invoice": str(renewal.id), "effect": str(Effect.CHANGED)}])


def _record(
    invoice: Invoice,
    seen: ProviderInvoice,
    back: MoneyBack,
    desk: HearDesk,
    *,
    actor: str,
    kind: str | None,
) -> Effect:
    body, occurred_at = Body.of(seen.raw, invoice.view.body_owner), desk.now()
    effects: list[Effect] = []

    def decide(known: Invoice) -> None:
        effects.append(
            record_payment_heard(
                known,
                seen,
                back,
                actor=actor,
                occurred_at=occurred_at,
                body=body.sha256.hex(),
                kind=kind,
            )
        )

    desk.billing.change(Invoice, invoice.view.id, decide, bodies=[body])
    return effects[-1]
