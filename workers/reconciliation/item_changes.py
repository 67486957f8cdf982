"""Open items: which event shows that an object is not final, and which one that it is.

The follower that folds them runs in the scheduler.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from domain.core.aggregate import DomainEvent
from domain.core.calendar import from_unix
from domain.invoices import events as e
from domain.invoices import payment_events as pe
from domain.invoices import refund_events as m
from domain.payment_methods import events as p
from domain.subscriptions import events as s
from eventlog.codec import Codec
from eventlog.follow.follower import Follower, FollowerGroup
from eventlog.follow.handler import Cursor
from eventlog.reading import RecordedEvent
from projections.work.open_items import (
    CAPTURE,
    ItemChange,
    ItemClosed,
    ItemConfirmed,
    ItemOpened,
    apply_item_changes,
)

NAME: Final = "open_items"

_OPENING: Final[tuple[type[DomainEvent], ...]] = (
    e.InvoiceImported,
    e.ProviderInvoiceCreated,
    e.InvoiceIssued,
    e.InvoiceDrafted,
    e.CheckoutOpened,
    e.MarkedUncollectible,
    pe.PaymentActionRequired,
    pe.PaymentProcessing,
    pe.PaymentFailed,
    pe.AmountDueChanged,
    s.SubscriptionStarted,
    s.SubscriptionIncomplete,
    s.SubscriptionTrialing,
    s.SubscriptionActivated,
    s.SubscriptionPastDue,
    s.SubscriptionUnpaid,
    s.SubscriptionPaused,
    s.SubscriptionRenewed,
    s.SubscriptionPlanChanged,
    s.SubscriptionEndChanged,
    p.SetupOpened,
    p.SetupSubmitted,
)
# A mandate may be revoked at any time; other saved methods are not looked at again.
MANDATE: Final = "mdt_"
_CONFIRMING: Final[tuple[type[DomainEvent], ...]] = (
    e.ProviderStateConfirmed,
    s.SubscriptionStateConfirmed,
)
_CLOSING: Final[tuple[type[DomainEvent], ...]] = (
    e.InvoiceRejected,
    e.InvoiceVoided,
    pe.PaymentSucceeded,
    pe.PaymentExpired,
    pe.PaymentCanceled,
    s.SubscriptionCanceled,
    s.SubscriptionExpired,
    p.SetupRejected,
    p.SetupExpired,
    p.SetupRevoked,
)
_PARTS: Final[tuple[type[DomainEvent], ...]] = (
    m.RefundPending,
    m.RefundSucceeded,
    m.RefundFailed,
    m.DisputeOpened,
    m.DisputeWon,
    m.DisputeLost,
    pe.AuthorizationChanged,
)
# The first checks are due 50 minutes before an authorization ends, and when it has ended.
_BEFORE_DEADLINE: Final = timedelta(hours=1)
# Reconciliation reads the table once a minute.
_DEFER_S: Final = 1.0
_KINDS: Final[tuple[type[DomainEvent], ...]] = (
    *_OPENING,
    *_CONFIRMING,
    *_CLOSING,
    *_PARTS,
    p.SetupCompleted,
)
TOPICS: Final = tuple(kind.TOPIC for kind in _KINDS)


def item_change(event: Any) -> ItemChange | None:  # noqa: ANN401 - any event of the topics
    """Return what an event changes; None where it changes nothing."""
    if isinstance(event, _PARTS):
        return _part_change(event)
    subject = UUID(str(event.originator_id))
    if isinstance(event, p.SetupCompleted):
        if not event.payment_method.startswith(MANDATE):
            return ItemClosed(subject=subject)
        return ItemOpened(subject=subject, reported_at=event.timestamp)
    if isinstance(event, _OPENING):
        return ItemOpened(subject=subject, reported_at=event.timestamp)
    if isinstance(event, _CONFIRMING):
        return ItemConfirmed(subject=subject, reported_at=event.timestamp)
    return ItemClosed(subject=subject) if isinstance(event, _CLOSING) else None


def _part_change(event: Any) -> ItemChange:  # noqa: ANN401 - any event of a refund or dispute
    """Return what an event changes about a refund, dispute or authorization of its invoice."""
    subject = UUID(str(event.originator_id))
    if isinstance(event, pe.AuthorizationChanged):
        deadline = from_unix(event.capture_before)
        if deadline is None or event.amount_capturable_minor == 0:
            return ItemClosed(subject=subject, part=CAPTURE)
        return ItemOpened(subject=subject, part=CAPTURE, reported_at=deadline - _BEFORE_DEADLINE)
    if isinstance(event, m.DisputeEvent):
        part = f"dispute:{event.dispute_id}"
    else:
        part = f"refund:{event.provider_refund_id}"
    if isinstance(event, m.RefundPending | m.DisputeOpened):
        return ItemOpened(subject=subject, part=part, reported_at=event.timestamp)
    return ItemClosed(subject=subject, part=part)


def open_items_follower(dsn: str, *, group: FollowerGroup | None = None) -> Follower:
    """Create the follower. Rows and position commit together."""
    codec = Codec()

    async def handle(cursor: Cursor, batch: Sequence[RecordedEvent]) -> None:
        changes = [item_change(codec.decode(recorded)) for recorded in batch]
        await apply_item_changes(cursor, [change for change in changes if change is not None])

    return Follower(
        dsn, NAME, handle, topics=TOPICS, group=group, deferred=TOPICS, defer_s=_DEFER_S
    )
