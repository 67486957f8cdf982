"""The part of the fold about steps and requested actions; pure, as `fold` is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from domain.core.steps import GaveUp, StepRecord
from domain.invoices import action_events as ae
from domain.invoices import events as e
from domain.invoices import refunds
from domain.invoices.steps import REFUND_STEP, STEP_OF
from domain.invoices.view import InvoiceView, PendingRequest

_ACTIONS: Final[dict[type[e.InvoiceEvent], str]] = {
    ae.RetryRequested: "retry",
    ae.VoidRequested: "void",
    ae.FinalizeRequested: "finalize",
    ae.UncollectibleRequested: "uncollectible",
    ae.CaptureRequested: "capture",
}


def apply_step(view: InvoiceView, event: e.InvoiceEvent) -> None:
    """Apply an event about a step or a requested action."""
    match event:
        case e.StepStarted():
            view.steps[event.step] = StepRecord(
                event.step, event.attempt, event.key, event.timestamp, dict(event.plan)
            )
            view.attempt = max(view.attempt, event.attempt)
        case e.StepGaveUp() | e.StepResent():
            _apply_gave_up(view, event)
        case ae.RequestRefused() | ae.CaptureAccepted():
            view.in_progress = False
        case _ if type(event) in _ACTIONS:
            _apply_request(view, event)


def _apply_request(view: InvoiceView, event: Any) -> None:  # noqa: ANN401 - one of the five above
    """Store a requested action until an outcome ends it."""
    step = STEP_OF[_ACTIONS[type(event)]]
    before = view.steps.get(step)
    view.pending_request = PendingRequest(
        action=_ACTIONS[type(event)],
        request_id=event.request_id,
        step=step,
        attempt=1 if before is None else before.attempt + 1,
        payment_method=getattr(event, "payment_method", None),
        amount_minor=getattr(event, "amount_minor", None),
    )
    view.in_progress, view.gave_up = True, None


def _apply_gave_up(view: InvoiceView, event: e.StepGaveUp | e.StepResent) -> None:
    """Store whether a step waits for an operator; the step of a refund has its own mark."""
    gave_up: GaveUp | None = None
    if isinstance(event, e.StepGaveUp):
        gave_up = GaveUp(event.step, event.attempts, event.last_error)
    refund = refunds.find_refund(view, event.step.removeprefix(REFUND_STEP), None)
    if refund is None:
        view.gave_up = gave_up
    else:
        view.refunds[view.refunds.index(refund)] = replace(refund, gave_up=gave_up is not None)
