"""What every write that asks for an invoice does: record it, then wait for what comes of it."""

import asyncio
import hashlib
import time
from dataclasses import dataclass

import orjson
from starlette.requests import Request

from domain.commands import RequestInvoice
from domain.invoice import Invoice
from domain.outcome import WAKING_TOPICS
from eventlog.errors import Conflict, LogUnavailable
from eventlog.reading import Recorded
from service.context import Context
from service.errors import KeyReused
from service.streams import Folded


@dataclass(frozen=True, slots=True)
class Told:
    """What can be told: the outcome, or (`pending`) the request alone."""

    folded: Folded
    pending: bool
    replayed: bool


def request_hash(request: Request, body: object) -> str:
    """Name a request by method, path, query and body as received, whatever its key order."""
    parts = [
        request.method.encode(),
        request.scope["path"].encode(),
        request.scope["query_string"],
        orjson.dumps(body, option=orjson.OPT_SORT_KEYS),
    ]
    return hashlib.sha256(b"\n".join(parts)).hexdigest()


async def ask_for_invoice(context: Context, command: RequestInvoice, *, wait_s: float) -> Told:
    """Record the request, wait for its outcome. Raises KeyReused, LogUnavailable.

    The store refuses a second request of the same id: then the first one's outcome is told.
    """
    invoice = Invoice.request(command, at=context.now())
    events = [context.codec.encode(event) for event in invoice.collect_events()]
    started_s = time.monotonic()
    try:
        (position,) = await context.log.append_async(events)
    except Conflict:
        return await _replay(context, command, wait_s=wait_s)
    context.metrics.record_append(events=1, seconds=time.monotonic() - started_s)
    requested = Folded(invoice.view, position)
    outcome = await _wait(context, requested, wait_s=wait_s)
    return Told(outcome or requested, pending=outcome is None, replayed=False)


async def _replay(context: Context, command: RequestInvoice, *, wait_s: float) -> Told:
    recorded = await context.log.stream_async(command.invoice_id)
    requested = _same_request(context, recorded, command)
    outcome = context.streams.outcome_in(recorded)
    if outcome is None:
        outcome = await _wait(context, requested, wait_s=wait_s)
    return Told(outcome or requested, pending=outcome is None, replayed=True)


def _same_request(context: Context, recorded: list[Recorded], command: RequestInvoice) -> Folded:
    first = context.streams.decoded(recorded[0])
    if getattr(first, "request_hash", None) != command.request_hash:
        raise KeyReused
    return context.streams.requested(recorded)


async def _wait(context: Context, requested: Folded, *, wait_s: float) -> Folded | None:
    """Wait for the first outcome behind the request; the log's tail wakes us."""
    if wait_s <= 0:
        return None
    started_s = time.monotonic()
    outcome = await _outcome_in_time(context, requested, wait_s=wait_s)
    ended = "outcome" if outcome is not None else "timeout"
    context.metrics.waits_s.labels(ended).observe(time.monotonic() - started_s)
    return outcome


async def _outcome_in_time(context: Context, requested: Folded, *, wait_s: float) -> Folded | None:
    deadline_s = asyncio.get_running_loop().time() + wait_s
    invoice_id, position = requested.view.id, requested.position
    try:
        async with context.waits.wait(wait_s):
            while heard := await context.tail.wait_for(
                invoice_id, WAKING_TOPICS, position, deadline_s
            ):
                outcome = await context.streams.outcome(invoice_id)
                if outcome is not None:
                    return outcome
                position = heard
    except (TimeoutError, LogUnavailable):
        # What was asked for is recorded, so this is a 202 and no failure.
        return None
    return None
