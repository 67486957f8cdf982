"""The steps of an invoice: what is about to be asked of the provider, and what was asked of us.

Pure, as the rest of the fold.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from domain.invoices import events as e
from domain.invoices import refunds

if TYPE_CHECKING:
    from domain.invoices.view import InvoiceView

# Which step carries out what is asked of an invoice.
STEP_OF: Final = {
    "retry": "pay",
    "void": "void",
    "finalize": "finalize",
    "uncollectible": "write_off",
}


REFUND_STEP: Final = "refund:"
# A subscription that could not begin is ended, so that nobody can pay for it any more.
UNSUBSCRIBE_STEP: Final = "unsubscribe"


@dataclass(slots=True)
class StepRecord:
    """When a step first called the provider, under which key and with what."""

    step: str
    attempt: int
    key: str
    started_at: datetime
    plan: dict[str, str] = field(default_factory=dict)


def is_refund(step: str) -> bool:
    """Tell a refund's step, which goes on beside whatever else is done with the invoice."""
    return step.startswith(REFUND_STEP)


def take_step(view: InvoiceView, event: e.InvoiceEvent) -> None:
    """Fold a fact about a step, or about what somebody asks."""
    match event:
        case e.StepStarted():
            view.steps[event.step] = StepRecord(
                event.step, event.attempt, event.key, event.timestamp, dict(event.plan)
            )
            view.attempt = max(view.attempt, event.attempt)
        case e.StepGaveUp() | e.StepResent():
            _take_giving_up(view, event)
        case e.RequestRefused():
            view.in_progress = False
        case _ if type(event) in _ACTIONS:
            _take_request(view, event)


_ACTIONS: Final[dict[type[e.InvoiceEvent], str]] = {
    e.RetryRequested: "retry",
    e.VoidRequested: "void",
    e.FinalizeRequested: "finalize",
    e.UncollectibleRequested: "uncollectible",
}


def _take_request(view: InvoiceView, event: Any) -> None:  # noqa: ANN401 - one of the four above
    """Remember what is asked of the provider until an outcome ends it."""
    request_id = None if event.request_id is None else str(event.request_id)
    step = STEP_OF[_ACTIONS[type(event)]]
    before = view.steps.get(step)
    view.asked = {
        "action": _ACTIONS[type(event)],
        "request_id": request_id,
        "step": step,
        "attempt": 1 if before is None else before.attempt + 1,
        "payment_method": getattr(event, "payment_method", None),
    }
    view.in_progress, view.gave_up = True, None


def _take_giving_up(view: InvoiceView, event: e.StepGaveUp | e.StepResent) -> None:
    """Remember that a step waits for an operator, or no longer does; a refund's step is its own."""
    gave_up: dict[str, Any] | None = None
    if isinstance(event, e.StepGaveUp):
        gave_up = {"step": event.step, "attempts": event.attempts, "lastError": event.last_error}
    refund = refunds.find_refund(view, event.step.removeprefix(REFUND_STEP), None)
    if refund is None:
        view.gave_up = gave_up
    else:
        view.refunds[view.refunds.index(refund)] = refund | {"gaveUp": gave_up is not None}
