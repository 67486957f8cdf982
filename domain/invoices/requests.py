"""Decide the events of actions that callers request on an existing invoice."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, cast
from uuid import uuid5

from domain.core.aggregate import NewEvent
from domain.core.errors import NotPossible
from domain.core.money import step_fault
from domain.core.providers import Provider
from domain.invoices import action_events as ae
from domain.invoices import events as e
from domain.invoices import refund_events as m
from domain.invoices import status
from domain.invoices.commands import (
    InvoiceCommand,
    RequestCapture,
    RequestFinalize,
    RequestRefund,
    RequestRetry,
    RequestUncollectible,
    RequestVoid,
)
from domain.invoices.provider_update import is_running
from domain.invoices.refunds import charged_minor, creditable_minor, refundable_minor
from domain.invoices.view import InvoiceView


class _Action(NamedTuple):
    name: str
    kind: type[e.InvoiceEvent]
    allowed: frozenset[str]


_OPEN_STATUSES: Final = frozenset({status.OPEN, status.FAILED, status.REQUIRES_ACTION})

_ACTIONS: Final[dict[type[InvoiceCommand], _Action]] = {
    RequestRetry: _Action("retry", ae.RetryRequested, _OPEN_STATUSES | {status.UNCOLLECTIBLE}),
    RequestVoid: _Action(
        "void", ae.VoidRequested, _OPEN_STATUSES | {status.DRAFT, status.UNCOLLECTIBLE}
    ),
    RequestFinalize: _Action("finalize", ae.FinalizeRequested, frozenset({status.DRAFT})),
    RequestUncollectible: _Action("uncollectible", ae.UncollectibleRequested, _OPEN_STATUSES),
}

_NOT_OF_PAYMENTS: Final = {
    "finalize": "its provider has payments, and no drafts that could be finalised",
    "uncollectible": "its provider has payments, which can't be written off",
}


def decide_request(view: InvoiceView, command: InvoiceCommand) -> list[NewEvent]:
    """Decide the events of a requested action. Raises NotPossible where the status forbids it."""
    if isinstance(command, RequestRefund):
        return _decide_refund(view, command)
    if isinstance(command, RequestCapture):
        return _decide_capture(view, command)
    action = _ACTIONS[type(command)]
    if view.provider_object_type == "payment" and action.name in _NOT_OF_PAYMENTS:
        raise NotPossible(action=action.name, reason=_NOT_OF_PAYMENTS[action.name])
    if is_running(view):
        raise NotPossible(action=action.name, reason="something else is being done with it")
    may_void = view.gave_up is not None and action.name == "void"
    if view.provider_object_id is None or not (view.status in action.allowed or may_void):
        raise NotPossible(action=action.name, reason=f"it is {view.status}")
    fields: dict[str, Any] = {
        "app_id": view.app_id,
        "request_hash": command.request_hash,
        "request_id": command.request_id,
    }
    if isinstance(command, RequestRetry):
        fields["payment_method"] = command.payment_method
    return [NewEvent(action.kind, fields)]


def _decide_capture(view: InvoiceView, command: RequestCapture) -> list[NewEvent]:
    held, amount = view.amount_capturable_minor, command.amount_minor
    if is_running(view):
        raise NotPossible(action="capture", reason="something else is being done with it")
    if view.provider_object_id is None or held <= 0:
        raise NotPossible(action="capture", reason="no authorized payment holds an amount")
    if amount is not None and amount > held:
        reason = f"only {held} can still be captured"
        raise NotPossible(action="capture", reason=reason, path="amountMinor")
    provider = cast("Provider", view.provider)
    fault = None if amount is None else step_fault(amount, provider, view.currency or "eur")
    if fault is not None:
        raise NotPossible(action="capture", reason=f"its amount {fault}", path="amountMinor")
    fields = {
        "amount_minor": amount,
        "app_id": view.app_id,
        "request_hash": command.request_hash,
        "request_id": command.request_id,
    }
    return [NewEvent(ae.CaptureRequested, fields)]


def _decide_refund(view: InvoiceView, command: RequestRefund) -> list[NewEvent]:
    """Reserve the amount, so that two refunds at once can't exceed the amount charged.

    What is more than can have a credit note becomes a refund of its own, without one.
    """
    left = refundable_minor(view)
    amount = left if command.amount_minor is None else command.amount_minor
    if charged_minor(view) == 0:
        raise NotPossible(action="refund", reason="nothing was paid")
    if left <= 0:
        disputed = ", or is disputed" if view.amount_disputed_minor else ""
        raise NotPossible(action="refund", reason=f"all of it has gone back{disputed}")
    if amount > left:
        reason = f"only {left} can still be given back"
        raise NotPossible(action="refund", reason=reason, path="amountMinor")
    provider = cast("Provider", view.provider)
    if (fault := step_fault(amount, provider, view.currency or "eur")) is not None:
        raise NotPossible(action="refund", reason=f"its amount {fault}", path="amountMinor")
    noted = min(amount, creditable_minor(view)) if command.credit_note else 0
    if view.provider_object_type == "payment":
        noted = amount if command.credit_note else 0  # its provider has no credit notes
    parts = [(noted, True), (amount - noted, False)]
    return [
        _refund_requested(view, command, part, credit_note=credit_note, is_first=index == 0)
        for index, (part, credit_note) in enumerate(part for part in parts if part[0])
    ]


def _refund_requested(
    view: InvoiceView,
    command: RequestRefund,
    amount_minor: int,
    *,
    credit_note: bool,
    is_first: bool,
) -> NewEvent:
    refund_id = command.request_id
    return NewEvent(
        m.RefundRequested,
        {
            "refund_id": refund_id if is_first else uuid5(refund_id, "without_credit_note"),
            "amount_minor": amount_minor,
            "reason": command.reason,
            "credit_note": credit_note,
            "app_id": view.app_id,
            "request_hash": command.request_hash,
            "part_of": None if is_first else refund_id,
        },
    )
