"""What every write that asks for an invoice does: record it, then wait for what comes of it."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

import orjson
from starlette.requests import Request

from domain.invoices.commands import RequestInvoice
from domain.invoices.invoice import Invoice
from domain.invoices.outcome import WAKING_TOPICS
from eventlog.errors import Conflict, LogUnavailable
from eventlog.reading import RecordedEvent
from service.http.errors import KeyReused
from service.recording.context import RecordingContext
from service.recording.streams import Folded

Found = TypeVar("Found")


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


async def record_invoice_request(
    context: RecordingContext, command: RequestInvoice, *, wait_s: float
) -> Told:
    """Record the request, wait for its outcome. Raises KeyReused, LogUnavailable.

    The store refuses a second request of the same id: then the first one's outcome is told.
    """
    invoice = Invoice.request(command, occurred_at=context.now())
    try:
        position = await context.store.create(invoice)
    except Conflict:
        return await _replay(context, command, wait_s=wait_s)
    requested = Folded(invoice.view, position)
    outcome = await _outcome(context, requested, wait_s=wait_s)
    return Told(outcome or requested, pending=outcome is None, replayed=False)


async def _replay(context: RecordingContext, command: RequestInvoice, *, wait_s: float) -> Told:
    recorded = await context.log.stream_async(command.invoice_id)
    requested = _same_request(context, recorded, command)
    outcome = context.streams.outcome_in(recorded)
    if outcome is None:
        outcome = await _outcome(context, requested, wait_s=wait_s)
    return Told(outcome or requested, pending=outcome is None, replayed=True)


def _same_request(
    context: RecordingContext, recorded: list[RecordedEvent], command: RequestInvoice
) -> Folded:
    first = context.streams.decoded(recorded[0])
    if getattr(first, "request_hash", None) != command.request_hash:
        raise KeyReused
    return context.streams.requested(recorded)


async def _outcome(context: RecordingContext, requested: Folded, *, wait_s: float) -> Folded | None:
    """Wait for the first outcome behind the request."""
    return await wait_for_end(
        context,
        requested.view.id,
        WAKING_TOPICS,
        context.streams.outcome_in,
        after=requested.position,
        wait_s=wait_s,
    )


async def end_of_request(
    context: RecordingContext,
    stream: UUID,
    topics: Collection[str],
    find: Callable[[Sequence[RecordedEvent]], Found | None],
    *,
    wait_s: float,
) -> Found | None:
    """Give the end of what was asked of a stream that exists, the same for ever; wait for it."""
    recorded = await context.log.stream_async(stream)
    found = find(recorded)
    if found is not None:
        return found
    after = recorded[-1].position
    return await wait_for_end(context, stream, topics, find, after=after, wait_s=wait_s)


async def wait_for_end(
    context: RecordingContext,
    stream: UUID,
    topics: Collection[str],
    find: Callable[[Sequence[RecordedEvent]], Found | None],
    *,
    after: int,
    wait_s: float,
) -> Found | None:
    """Wait until `find` finds in a stream what ends something; the log's tail wakes us.

    `topics` behind the position `after` are worth a look. None where it was not there in time.
    """
    if wait_s <= 0:
        return None
    started_s = time.monotonic()
    found: Found | None = None
    # What was asked for is recorded: a database that is away makes a 202 and no failure.
    with suppress(TimeoutError, LogUnavailable):
        found = await _found_in_time(context, stream, topics, find, after=after, wait_s=wait_s)
    ended = "outcome" if found is not None else "timeout"
    context.metrics.waits_s.labels(ended).observe(time.monotonic() - started_s)
    return found


async def _found_in_time(
    context: RecordingContext,
    stream: UUID,
    topics: Collection[str],
    find: Callable[[Sequence[RecordedEvent]], Found | None],
    *,
    after: int,
    wait_s: float,
) -> Found | None:
    deadline_s = asyncio.get_running_loop().time() + wait_s
    async with context.waits.wait(wait_s):
        while heard := await context.tail.wait_for(stream, topics, after, deadline_s):
            found = find(await context.log.stream_async(stream))
            if found is not None:
                return found
            after = heard
    return None
