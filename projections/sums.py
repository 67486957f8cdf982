"""Sums that reports are made of, kept as invoices change, so that no report reads invoices.

Per app, mode and currency; money in its minor unit. What came in and what went back is kept by the
quarter of an hour (UTC) in which it did, what is outstanding by the one in which it is overdue:
every time zone of our time is a whole number of quarters away.
"""

from datetime import datetime
from typing import Final, Literal, NamedTuple

from domain import status
from domain.invoice_view import InvoiceView
from projections.writing import Table

Kind = Literal["collected", "refunded", "outstanding"]

QUARTER_S: Final = 900
_GRACE_S: Final = 24 * 3600  # an invoice without a due date is overdue a day after its issue
_OUTSTANDING: Final = frozenset(
    {status.OPEN, status.FAILED, status.PROCESSING, status.REQUIRES_ACTION}
)

QUARTERS: Final = Table(
    "invoice_quarters",
    key=("app_id", "mode", "currency", "kind", "quarter"),
    columns=("app_id", "mode", "currency", "kind", "quarter", "amount_minor", "items", "position"),
)
TOTALS: Final = Table(
    "invoice_totals",
    key=("app_id", "mode", "currency", "kind"),
    columns=("app_id", "mode", "currency", "kind", "amount_minor", "items", "position"),
)
SUMMED: Final = ("amount_minor", "items")


class Part(NamedTuple):
    """Where an amount counts: `quarter` numbers the quarters of an hour since 1970."""

    currency: str
    kind: Kind
    quarter: int


Amount = tuple[int, int]
"""Minor units, and how many invoices or refunds they are of."""


class Change(NamedTuple):
    """What an event changed in a sum."""

    part: Part
    amount_minor: int
    items: int
    position: int


def parts_of(view: InvoiceView) -> dict[Part, Amount]:
    """Return what an invoice contributes to the sums."""
    currency = view.currency
    if currency is None:
        return {}
    parts: dict[Part, Amount] = {}
    if view.status == status.PAID and view.paid_at is not None:
        parts[Part(currency, "collected", quarter_of(view.paid_at))] = (view.amount_paid_minor, 1)
    elif view.status in _OUTSTANDING:
        owed_minor = (view.total_minor or 0) - view.amount_paid_minor
        parts[Part(currency, "outstanding", _overdue_from(view))] = (owed_minor, 1)
    for refund in view.refunds:
        if refund["status"] == "succeeded":
            refunded_at = datetime.fromisoformat(refund.get("refundedAt", refund["at"]))
            part = Part(currency, "refunded", quarter_of(refunded_at))
            amount_minor, items = parts.get(part, (0, 0))
            parts[part] = (amount_minor + refund["amountMinor"], items + 1)
    return parts


def changes(
    before: dict[Part, Amount], after: dict[Part, Amount], *, position: int
) -> list[Change]:
    """Return what the event at a position changed."""
    if before == after:
        return []
    found = []
    for part in before | after:
        old_minor, old_items = before.get(part, (0, 0))
        new_minor, new_items = after.get(part, (0, 0))
        if (old_minor, old_items) != (new_minor, new_items):
            found.append(Change(part, new_minor - old_minor, new_items - old_items, position))
    return found


def quarter_of(moment: datetime) -> int:
    """Number the quarter of an hour that a moment is in."""
    return int(moment.timestamp() // QUARTER_S)


def _overdue_from(view: InvoiceView) -> int:
    """Number the first quarter at whose beginning the invoice is overdue."""
    if view.due_at is not None:
        moment_s = int(view.due_at.timestamp())
    else:
        moment_s = int((view.issued_at or view.created_at).timestamp()) + _GRACE_S
    return -(-moment_s // QUARTER_S)
