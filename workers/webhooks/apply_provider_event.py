"""Apply one provider event to the aggregate that it describes, or park it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from domain.core.effects import Effect
from domain.gateway.objects import ProviderInvoice
from domain.gateway.setups import SetupSession
from domain.gateway.subscriptions import ProviderSubscription
from domain.inbox.provider_event import ProviderEvent
from domain.invoices.invoice import Invoice
from domain.payment_methods.setup import MethodSetup
from domain.subscriptions.subscription import Subscription
from eventlog.bodies import Body
from workers.provider_objects.ownership import (
    app_mismatch,
    invoice_mismatch,
    is_claimed_by,
    setup_mismatch,
)
from workers.webhooks.known_invoices import is_known_payment
from workers.webhooks.parse import ParsedEvent, Snapshot

NEEDS_FETCH: Final = "the provider's object must be fetched"

Subject = Invoice | Subscription | MethodSetup
_KINDS: Final[dict[type[Subject], str]] = {
    Invoice: "invoice",
    Subscription: "subscription",
    MethodSetup: "setup",
}


def apply_provider_event(
    parsed: ParsedEvent,
    entry: ProviderEvent,
    subject: Subject | None,
    *,
    is_copy: bool,
    now: Callable[[], datetime],
) -> list[Body]:
    """Apply an event to its aggregate, or park it; return the provider's body to store."""
    occurred_at, actor = now(), f"webhook:{parsed.entry.provider_event_id}"
    mismatch = parsed.error or _mismatch(parsed, subject, is_copy=is_copy)
    if mismatch is not None:
        entry.park(mismatch, retry=False, occurred_at=occurred_at, actor=actor)
        return []
    if parsed.snapshot is None and not parsed.needs_fetch:
        entry.record_applied([], occurred_at=occurred_at, actor=actor)
        return []
    if is_known_payment(parsed, subject):
        effects = [_effect_of(subject, Effect.CONFIRMED)] if subject else []
        entry.record_applied(effects, occurred_at=occurred_at, actor=actor)
        return []
    if parsed.snapshot is None or subject is None:
        # An object made at the provider is imported together with its related objects.
        entry.park(NEEDS_FETCH, retry=True, occurred_at=occurred_at, actor=actor)
        return []
    body = _body_of(parsed.snapshot, subject)
    effect = _record_snapshot(subject, parsed, body, occurred_at=occurred_at, actor=actor)
    if effect is Effect.FETCH:
        entry.park(NEEDS_FETCH, retry=True, occurred_at=occurred_at, actor=actor)
    else:
        entry.record_applied([_effect_of(subject, effect)], occurred_at=occurred_at, actor=actor)
    return [body] if body is not None and effect is Effect.CHANGED else []


def _body_of(snapshot: Snapshot, subject: Subject) -> Body | None:
    """Return the stored body of the provider's object; setup sessions have none."""
    if isinstance(snapshot, SetupSession) or isinstance(subject, MethodSetup):
        return None
    return Body.of(snapshot.raw, subject.view.body_owner)


def _record_snapshot(
    subject: Subject, parsed: ParsedEvent, body: Body | None, *, occurred_at: datetime, actor: str
) -> Effect:
    """Record a snapshot on the aggregate that it describes."""
    sha256 = None if body is None else body.sha256.hex()
    match subject, parsed.snapshot:
        case Invoice(), ProviderInvoice() as seen:
            return subject.record_provider_state(
                seen,
                source="webhook",
                actor=actor,
                occurred_at=occurred_at,
                body=sha256,
                provider_type=parsed.entry.type,
            )
        case Subscription(), ProviderSubscription() as seen:
            return subject.record_provider_state(
                seen, source="webhook", actor=actor, occurred_at=occurred_at, body=sha256
            )
        case MethodSetup(), SetupSession() as seen:
            return subject.record_session(
                seen, source="webhook", actor=actor, occurred_at=occurred_at
            )
    return Effect.FETCH


def is_copied(parsed: ParsedEvent, subject: Subject | None) -> bool:
    """Return whether an invoice has the copied metadata of another one of the same connection."""
    seen, entry = parsed.snapshot, parsed.entry
    if not isinstance(seen, ProviderInvoice) or not isinstance(subject, Invoice):
        return False
    is_named = entry.invoice_id is not None and subject.view.connection_id == entry.connection_id
    return is_named and not is_claimed_by(seen, subject)


def _mismatch(parsed: ParsedEvent, subject: Subject | None, *, is_copy: bool) -> str | None:
    """Return why the event's object does not match our aggregate; None where it does."""
    is_named = parsed.entry.invoice_id is not None and not is_copy
    if isinstance(parsed.snapshot, ProviderInvoice) and is_named:
        invoice = subject if isinstance(subject, Invoice) else None
        return invoice_mismatch(parsed.entry, parsed.snapshot, invoice)
    if isinstance(parsed.snapshot, SetupSession):
        setup = subject if isinstance(subject, MethodSetup) else None
        return setup_mismatch(parsed.entry, parsed.snapshot, setup)
    if parsed.snapshot is not None:
        return app_mismatch(parsed.entry, parsed.snapshot)
    return None


def _effect_of(subject: Subject, effect: Effect) -> dict[str, str]:
    """Render an effect as ProviderEventApplied stores it."""
    return {_KINDS[type(subject)]: str(subject.id), "effect": str(effect)}
