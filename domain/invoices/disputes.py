"""Disputes of an invoice: their fold, and the events of a provider's update.

States only move forward (open, lost, won), so that updates may arrive in any order and twice.
"""

from __future__ import annotations

from typing import Any, Final

from domain.core.aggregate import NewEvent
from domain.core.calendar import from_unix
from domain.gateway.objects import ProviderDispute
from domain.invoices import refund_events as m
from domain.invoices.view import Dispute, InvoiceView

# An appeal may still win what was lost.
_DISPUTE_RANK: Final = {"open": 0, "lost": 1, "won": 2}
_DISPUTE_EVENTS: Final[dict[str, type[m.DisputeEvent]]] = {
    "open": m.DisputeOpened,
    "won": m.DisputeWon,
    "lost": m.DisputeLost,
}


def apply_dispute(view: InvoiceView, event: m.DisputeEvent) -> None:
    """Apply an event of one dispute; the invoice shows the gravest status of all disputes."""
    dispute = Dispute(
        id=event.dispute_id,
        status=_dispute_state(event),
        amount_minor=event.amount_minor,
        disputed_at=from_unix(event.disputed_at) or event.timestamp,
    )
    view.disputes = [*(one for one in view.disputes if one.id != dispute.id), dispute]
    states = [one.status for one in view.disputes]
    view.dispute_status = next(state for state in ("open", "lost", "won") if state in states)
    view.amount_disputed_minor = sum(
        one.amount_minor for one in view.disputes if one.status in ("open", "lost")
    )


def _dispute_state(event: m.DisputeEvent) -> str:
    return next(state for state, kind in _DISPUTE_EVENTS.items() if isinstance(event, kind))


def decide_dispute(view: InvoiceView, dispute: ProviderDispute, *, source: str) -> list[NewEvent]:
    """Decide the event of a provider's dispute; none where its state is known already."""
    known = next((entry for entry in view.disputes if entry.id == dispute.id), None)
    rank = -1 if known is None else _DISPUTE_RANK[known.status]
    if _DISPUTE_RANK[dispute.state] <= rank:
        return []
    fields: dict[str, Any] = {
        "dispute_id": dispute.id,
        "amount_minor": dispute.amount_minor,
        "disputed_at": dispute.disputed_at,
        "source": source,
    }
    return [NewEvent(_DISPUTE_EVENTS[dispute.state], fields)]
