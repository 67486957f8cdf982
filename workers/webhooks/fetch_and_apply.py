"""Apply a provider event whose payload is not enough: fetch the object and record it."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from domain.gateway.errors import GatewayRejected, JobPostponed, ProviderObjectUnreadable
from domain.inbox.provider_event import ProviderEvent, ProviderEventReceived
from domain.invoices.invoice import Invoice
from domain.reconciliation.unapplied import (
    mark_applied,
    park,
)
from workers.webhooks.record_fetched import (
    ConcurrentChange,
    Effects,
    FetchDeps,
    Mismatch,
    fetch_and_record,
    object_of,
)

_WAIT_FOR_STEP_S: Final = 2.0
_TRIES: Final = 4


def fetch_and_apply(provider_event_id: UUID, deps: FetchDeps) -> None:
    """Fetch the event's object, record its state, and mark the event as applied.

    Raises GatewayUnavailable for a retry.
    """
    entry = deps.billing.get(ProviderEvent, provider_event_id)
    if entry.applied:
        return
    actor = f"webhook:{entry.received.provider_event_id}"
    try:
        effects = _apply_with_retries(entry.received, deps, actor=actor)
    except (Mismatch, ProviderObjectUnreadable) as error:
        _park(entry, str(error), deps, actor=actor)
        return
    except GatewayRejected as error:
        if not error.missing:
            raise
        if not _was_draft(entry.received, deps):
            _park(entry, "the provider no longer has the object", deps, actor=actor)
            return
        effects = []
    mark_applied(deps.billing, provider_event_id, effects, occurred_at=deps.now(), actor=actor)


def _apply_with_retries(received: ProviderEventReceived, deps: FetchDeps, *, actor: str) -> Effects:
    """Fetch and record; fetch again after a concurrent change of the same second."""
    expected = received.invoice_id
    for _ in range(_TRIES):
        before = None if expected is None else deps.billing.find(Invoice, expected)
        version = None if before is None else before.version
        try:
            return fetch_and_record(received, deps, actor=actor, version=version)
        except ConcurrentChange as changed:
            expected = changed.stream
    raise JobPostponed("its object keeps changing concurrently", retry_after_s=_WAIT_FOR_STEP_S)


def _was_draft(received: ProviderEventReceived, deps: FetchDeps) -> bool:
    """Return whether the event is about a draft: such an invoice may be deleted at the provider."""
    is_invoice = received.object_type == "invoice"
    return is_invoice and object_of(received, deps.bodies).get("status") == "draft"


def _park(entry: ProviderEvent, reason: str, deps: FetchDeps, *, actor: str) -> None:
    park(
        deps.billing,
        UUID(str(entry.id)),
        reason,
        retry=False,
        occurred_at=deps.now(),
        actor=actor,
    )
