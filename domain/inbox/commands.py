"""Commands on webhook deliveries and payment hints: frozen and already validated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from domain.core.providers import Mode, Provider

# The part of reconciliation that found an object.
FoundBy = Literal["event_catch_up", "open_items", "audit"]


@dataclass(frozen=True, kw_only=True)
class ReceiveProviderEvent:
    """Record a verified webhook delivery; `body` is the SHA-256 of the stored payload.

    `found_by`: the part of reconciliation that found the event; None for a webhook.
    """

    event_id: UUID
    app_id: UUID
    connection_id: UUID
    connection: str
    provider: Provider
    mode: Mode
    provider_event_id: str
    type: str
    object_type: str
    object_id: str
    invoice_id: UUID | None
    occurred_at: int
    body: str
    actor: str
    found_by: FoundBy | None = None


@dataclass(frozen=True, kw_only=True)
class ReceivePaymentHint:
    """Record an unverified hint that a payment may have changed. `found_by`: as above."""

    app_id: UUID
    connection_id: UUID
    connection: str
    provider: Provider
    mode: Mode
    payment_id: str
    actor: str
    found_by: FoundBy | None = None
