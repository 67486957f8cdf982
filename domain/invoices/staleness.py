"""Which of two words from a provider is the newer, where objects carry no version.

Stripe's times have one second. What can only grow settles most cases without a call: how far the
invoice has come, how often it was tried, how much was paid. Only where that is silent does the time
count, and where even the times are equal the provider must be asked.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

from domain.gateway.objects import PaymentState, ProviderInvoice, ProviderLine
from domain.invoices.view import InvoiceView

DELETED_RANK: Final = 5
_STATE_RANK: Final = {
    "draft": 0,
    "deleted": DELETED_RANK,
    "canceled": 5,
    "expired": 5,
    "open": 1,
    "uncollectible": 2,
    "void": 4,
    "paid": 3,
}
_PAYMENT_RANK: Final[dict[PaymentState, int]] = {
    "open": 0,
    "failed": 1,
    "requires_action": 2,
    "processing": 3,
    "succeeded": 4,
    "canceled": 5,
}
_UNKNOWN_PAYMENT: Final = -1
_GROWING: Final = 3


class Age(Enum):
    """How a snapshot relates to what we know."""

    NEWER = "newer"
    SAME = "same"
    OLDER = "older"
    UNCLEAR = "unclear"


def facts_of(invoice: ProviderInvoice) -> list[int]:
    """Return what decides: state, tries, amount paid (they only grow), and the payment's state.

    The payment is -1 where the snapshot does not carry it, as in webhooks.
    """
    payment = _UNKNOWN_PAYMENT if invoice.payment is None else _PAYMENT_RANK[invoice.payment.state]
    return [
        _STATE_RANK[invoice.state],
        invoice.attempt_count,
        invoice.amount_paid_minor,
        payment,
    ]


def age_of(view: InvoiceView, invoice: ProviderInvoice, *, source: str) -> Age:
    """Compare a snapshot with what is known. A fetch is the newest word there is."""
    facts = facts_of(invoice)
    if not view.facts:
        return Age.NEWER
    silent = source == "webhook" and facts[_GROWING] == _UNKNOWN_PAYMENT
    if silent and facts[:_GROWING] == view.facts[:_GROWING]:
        return _age_by_announcement(view, invoice)
    if facts == view.facts:
        return Age.SAME
    grown = _age_by_growth(view.facts[:_GROWING], facts[:_GROWING])
    same_growth = facts[:_GROWING] == view.facts[:_GROWING]
    known = view.payment_as_of if same_growth else view.as_of
    return grown or _age_by_time(known, invoice.as_of, asked=source != "webhook")


def is_ambiguous(view: InvoiceView, invoice: ProviderInvoice) -> bool:
    """Tell whether an answer differs from what is known and nothing says which is newer."""
    return age_of(view, invoice, source="webhook") is Age.UNCLEAR


def _age_by_announcement(view: InvoiceView, invoice: ProviderInvoice) -> Age:
    """Judge an event about an attempt: an invoice counts automatic attempts, not a customer's.

    What counts is when we last heard of the payment: events that do not speak of it, however new,
    do not make an announcement old.
    """
    if invoice.event_payment_state is None:
        return Age.SAME
    if invoice.as_of < view.payment_as_of:
        return Age.OLDER
    known = _PAYMENT_RANK[invoice.event_payment_state] == view.facts[_GROWING]
    return Age.SAME if known and invoice.as_of == view.payment_as_of else Age.UNCLEAR


def _age_by_growth(known: list[int], seen: list[int]) -> Age | None:
    if known != seen and all(then >= now for now, then in zip(known, seen, strict=True)):
        return Age.NEWER
    if known != seen and all(then <= now for now, then in zip(known, seen, strict=True)):
        return Age.OLDER
    return None


def _age_by_time(known: int, seen: int, *, asked: bool) -> Age:
    """Compare times; what we asked for ourselves wins over an equal one."""
    if seen == known:
        return Age.NEWER if asked else Age.UNCLEAR
    return Age.NEWER if seen > known else Age.OLDER


def issued_lines(invoice: ProviderInvoice, view: InvoiceView) -> list[dict[str, Any]]:
    """Write the lines down as issued, with what the caller called them where we know it.

    `amount_minor` is for one unit, as asked (None where a price says it); `total_minor` is the
    line's whole amount. An invoice of more lines than an answer carries keeps them as asked.
    """
    if invoice.more_lines or not invoice.lines:
        return view.lines
    asked = {str(index): line for index, line in enumerate(view.request.get("lines", ()))}
    return [_issued_line(line, asked.get(line.reference or "", {})) for line in invoice.lines]


def _issued_line(line: ProviderLine, asked: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": line.id,
        "name": asked.get("name") or line.description,
        "quantity": line.quantity,
        "price": line.price,
        "amount_minor": asked.get("amount_minor"),
        "total_minor": line.total_minor,
        "currency": line.currency,
    }
