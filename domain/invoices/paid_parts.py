"""When what was paid towards an invoice counts."""

from __future__ import annotations

from typing import Final

from domain.gateway.objects import ProviderInvoice

# A provider closes an invoice within seconds after the payment that pays it.
_CLOSES_WITHIN_S: Final = 3600


def paid_minor(snapshot: ProviderInvoice) -> int:
    """Return the amount paid towards the invoice, without what was paid beyond it."""
    return snapshot.amount_paid_minor - snapshot.amount_overpaid_minor


def paid_parts(snapshot: ProviderInvoice) -> tuple[tuple[int, int], ...]:
    """Return the amounts that were paid, and when: (Unix seconds, minor units), in order.

    The payment that paid the invoice counts when that was closed, with what no payment explains.
    Those before it count at their own time, and so does the last where the invoice was closed long
    after it: by a credit note, or by the release of what an authorization still held. None where an
    open invoice does not name its payments.
    """
    parts, left = [], paid_minor(snapshot)
    for paid_at, amount_minor in snapshot.paid_parts:
        counted = min(amount_minor, left)
        if counted > 0:
            parts.append((paid_at, counted))
            left -= counted
    closed_at = snapshot.paid_at if snapshot.state == "paid" else None
    if parts and (closed_at is None or closed_at - parts[-1][0] < _CLOSES_WITHIN_S):
        paid_at, counted = parts.pop()
        left += counted
        closed_at = paid_at if closed_at is None else closed_at
    if left and closed_at is not None:
        parts.append((closed_at, left))
    return tuple(parts)
