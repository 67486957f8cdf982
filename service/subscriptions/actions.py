"""Subscriptions that a caller may see, and what came of what was asked of one."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final
from uuid import UUID, uuid4

from starlette.requests import Request

from domain.core import ids
from domain.core.idempotency import CreateIdempotencyRecord
from domain.subscriptions.commands import SubscriptionCommand
from domain.subscriptions.events import (
    SubscriptionEvent,
    SubscriptionRequestDone,
    SubscriptionRequestRefused,
    SubscriptionStarted,
)
from domain.subscriptions.view import SubscriptionView, fold
from eventlog.reading import RecordedEvent
from service.http.caller import Caller
from service.http.errors import NotFound
from service.http.validation import is_safe
from service.recording.idempotency import do_once
from service.recording.read_your_writes import is_folded
from service.recording.record import end_of_request, request_hash
from service.recording.streams import Streams
from service.subscriptions.context import SubscriptionsContext, context_of

PROJECTION: Final = "subscriptions"
ENDING_TOPICS: Final = (SubscriptionRequestDone.TOPIC, SubscriptionRequestRefused.TOPIC)
_LONGEST_ID: Final = 255


@dataclass(frozen=True, slots=True)
class FoldedSubscription:
    """A subscription, and the position up to which it is folded."""

    view: SubscriptionView
    position: int


@dataclass(frozen=True, slots=True)
class EndedRequest:
    """What came of something asked of a subscription: folded up to `fact`, which ended it."""

    folded: FoldedSubscription
    fact: SubscriptionRequestDone | SubscriptionRequestRefused


async def find_subscription(
    context: SubscriptionsContext, caller: Caller, name: str, *, min_position: int = 0
) -> FoldedSubscription:
    """Find a caller's subscription by our id or the provider's. Raises NotFound.

    From its stream where the read model is behind.
    """
    subscription_id = _uuid_of(name)
    # Asked before the row is read: a position that comes after it says nothing of the row.
    if await is_folded(context.recording, min_position, projection=PROJECTION):
        app_id, rows = caller.app.app_id, context.queries
        if subscription_id is None:
            row = await rows.by_provider_id(app_id, name)
        else:
            row = await rows.get_subscription(app_id, subscription_id)
        if row is not None and caller.owns(row.view.app_id, row.view.tenant_id):
            return FoldedSubscription(row.view, row.position)
    for stream in await _streams_of(context, caller, name):
        found = await _fold(context, caller, stream)
        if found is not None:
            return found
    raise NotFound


def folded_in(
    streams: Streams, recorded: Iterable[RecordedEvent]
) -> Iterator[tuple[FoldedSubscription, SubscriptionEvent]]:
    """Fold a stream event by event; one that is no subscription's has none."""
    view: SubscriptionView | None = None
    for entry in recorded:
        event = streams.decoded(entry)
        if not isinstance(event, SubscriptionEvent):
            return
        view = fold(view, event)
        yield FoldedSubscription(view, entry.position), event


def end_in(
    streams: Streams, recorded: Sequence[RecordedEvent], request_id: UUID
) -> EndedRequest | None:
    """Fold up to what came of one asking; None while nothing did."""
    for folded, event in folded_in(streams, recorded):
        match event:
            case SubscriptionRequestDone() | SubscriptionRequestRefused():
                if event.request_id == request_id:
                    return EndedRequest(folded, event)
    return None


async def _fold(
    context: SubscriptionsContext, caller: Caller, stream: UUID
) -> FoldedSubscription | None:
    """Fold a stream of the caller's; what is another's is read no further than its beginning."""
    begun = await context.recording.log.stream_async(stream, limit=1)
    first = context.recording.streams.decoded(begun[0]) if begun else None
    if not isinstance(first, SubscriptionStarted):
        return None
    # Who it is assigned to, later events say.
    if not caller.owns(first.app_id, first.tenant_id or caller.tenant_id):
        return None
    recorded = await context.recording.log.stream_async(stream)
    *_, (folded, _) = folded_in(context.recording.streams, recorded)
    return folded if caller.owns(folded.view.app_id, folded.view.tenant_id) else None


async def _streams_of(context: SubscriptionsContext, caller: Caller, name: str) -> list[UUID]:
    """Name the streams that may be meant: the provider's id is one of some connection."""
    subscription_id = _uuid_of(name)
    if subscription_id is not None:
        return [subscription_id]
    app_id = caller.app.app_id
    return [
        ids.for_provider_object(app_id, known.connection_id, known.mode, name)
        for known in await context.access_rows.connections(app_id)
    ]


def _uuid_of(name: str) -> UUID | None:
    """Read our id; None where it is the provider's. Raises NotFound for what is neither."""
    try:
        return UUID(name)
    except ValueError:
        if not is_safe(name) or len(name) > _LONGEST_ID:
            raise NotFound from None
        return None


# What is asked of a subscription: recorded once per idempotency key, then waited for.


@dataclass(frozen=True, slots=True)
class Answered:
    """What can be told of an asking: how it stood when that ended, or stands now (`pending`)."""

    folded: FoldedSubscription
    pending: bool
    replayed: bool
    refused: SubscriptionRequestRefused | None


async def request_subscription_action(
    request: Request,
    caller: Caller,
    subscription_id: UUID,
    command: Callable[..., SubscriptionCommand],
    *,
    given: object,
    wait_s: float,
) -> Answered:
    """Record what is asked of a caller's subscription, and wait for what comes of it.

    `command` takes what all commands share. Raises KeyReused, NotPossible, LogUnavailable.
    """
    context = context_of(request)
    request_id = uuid4()
    asked = command(
        subscription_id=subscription_id,
        request_id=request_id,
        request_hash=request_hash(request, given),
        actor=caller.actor,
    )

    def write(idempotency_record: CreateIdempotencyRecord | None) -> None:
        context.recording.billing.request_subscription_action(
            asked, occurred_at=context.now(), idempotency_record=idempotency_record
        )

    result = {"subscriptionId": str(subscription_id), "requestId": str(request_id)}
    done = await do_once(request, caller, given, result, write)
    find = partial(end_in, context.recording.streams, request_id=UUID(done.result["requestId"]))
    ended = await end_of_request(
        context.recording, subscription_id, ENDING_TOPICS, find, wait_s=wait_s
    )
    if ended is None:
        position = await context.recording.streams.newest(subscription_id)
        now = await find_subscription(context, caller, str(subscription_id), min_position=position)
        return Answered(now, pending=True, replayed=done.replayed, refused=None)
    refused = ended.fact if isinstance(ended.fact, SubscriptionRequestRefused) else None
    return Answered(ended.folded, pending=False, replayed=done.replayed, refused=refused)
