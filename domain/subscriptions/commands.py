"""Commands on subscriptions: frozen and already validated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from domain.core.providers import Mode, Provider
from domain.subscriptions.items import RequestedPrice


@dataclass(frozen=True, kw_only=True)
class StartSubscription:
    """Import a subscription that the provider created; `invoice_id`: the request it came from."""

    app_id: UUID
    tenant_id: UUID | None
    user_id: str | None = None
    provider: Provider
    connection: str
    connection_id: UUID
    mode: Mode
    origin: Literal["request", "provider", "import"]
    invoice_id: UUID | None = None
    actor: str


@dataclass(frozen=True, kw_only=True)
class SubscriptionCommand:
    """Shared fields of commands on a subscription; `request_id` identifies the request."""

    subscription_id: UUID
    request_id: UUID
    request_hash: str | None
    at_period_end: bool
    actor: str


@dataclass(frozen=True, kw_only=True)
class CancelSubscription(SubscriptionCommand):
    """Request to cancel a subscription."""


@dataclass(frozen=True, kw_only=True)
class ChangeSubscription(SubscriptionCommand):
    """Request other items; `lines`: 1..20.

    `seen`: the `items_mark` that the change was decided on; it is refused where the items differ
    by now. None: whatever they are.
    """

    lines: list[RequestedPrice]
    seen: str | None = None
