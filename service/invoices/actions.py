"""What is asked of an invoice that exists: recorded once per idempotency key, then waited for."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID, uuid4

from starlette.requests import Request

from domain.core.idempotency import CreateIdempotencyRecord
from domain.invoices.commands import (
    InvoiceCommand,
    RequestFinalize,
    RequestRefund,
    RequestRetry,
    RequestUncollectible,
    RequestVoid,
)
from domain.invoices.events import InvoiceEvent
from domain.invoices.outcome import REFUND_TOPICS, REQUEST_TOPICS
from service.http.caller import Caller
from service.http.errors import NotFound
from service.invoices.context import InvoicesContext, context_of
from service.invoices.schemas import ActionBody, RefundBody, RetryBody
from service.recording.idempotency import do_once
from service.recording.record import Told, end_of_request, request_hash


@dataclass(frozen=True, kw_only=True)
class Action:
    """What can be asked: its command's fields are those of the body. `topics` may end it."""

    name: str
    body: type[ActionBody]
    command: type[InvoiceCommand]
    topics: Collection[str] = REQUEST_TOPICS


RETRY: Final = Action(name="retry", body=RetryBody, command=RequestRetry)
VOID: Final = Action(name="void", body=ActionBody, command=RequestVoid)
FINALIZE: Final = Action(name="finalize", body=ActionBody, command=RequestFinalize)
UNCOLLECTIBLE: Final = Action(name="uncollectible", body=ActionBody, command=RequestUncollectible)
REFUND: Final = Action(name="refund", body=RefundBody, command=RequestRefund, topics=REFUND_TOPICS)


@dataclass(frozen=True, slots=True)
class Answered:
    """What can be told of an asking: `fact` ended it, None while it is pending."""

    told: Told
    request_id: UUID
    fact: InvoiceEvent | None


async def request_invoice_action(
    request: Request,
    caller: Caller,
    invoice_id: UUID,
    action: Action,
    body: ActionBody,
    *,
    given: object,
    wait_s: float,
) -> Answered:
    """Record what is asked of a caller's invoice, and wait for what comes of it.

    Raises NotFound, KeyReused, NotPossible, LogUnavailable.
    """
    context = context_of(request)
    owner = await context.recording.streams.owner(invoice_id)
    if owner is None or owner[0] != caller.app.app_id:
        raise NotFound
    request_id = uuid4()
    more: dict[str, Any] = body.model_dump()
    command = action.command(
        invoice_id=invoice_id,
        request_id=request_id,
        request_hash=request_hash(request, given),
        actor=caller.actor,
        **more,
    )

    def write(idempotency_record: CreateIdempotencyRecord | None) -> None:
        context.recording.billing.request_invoice_action(
            command, occurred_at=context.now(), idempotency_record=idempotency_record
        )

    result = {"invoiceId": str(invoice_id), "requestId": str(request_id)}
    done = await do_once(request, caller, given, result, write)
    return await _answered(
        context,
        invoice_id,
        UUID(done.result["requestId"]),
        action,
        replayed=done.replayed,
        wait_s=wait_s,
    )


async def _answered(
    context: InvoicesContext,
    invoice_id: UUID,
    request_id: UUID,
    action: Action,
    *,
    replayed: bool,
    wait_s: float,
) -> Answered:
    """Give the end of an asking, the same for ever, or how the invoice stands without one."""
    find = partial(context.recording.streams.end_in, request_id=request_id)
    ended = await end_of_request(context.recording, invoice_id, action.topics, find, wait_s=wait_s)
    if ended is not None:
        return Answered(
            Told(ended.folded, pending=False, replayed=replayed), request_id, ended.fact
        )
    now = await context.recording.streams.invoice(invoice_id)
    if now is None:
        raise NotFound
    return Answered(Told(now, pending=True, replayed=replayed), request_id, None)
