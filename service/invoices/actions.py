"""Record actions on an existing invoice and wait for their outcomes."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial
from typing import Final
from uuid import UUID

from starlette.requests import Request

from domain.core.idempotency import CreateIdempotencyRecord
from domain.invoices.commands import (
    InvoiceCommand,
    RequestCapture,
    RequestFinalize,
    RequestRefund,
    RequestRetry,
    RequestUncollectible,
    RequestVoid,
)
from domain.invoices.outcome import REFUND_TOPICS, REQUEST_TOPICS
from service.http.caller import Caller
from service.http.errors import NotFound
from service.invoices.context import InvoicesContext, context_of
from service.invoices.schemas import ActionBody, CaptureBody, RefundBody, RetryBody
from service.recording.idempotency import new_request_id, record_once
from service.recording.read_your_writes import owner_of
from service.recording.record import Recorded, RecordedInvoice, find_outcome, request_hash


@dataclass(frozen=True, kw_only=True)
class Action:
    """An action on an invoice. The command has the body's fields; `topics` can be its outcome."""

    name: str
    body: type[ActionBody]
    command: type[InvoiceCommand]
    topics: Collection[str] = REQUEST_TOPICS


RETRY: Final = Action(name="retry", body=RetryBody, command=RequestRetry)
VOID: Final = Action(name="void", body=ActionBody, command=RequestVoid)
FINALIZE: Final = Action(name="finalize", body=ActionBody, command=RequestFinalize)
UNCOLLECTIBLE: Final = Action(name="uncollectible", body=ActionBody, command=RequestUncollectible)
CAPTURE: Final = Action(name="capture", body=CaptureBody, command=RequestCapture)
REFUND: Final = Action(name="refund", body=RefundBody, command=RequestRefund, topics=REFUND_TOPICS)


async def request_invoice_action(
    request: Request,
    caller: Caller,
    invoice_id: UUID,
    action: Action,
    body: ActionBody,
    *,
    given: object,
    wait_s: float,
) -> RecordedInvoice:
    """Record an action on a caller's invoice, and wait for its outcome.

    Raises NotFound, KeyReused, NotPossible, LogUnavailable.
    """
    context = context_of(request)
    owner = await owner_of(context.recording, caller, invoice_id)
    if owner is None or owner[0] != caller.app.app_id:
        raise NotFound
    command = action.command(
        invoice_id=invoice_id,
        request_id=new_request_id(request, caller),
        request_hash=request_hash(request, given),
        actor=caller.actor,
        **body.model_dump(),
    )

    def write(idempotency_record: CreateIdempotencyRecord | None) -> None:
        context.recording.billing.request_invoice_action(
            command, occurred_at=context.now(), idempotency_record=idempotency_record
        )

    result = {"invoiceId": str(invoice_id), "requestId": str(command.request_id)}
    recorded = await record_once(request, caller, given, result, write)
    request_id = UUID(recorded.result["requestId"])
    found = await _find_outcome(context, invoice_id, request_id, action, wait_s=wait_s)
    return replace(found, replayed=recorded.replayed)


async def _find_outcome(
    context: InvoicesContext, invoice_id: UUID, request_id: UUID, action: Action, *, wait_s: float
) -> RecordedInvoice:
    """Return the invoice as of the action's outcome, or as of now while there is none."""
    find = partial(context.recording.streams.outcome_of, request_id=request_id)
    found = await find_outcome(context.recording, invoice_id, action.topics, find, wait_s=wait_s)
    pending = found is None
    folded = found or await context.recording.streams.invoice(invoice_id)
    if folded is None:
        raise NotFound
    return Recorded(result=folded, pending=pending, replayed=False, request_id=request_id)
