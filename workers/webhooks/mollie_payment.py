"""Apply a Mollie payment: fetch it with our own key and record it on its invoice.

Unsigned hints and signed events are handled alike: neither is trusted, and both may report the
same change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol, cast
from uuid import UUID

from domain.apps.connection import Connection
from domain.billing import Billing
from domain.core import ids
from domain.core.effects import Effect
from domain.core.metadata import SETUP
from domain.core.providers import Mode, Provider
from domain.gateway.errors import GatewayRejected, JobPostponed, ProviderObjectUnreadable
from domain.gateway.objects import ProviderInvoice, RefundsAndDisputes
from domain.gateway.port import SubscriptionGateway
from domain.gateway.setups import SetupSession
from domain.inbox.payment_hint import PaymentHintReceived
from domain.inbox.provider_event import ProviderEventReceived
from domain.invoices.invoice import Invoice
from domain.invoices.payments import record_payment_state
from domain.payment_methods.setup import MethodSetup
from domain.reconciliation.comparison import Comparison
from domain.reconciliation.drift import Discovery
from domain.reconciliation.unapplied import (
    NOT_REQUESTED_HERE,
)
from eventlog.bodies import Body
from workers.provider_objects.import_object import ProviderAccount
from workers.provider_objects.ownership import (
    app_mismatch,
    invoice_mismatch,
    invoice_named_by,
    is_unattempted,
    setup_mismatch,
)
from workers.providers.stripe.setups import setup_named_by
from workers.subscriptions.mollie_common import MandateSubscriptionDeps
from workers.subscriptions.mollie_renewal import (
    ObjectNotOwned,
    apply_renewal,
    as_invoice,
    import_payment,
)

WAIT_FOR_STEP_S: Final = 2.0


class Bodies(Protocol):
    """Storage of payloads."""

    def body(self, sha256: bytes) -> bytes | None:
        """Return a body; None if it was erased."""


@dataclass(frozen=True, kw_only=True)
class MolliePaymentDeps:
    """Dependencies of the jobs."""

    billing: Billing
    bodies: Bodies
    gateway_of: Callable[[UUID, str], SubscriptionGateway]
    now: Callable[[], datetime]


@dataclass(frozen=True, kw_only=True)
class AppliedPayment:
    """The effects of a payment; `reason` says why there are none."""

    effects: list[dict[str, str]] = field(default_factory=list)
    reason: str | None = None


def apply_payment(
    source: PaymentHintReceived | ProviderEventReceived,
    payment_id: str,
    deps: MolliePaymentDeps,
    *,
    actor: str,
    discovery: Discovery | None,
) -> AppliedPayment:
    """Fetch and record a payment. Raises JobPostponed while a step is in progress.

    `discovery`: the part of reconciliation that found a change, whose differences are recorded.
    """
    try:
        return _fetch_and_record(source, payment_id, deps, actor=actor, discovery=discovery)
    except ProviderObjectUnreadable as error:
        return AppliedPayment(reason=str(error))


def _fetch_and_record(
    source: PaymentHintReceived | ProviderEventReceived,
    payment_id: str,
    deps: MolliePaymentDeps,
    *,
    actor: str,
    discovery: Discovery | None,
) -> AppliedPayment:
    gateway = deps.gateway_of(source.app_id, source.connection)
    try:
        seen, back = gateway.fetch_payment(payment_id)
    except GatewayRejected as error:
        if not error.missing:
            raise
        return AppliedPayment(reason="the provider has no such payment")
    account = account_of(source, actor=actor, discovery=discovery)
    if seen.subscription_id is not None:
        # It has its subscription's metadata, and so the id of the invoice that started that.
        renewals = MandateSubscriptionDeps(billing=deps.billing, gateway=gateway, now=deps.now)
        return _apply_renewal(account, seen, back, renewals)
    if SETUP in seen.metadata:
        session = gateway.fetch_setup(payment_id)
        return _apply_setup(source, session, deps, actor=actor, discovery=discovery)
    named = invoice_named_by(seen)
    if named is None:
        return _apply_other(account, seen, back, gateway, deps)
    invoice = deps.billing.find(Invoice, named)
    mismatch = invoice_mismatch(source, seen, invoice)
    if mismatch is not None:
        return AppliedPayment(reason=mismatch)
    kind = source.type if isinstance(source, ProviderEventReceived) else None
    comparison = Comparison(discovery, occurred_at=deps.now())
    effect = _record(
        cast("Invoice", invoice), seen, back, deps, actor=actor, kind=kind, comparison=comparison
    )
    if effect in (Effect.DEFERRED, Effect.FETCH):
        raise JobPostponed("a step of the invoice is running", retry_after_s=WAIT_FOR_STEP_S)
    return AppliedPayment(effects=[{"invoice": str(named), "effect": str(effect)}])


def _apply_setup(
    source: PaymentHintReceived | ProviderEventReceived,
    session: SetupSession,
    deps: MolliePaymentDeps,
    *,
    actor: str,
    discovery: Discovery | None,
) -> AppliedPayment:
    """Record the state of a payment-method setup."""
    setup_id = setup_named_by({"metadata": session.metadata})
    setup = None if setup_id is None else deps.billing.find(MethodSetup, setup_id)
    mismatch = setup_mismatch(source, session, setup)
    if mismatch is not None or setup_id is None:
        return AppliedPayment(reason=mismatch or "unknown setup of a payment method")
    effects: list[Effect] = []
    occurred_at = deps.now()

    def decide(known: MethodSetup) -> None:
        effects.append(
            known.record_session(session, source="answer", actor=actor, occurred_at=occurred_at)
        )

    comparison = Comparison(discovery, occurred_at=occurred_at)
    deps.billing.change(
        MethodSetup, setup_id, comparison.changed(decide), also_save=comparison.drifts
    )
    return AppliedPayment(effects=[{"setup": str(setup_id), "effect": str(effects[-1])}])


def account_of(
    source: PaymentHintReceived | ProviderEventReceived,
    *,
    actor: str,
    discovery: Discovery | None,
) -> ProviderAccount:
    """Return the account of the connection that received a hint or an event."""
    return ProviderAccount(
        app_id=source.app_id,
        provider=cast("Provider", source.provider),
        connection=source.connection,
        connection_id=source.connection_id,
        mode=cast("Mode", source.mode),
        actor=actor,
        discovery=discovery,
    )


def _apply_renewal(
    account: ProviderAccount,
    seen: ProviderInvoice,
    back: RefundsAndDisputes,
    deps: MandateSubscriptionDeps,
) -> AppliedPayment:
    try:
        renewal = apply_renewal(seen, back, account, deps)
    except ObjectNotOwned as mismatch:
        return AppliedPayment(reason=str(mismatch))
    return AppliedPayment(effects=[{"invoice": str(renewal.id), "effect": str(Effect.CHANGED)}])


def _apply_other(
    account: ProviderAccount,
    seen: ProviderInvoice,
    back: RefundsAndDisputes,
    gateway: SubscriptionGateway,
    deps: MolliePaymentDeps,
) -> AppliedPayment:
    """Record a payment that was not requested here: one that is imported, or is to be."""
    reason = app_mismatch(account, seen)
    if reason is None and not _is_imported(account, seen, deps):
        reason = NOT_REQUESTED_HERE
    if reason is not None:
        return AppliedPayment(reason=reason)
    importing = MandateSubscriptionDeps(billing=deps.billing, gateway=gateway, now=deps.now)
    imported = import_payment(as_invoice(seen, None), back, account, importing)
    return AppliedPayment(effects=[{"invoice": str(imported.id), "effect": str(Effect.CHANGED)}])


def _is_imported(account: ProviderAccount, seen: ProviderInvoice, deps: MolliePaymentDeps) -> bool:
    """Return whether a payment is imported, or was found by reconciliation to be imported."""
    if deps.billing.find(Invoice, account.id_of(seen.id)) is not None:
        return True
    if account.discovery is None or is_unattempted(seen):
        return False
    connection = ids.for_connection(account.app_id, account.connection)
    return deps.billing.get(Connection, connection).import_payments


def _record(
    invoice: Invoice,
    seen: ProviderInvoice,
    back: RefundsAndDisputes,
    deps: MolliePaymentDeps,
    *,
    actor: str,
    kind: str | None,
    comparison: Comparison,
) -> Effect:
    body, occurred_at = Body.of(seen.raw, invoice.view.body_owner), deps.now()
    effects: list[Effect] = []

    def decide(known: Invoice) -> None:
        effects.append(
            record_payment_state(
                known,
                seen,
                back,
                actor=actor,
                occurred_at=occurred_at,
                body=body.sha256.hex(),
                kind=kind,
            )
        )

    deps.billing.change(
        Invoice,
        invoice.view.id,
        comparison.changed(decide),
        bodies=[body],
        also_save=comparison.drifts,
    )
    return effects[-1]
