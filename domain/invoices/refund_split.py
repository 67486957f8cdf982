"""Split a requested refund over the payments of an invoice.

The payments are used in the order they were paid in, each up to what is left of it. The first one
is taken for the requested refund itself; each further one is a refund of its own, with its own step
and key. What no payment can give is recorded as a failed refund.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID, uuid5

from domain.core.aggregate import NewEvent
from domain.gateway.objects import PaidPayment
from domain.invoices import refund_events as m
from domain.invoices.refunds import RESERVING, find_refund
from domain.invoices.step_plans import RefundPlan
from domain.invoices.steps import REFUND_STEP
from domain.invoices.view import InvoiceView, Refund

NOT_REFUNDABLE: Final = "payment_missing"
_MESSAGE: Final = "The payments that the provider has cannot give this amount back."


def decide_split(
    view: InvoiceView, refund_id: UUID, payments: Sequence[PaidPayment]
) -> list[NewEvent]:
    """Decide the payments of a requested refund; no events where they are chosen already."""
    requested = find_refund(view, refund_id, None)
    if requested is None or requested.status != "requested" or requested.payment_id is not None:
        return []
    made = {payment.id: _made_minor(refund_id, payment) for payment in payments}
    rest, events = requested.amount_minor - sum(made.values()), list[NewEvent]()
    for payment in sorted(payments, key=lambda one: _order(refund_id, one)):
        part = made[payment.id] or min(rest, _left_minor(view, payment))
        if payment.id is None or part <= 0:
            continue
        if not events:
            fields = {"refund_id": refund_id, "payment_id": payment.id, "amount_minor": part}
            events.append(NewEvent(m.RefundAllocated, fields))
        else:
            events.append(_part_requested(view, requested, refund_id, part, payment_id=payment.id))
        rest -= 0 if made[payment.id] else part
    if rest > 0 and events:
        events.append(_part_requested(view, requested, refund_id, rest, payment_id=None))
        events.append(_failed(_part_id(refund_id, None), rest))
    elif rest > 0:
        events.append(_failed(refund_id, rest))
    return events


def _made_minor(refund_id: UUID, payment: PaidPayment) -> int:
    """Return what a payment gave back for this request already: a restored log lacks its split."""
    own = {str(refund_id), str(_part_id(refund_id, payment.id))}
    made = [one for one in payment.refunds if one.state != "failed" and one.reference in own]
    return sum(one.amount_minor for one in made)


def _order(refund_id: UUID, payment: PaidPayment) -> int:
    """Order payments for a split: the first one's refund has the request's id, parts their own."""
    references = {one.reference for one in payment.refunds if one.state != "failed"}
    if str(refund_id) in references:
        return 0
    return 2 if str(_part_id(refund_id, payment.id)) in references else 1


def _left_minor(view: InvoiceView, payment: PaidPayment) -> int:
    """Return what a payment can still give: less its refunds at the provider, and ours of it.

    What is disputed of it is gone, too: the rest of a request is taken from other payments.
    """
    made = [refund for refund in payment.refunds if refund.state != "failed"]
    listed = {refund.id for refund in payment.refunds}
    listed |= {refund.reference for refund in payment.refunds if refund.reference is not None}
    ours = [
        refund.amount_minor
        for refund in view.refunds
        if _payment_of(view, refund) == payment.id
        and refund.status in RESERVING
        and listed.isdisjoint({refund.id, refund.provider_refund_id})
    ]
    refunded_minor = sum(refund.amount_minor for refund in made) + sum(ours)
    return payment.amount_minor - payment.disputed_minor - refunded_minor


def _payment_of(view: InvoiceView, refund: Refund) -> str | None:
    """Return the payment of a refund; one that was not split has it in its step."""
    step = view.steps.get(f"{REFUND_STEP}{refund.id}")
    return refund.payment_id or (None if step is None else RefundPlan.of(step).payment)


def _part_requested(
    view: InvoiceView,
    requested: Refund,
    refund_id: UUID,
    amount_minor: int,
    *,
    payment_id: str | None,
) -> NewEvent:
    fields: dict[str, Any] = {
        "refund_id": _part_id(refund_id, payment_id),
        "amount_minor": amount_minor,
        "reason": requested.reason,
        "credit_note": requested.credit_note is not False,
        "app_id": view.app_id,
        "request_hash": None,
        "part_of": refund_id if requested.part_of is None else UUID(requested.part_of),
        "payment_id": payment_id,
    }
    return NewEvent(m.RefundRequested, fields)


def _part_id(refund_id: UUID, payment_id: str | None) -> UUID:
    return uuid5(refund_id, payment_id or "not_refundable")


def _failed(refund_id: UUID, amount_minor: int) -> NewEvent:
    fields: dict[str, Any] = {
        "refund_id": refund_id,
        "provider_refund_id": None,
        "amount_minor": amount_minor,
        "code": NOT_REFUNDABLE,
        "message": _MESSAGE,
        "source": "answer",
    }
    return NewEvent(m.RefundFailed, fields)
