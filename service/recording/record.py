"""Record requests and wait for their outcomes."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

import orjson
from starlette.requests import Request

from domain.invoices.commands import RequestInvoice
from domain.invoices.invoice import Invoice
from domain.invoices.outcome import WAKING_TOPICS
from eventlog.append.session import stream_of
from eventlog.errors import Conflict, LogUnavailable
from eventlog.reading import RecordedEvent
from service.http.errors import KeyReused
from service.recording.context import RecordingContext
from service.recording.streams import Folded, FoldedInvoice

Found = TypeVar("Found")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded(Generic[Result]):
    """A recorded request and its result.

    `result`: the outcome, or, while `pending`, the state without one.
    `replayed`: an earlier request with the same idempotency key was recorded, not this one.
    `request_id`: of a requested action.
    """

    result: Result
    replayed: bool
    pending: bool = False
    request_id: UUID | None = None


RecordedInvoice = Recorded[FoldedInvoice]


def request_hash(request: Request, body: object) -> str:
    """Return the SHA-256 of a request's method, path, query and body; key order does not matter."""
    parts = [
        request.method.encode(),
        request.scope["path"].encode(),
        request.scope["query_string"],
        orjson.dumps(body, option=orjson.OPT_SORT_KEYS),
    ]
    return hashlib.sha256(b"\n".join(parts)).hexdigest()


async def record_invoice_request(
    context: RecordingContext, command: RequestInvoice, *, wait_s: float
) -> RecordedInvoice:
    """Record an invoice request and wait for its outcome. Raises KeyReused, LogUnavailable.

    The store rejects a second request with the same id; the result is then the first one's.
    """
    invoice = Invoice.request(command, occurred_at=context.now())
    try:
        recorded = await context.store.record(invoice)
    except Conflict:
        return await _replay(context, command, wait_s=wait_s)
    requested = Folded(invoice.view, recorded[-1].position)
    outcome = await _outcome(context, recorded, wait_s=wait_s)
    return Recorded(result=outcome or requested, pending=outcome is None, replayed=False)


async def _replay(
    context: RecordingContext, command: RequestInvoice, *, wait_s: float
) -> RecordedInvoice:
    recorded = await context.log.stream_async(command.invoice_id)
    requested = _same_request(context, recorded, command)
    outcome = context.streams.first_outcome(recorded)
    if outcome is None:
        outcome = await _outcome(context, recorded, wait_s=wait_s)
    return Recorded(result=outcome or requested, pending=outcome is None, replayed=True)


def _same_request(
    context: RecordingContext, recorded: list[RecordedEvent], command: RequestInvoice
) -> FoldedInvoice:
    first = context.streams.decoded(recorded[0])
    if getattr(first, "request_hash", None) != command.request_hash:
        raise KeyReused
    return context.streams.requested(recorded)


async def _outcome(
    context: RecordingContext, recorded: Sequence[RecordedEvent], *, wait_s: float
) -> FoldedInvoice | None:
    """Wait for the first outcome after the events that were recorded."""
    return await wait_for_outcome(
        context,
        stream_of(recorded[0]),
        WAKING_TOPICS,
        context.streams.first_outcome,
        after=recorded[-1].position,
        known=recorded,
        wait_s=wait_s,
    )


async def find_outcome(
    context: RecordingContext,
    stream: UUID,
    topics: Collection[str],
    find: Callable[[Sequence[RecordedEvent]], Found | None],
    *,
    wait_s: float,
) -> Found | None:
    """Return the outcome of an action on an existing stream; wait for it while it is pending.

    A recorded outcome never changes, so every replay returns the same one.
    """
    recorded = await context.log.stream_async(stream)
    found = find(recorded)
    if found is not None:
        return found
    after = recorded[-1].position
    return await wait_for_outcome(
        context, stream, topics, find, after=after, known=recorded, wait_s=wait_s
    )


async def wait_for_outcome(
    context: RecordingContext,
    stream: UUID,
    topics: Collection[str],
    find: Callable[[Sequence[RecordedEvent]], Found | None],
    *,
    after: int,
    known: Sequence[RecordedEvent] = (),
    wait_s: float,
) -> Found | None:
    """Wait until `find` finds an outcome in a stream; None if it does not in time.

    The stream is read on after each event of `topics` behind the position `after`, which the log's
    tail announces. `known`: events of the stream from its first one on, none of them an outcome.
    """
    if wait_s <= 0:
        return None
    started_s = time.monotonic()
    found: Found | None = None
    # The request is recorded: an unavailable database results in a 202, not in an error.
    with suppress(TimeoutError, LogUnavailable):
        found = await _found_in_time(
            context, stream, topics, find, after=after, known=known, wait_s=wait_s
        )
    result = "outcome" if found is not None else "timeout"
    context.metrics.record_wait(result, seconds=time.monotonic() - started_s)
    return found


async def _found_in_time(
    context: RecordingContext,
    stream: UUID,
    topics: Collection[str],
    find: Callable[[Sequence[RecordedEvent]], Found | None],
    *,
    after: int,
    known: Sequence[RecordedEvent],
    wait_s: float,
) -> Found | None:
    deadline_s = asyncio.get_running_loop().time() + wait_s
    recorded = [*known]
    async with context.waits.wait(wait_s):
        while True:
            newer: list[RecordedEvent] = []
            position = await context.tail.wait_for(
                stream, topics, after, deadline_s, collect=newer.append
            )
            if position is None:
                return None
            version = recorded[-1].originator_version if recorded else 0
            newer = [event for event in newer if event.originator_version > version]
            if not _has_all(newer, after_version=version, position=position):
                newer = await context.log.stream_async(stream, after_version=version)
            for event in newer:
                event.share()  # the next read decodes only what is new
            recorded += newer
            found = find(recorded)
            if found is not None:
                return found
            after = position


def _has_all(newer: Sequence[RecordedEvent], *, after_version: int, position: int) -> bool:
    """Return whether all events of a stream after a version, up to a position, were collected."""
    versions = [event.originator_version for event in newer]
    is_whole = versions == list(range(after_version + 1, after_version + 1 + len(newer)))
    return bool(newer) and is_whole and newer[-1].position >= position
