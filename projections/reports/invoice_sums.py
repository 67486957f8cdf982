"""Sums that reports are made of, kept as invoices change, so that no report reads invoices.

Per app, mode, currency, provider and connection; money in its minor unit. What came in, went back
or was refused is kept by the quarter of an hour (UTC) in which it was, by the provider's clock,
however late it was reported; what is outstanding by the one in which it is overdue. Every time zone
of our time is a whole number of quarters away. The same sums are kept by hour, day and week, so
that any period is the sum of few rows (`time_units`).

collected: what was paid towards invoices; money that nobody asked for (`UnexpectedPayment`,
`InvoiceOverpaid`) is none of it, since it is owed back. refunded: refunds that succeeded, but
none of such money; one that fails after all is taken out of its quarter. disputed: disputes that
are open or lost, in the quarter in which they were opened; one that is won is taken out. refused:
attempts to charge.

How many of the collected amounts came by each payment method, and how many attempts were refused
for each reason, is kept by the same units.
"""

import re
from typing import Final, Literal, NamedTuple

from domain.core.calendar import from_unix
from domain.invoices import status
from domain.invoices.events import InvoiceEvent
from domain.invoices.payment_events import PaymentFailed
from domain.invoices.refunds import is_of_overpayment
from domain.invoices.view import InvoiceView
from projections.engine.tables import Table
from projections.reports.time_units import QUARTER_S, quarter_of

Kind = Literal["collected", "refunded", "disputed", "refused", "outstanding"]

_GRACE_S: Final = 24 * 3600  # an invoice without a due date is overdue a day after its issue
_OUTSTANDING: Final = frozenset(
    {status.OPEN, status.FAILED, status.PROCESSING, status.REQUIRES_ACTION}
)

LONGEST_NAME: Final = 64
_SAVED: Final = re.compile(r"[a-z]+_[A-Za-z0-9]{8,}")  # the id of a method, such as pm_1SZ3xY…

_SUMMED_BY: Final = ("app_id", "mode", "currency", "provider", "connection", "kind")
SUMMED: Final = ("amount_minor", "items")
# `number` counts the `unit`s since 1970.
SUMS: Final = Table(
    "invoice_sums",
    key=(*_SUMMED_BY, "unit", "number"),
    columns=(*_SUMMED_BY, "unit", "number", *SUMMED, "position"),
)
SHARES: Final = Table(
    "invoice_shares",
    key=(*_SUMMED_BY, "unit", "number", "name"),
    columns=(*_SUMMED_BY, "unit", "number", "name", "items", "position"),
)
NAMED: Final = frozenset({"collected", "refused"})
TOTALS: Final = Table("invoice_totals", key=_SUMMED_BY, columns=(*_SUMMED_BY, *SUMMED, "position"))


class Part(NamedTuple):
    """Key of an amount: `quarter` numbers the quarters of an hour since 1970.

    `name`: the payment method of what was collected, the reason of what was refused.
    """

    currency: str
    kind: Kind
    quarter: int
    name: str = ""


Amount = tuple[int, int]
"""Minor units, and how many invoices, refunds, disputes or attempts they are of."""


class Change(NamedTuple):
    """Change of a sum by one event."""

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
    if view.paid_parts:
        method = _method_of(view)
        for paid in view.paid_parts:
            part = Part(currency, "collected", quarter_of(paid.paid_at), method)
            _add(parts, part, paid.amount_minor)
    if view.status in _OUTSTANDING:
        part = Part(currency, "outstanding", _overdue_from(view))
        parts[part] = (view.amount_due_minor or 0, 1)
    for refund in view.refunds:
        if refund.status == "succeeded" and not is_of_overpayment(view, refund):
            refunded_at = refund.refunded_at or refund.updated_at
            _add(parts, Part(currency, "refunded", quarter_of(refunded_at)), refund.amount_minor)
    for dispute in view.disputes:
        if dispute.status != "won":
            part = Part(currency, "disputed", quarter_of(dispute.disputed_at))
            _add(parts, part, dispute.amount_minor)
    return parts


def _add(parts: dict[Part, Amount], part: Part, added_minor: int) -> None:
    amount_minor, items = parts.get(part, (0, 0))
    parts[part] = (amount_minor + added_minor, items + 1)


def refusal_in(event: InvoiceEvent, view: InvoiceView) -> dict[Part, Amount]:
    """Return the attempt that an event says was refused; one that succeeds is an amount collected.

    Each such event tells of an attempt of its own. The view does not: a payment may be refused
    several times, and goes on under the same id.
    """
    if not isinstance(event, PaymentFailed) or view.currency is None:
        return {}
    refused_at = from_unix(event.as_of or None) or event.timestamp
    reason = _name(event.decline_code or event.code)
    return {Part(view.currency, "refused", quarter_of(refused_at), reason): (event.amount_minor, 1)}


def _method_of(view: InvoiceView) -> str:
    """Return the method that paid an invoice; of several payments, of the first that is known."""
    methods = (one.method for one in view.payments if one.status == status.PAID and one.method)
    method = next(methods, "")
    return "saved method" if _SAVED.fullmatch(method) else _name(method)


def _name(text: str) -> str:
    return text[:LONGEST_NAME] or "unknown"


def changes(
    before: dict[Part, Amount], after: dict[Part, Amount], *, position: int
) -> list[Change]:
    """Return what the event at a position changed."""
    if not before:
        return [Change(part, minor, items, position) for part, (minor, items) in after.items()]
    found = []
    for part in before | after:
        old_minor, old_items = before.get(part, (0, 0))
        new_minor, new_items = after.get(part, (0, 0))
        if (old_minor, old_items) != (new_minor, new_items):
            found.append(Change(part, new_minor - old_minor, new_items - old_items, position))
    return found


def _overdue_from(view: InvoiceView) -> int:
    """Number the first quarter at whose beginning the invoice is overdue."""
    if view.due_at is not None:
        moment_s = int(view.due_at.timestamp())
    else:
        moment_s = int((view.issued_at or view.created_at).timestamp()) + _GRACE_S
    return -(-moment_s // QUARTER_S)
