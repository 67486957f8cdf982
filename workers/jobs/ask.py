"""Apply a webhook that can't be judged by itself: ask the provider how things stand now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import orjson

from domain.billing import Billing
from domain.gateway import GatewayRejected, MoneyBack, ProviderInvoice
from domain.gateway_port import PaymentGateway
from domain.invoice import Invoice
from domain.provider_event import ProviderEvent, ProviderEventReceived
from domain.word import Effect
from eventlog.bodies import Body
from workers.jobs.belief import disbelief, invoice_named_by

MONEY_BACK: tuple[str, ...] = ("charge", "refund", "credit_note", "dispute")


class Bodies(Protocol):
    """Where payloads are kept."""

    def body(self, sha256: bytes) -> bytes | None:
        """Read one; None where it was erased."""


@dataclass(frozen=True, kw_only=True)
class AskDesk:
    """What the job works with."""

    billing: Billing
    bodies: Bodies
    gateway_of: Callable[[UUID, str], PaymentGateway]
    now: Callable[[], datetime]


def apply_by_asking(provider_event_id: UUID, desk: AskDesk) -> None:
    """Fetch what the event is about, let the invoice take that in, and close the inbox's entry."""
    entry = desk.billing.get(ProviderEvent, provider_event_id)
    if entry.applied:
        return
    received = entry.received
    by = f"webhook:{received.provider_event_id}"
    gateway = desk.gateway_of(received.app_id, received.connection)
    try:
        answer = _fetch(received, desk, gateway)
    except GatewayRejected as error:
        if not error.missing:
            raise
        answer = None  # a draft that was deleted, an invoice that never was
    invoice_id = received.invoice_id if answer is None else invoice_named_by(answer)
    invoice = None if invoice_id is None else desk.billing.find(Invoice, invoice_id)
    doubt = None if answer is None else disbelief(received, answer, invoice)
    if answer is None or invoice is None or doubt is not None:
        _park(entry, doubt or "it is about no invoice of ours", desk, by=by)
        return
    back = MoneyBack()
    if received.object_type in MONEY_BACK:
        back = gateway.fetch_money_back(answer.id)
    effect = _record(invoice, answer, back, received, desk)
    effects = [{"invoice": str(invoice.id), "effect": str(effect)}]
    at = desk.now()
    desk.billing.change(
        ProviderEvent, entry.id, lambda known: known.record_applied(effects, at=at, by=by)
    )


def _fetch(
    received: ProviderEventReceived, desk: AskDesk, gateway: PaymentGateway
) -> ProviderInvoice | None:
    """Fetch the invoice that an event's object is about; None where it is about none."""
    if received.object_type == "invoice":
        return gateway.fetch_invoice(received.object_id)
    at_provider = _invoice_of(_object(received, desk.bodies), received, gateway)
    return None if at_provider is None else gateway.fetch_invoice(at_provider)


def _object(received: ProviderEventReceived, bodies: Bodies) -> Mapping[str, Any]:
    stored = bodies.body(bytes.fromhex(received.body))
    found: Mapping[str, Any] = {} if stored is None else orjson.loads(stored)["data"]["object"]
    return found


def _invoice_of(
    about: Mapping[str, Any], received: ProviderEventReceived, gateway: PaymentGateway
) -> str | None:
    """Name the provider's invoice: the object says it, or its payment does."""
    named = about.get("invoice")
    if isinstance(named, str):
        return named
    intent = received.object_type == "payment_intent"
    payment = received.object_id if intent else about.get("payment_intent")
    return gateway.find_invoice_of(payment) if isinstance(payment, str) else None


def _record(
    invoice: Invoice,
    answer: ProviderInvoice,
    back: MoneyBack,
    received: ProviderEventReceived,
    desk: AskDesk,
) -> Effect:
    """Let the invoice take in how it stands, and what went back on it, in one append."""
    by, at = f"webhook:{received.provider_event_id}", desk.now()
    body = Body.of(answer.raw, invoice.view.body_owner)
    effects: list[Effect] = []

    def decide(known: Invoice) -> None:
        effects.clear()
        effects.append(
            known.record_provider_state(
                answer,
                source="answer",
                by=by,
                at=at,
                body=body.sha256.hex(),
                provider_type=received.type,
            )
        )
        effects.append(known.record_money_back(back, source="webhook", by=by, at=at))

    desk.billing.change(Invoice, invoice.id, decide, bodies=[body])
    return Effect.CHANGED if Effect.CHANGED in effects else effects[0]


def _park(entry: ProviderEvent, reason: str, desk: AskDesk, *, by: str) -> None:
    at = desk.now()
    desk.billing.change(
        ProviderEvent, entry.id, lambda known: known.park(reason, retry=False, at=at, by=by)
    )
