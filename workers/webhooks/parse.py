"""Parse received provider events into snapshots, before anything is decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from domain.core import ids
from domain.gateway.errors import ProviderObjectUnreadable
from domain.gateway.objects import InvoicePayment, ProviderInvoice
from domain.gateway.setups import SetupSession
from domain.gateway.subscriptions import ProviderSubscription
from domain.inbox.provider_event import DIFFERENCE_FOUND, ProviderEventReceived
from workers.providers.bounded_fields import read_as
from workers.providers.stripe.client import API_VERSION
from workers.providers.stripe.event_types import (
    CUSTOMER_DELETED,
    FETCH_TYPES,
    INVOICE_PAYMENT_PAID,
    PREVIEW_TYPES,
    SCHEDULE_TYPES,
    SETUP_TYPES,
)
from workers.providers.stripe.objects import to_invoice
from workers.providers.stripe.payment_objects import to_invoice_payment
from workers.providers.stripe.schemas import StripeEvent
from workers.providers.stripe.setups import setup_named_by, to_session
from workers.providers.stripe.subscription_objects import to_subscription

Snapshot = ProviderInvoice | ProviderSubscription | SetupSession


@dataclass(frozen=True)
class ParsedEvent:
    """A received event with its snapshot, if its object has one.

    `subject`: the aggregate's id. `needs_fetch`: the payload is incomplete, so the object must be
    fetched, unless `payment` is known already. `error`: the payload is unreadable.
    """

    entry: ProviderEventReceived
    subject: UUID
    snapshot: Snapshot | None = None
    error: str | None = None
    needs_fetch: bool = False
    payment: InvoicePayment | None = None

    @property
    def own_subject(self) -> UUID:
        """Return the id of the aggregate that is derived from the object's id."""
        entry = self.entry
        return ids.for_provider_object(
            entry.app_id, entry.connection_id, entry.mode, entry.object_id
        )


def parse_event(entry: ProviderEventReceived, stored: bytes | None) -> ParsedEvent:
    """Parse a payload; an unreadable one carries its error and is parked, never skipped."""
    subject = subject_of(entry)
    if entry.provider == "mollie":
        fetched = entry.object_type in ("payment", "subscription")
        return ParsedEvent(entry, subject, needs_fetch=fetched)
    if entry.type in (*FETCH_TYPES, *SCHEDULE_TYPES, CUSTOMER_DELETED, DIFFERENCE_FOUND):
        reports_payment = entry.type == INVOICE_PAYMENT_PAID and stored is not None
        payment = _payment_in(stored or b"") if reports_payment else None
        return ParsedEvent(entry, subject, needs_fetch=True, payment=payment)
    is_object = entry.object_type in ("invoice", "subscription") and entry.type not in PREVIEW_TYPES
    if not is_object and entry.type not in SETUP_TYPES:
        return ParsedEvent(entry, subject)
    if stored is None:
        return ParsedEvent(entry, subject, error="its payload was erased")
    try:
        return _read(entry, orjson.loads(stored))
    except Exception as error:  # noqa: BLE001 - a payload's content concerns its event alone
        return ParsedEvent(entry, subject, error=_reason_of(error))


def _payment_in(stored: bytes) -> InvoicePayment | None:
    """Return the payment that an event reports; None where it is unreadable, and is fetched."""
    try:
        return to_invoice_payment(orjson.loads(stored)["data"]["object"])
    except (ProviderObjectUnreadable, LookupError, TypeError, orjson.JSONDecodeError):
        return None


def _reason_of(error: Exception) -> str:
    """Return a reason that has none of the payload's values, which a message may quote."""
    if isinstance(error, ProviderObjectUnreadable):
        return str(error)
    return f"unreadable: {type(error).__name__}"


def _read(entry: ProviderEventReceived, payload: dict[str, Any]) -> ParsedEvent:
    if entry.type in SETUP_TYPES:
        return _read_setup(entry, payload)
    subject = subject_of(entry)
    if payload.get("api_version", API_VERSION) != API_VERSION:
        # Listed events have the account's own API version, which is not parsed.
        return ParsedEvent(entry, subject, needs_fetch=True)
    return ParsedEvent(entry, subject, _snapshot(entry, payload))


def _read_setup(entry: ProviderEventReceived, payload: dict[str, Any]) -> ParsedEvent:
    """Parse a Checkout session; one without our setup's id is ignored."""
    about = payload["data"]["object"]
    setup_id = setup_named_by(about)
    if setup_id is None:
        return ParsedEvent(entry, subject_of(entry))
    return ParsedEvent(entry, setup_id, to_session(about))


def _snapshot(
    entry: ProviderEventReceived, payload: dict[str, Any]
) -> ProviderInvoice | ProviderSubscription:
    as_of = read_as(StripeEvent, payload, kind="event").created
    about = payload["data"]["object"]
    if entry.object_type == "subscription":
        return to_subscription(about, as_of=as_of)
    return to_invoice(about, as_of=as_of, event_type=entry.type)


def subject_of(entry: ProviderEventReceived) -> UUID:
    """Return the id of the aggregate of an event's object; ours, else derived.

    An event about another kind of object is its own aggregate.
    """
    if entry.object_type == "invoice" and entry.invoice_id is not None:
        return entry.invoice_id
    if entry.object_type in ("invoice", "subscription"):
        return ids.for_provider_object(
            entry.app_id, entry.connection_id, entry.mode, entry.object_id
        )
    return entry.invoice_id or UUID(str(entry.originator_id))
