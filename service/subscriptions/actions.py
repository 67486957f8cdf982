"""Find a caller's subscriptions, record actions on them and wait for their outcomes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final
from uuid import UUID

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
from service.recording.idempotency import new_request_id, record_once
from service.recording.read_your_writes import is_newest
from service.recording.record import Recorded, find_outcome, request_hash
from service.recording.streams import Folded, Streams
from service.subscriptions.context import SubscriptionsContext, context_of

PROJECTION: Final = "subscriptions"
OUTCOME_TOPICS: Final = (SubscriptionRequestDone.TOPIC, SubscriptionRequestRefused.TOPIC)
_LONGEST_ID: Final = 255


FoldedSubscription = Folded[SubscriptionView]
RecordedSubscription = Recorded[FoldedSubscription]


async def find_subscription(
    context: SubscriptionsContext, caller: Caller, name: str
) -> FoldedSubscription:
    """Find a caller's subscription by our id or the provider's, never behind the log.

    The row of the read model is used if it has the stream's newest event; otherwise the stream is
    folded. Raises NotFound.
    """
    app_id, subscription_id = caller.app.app_id, _uuid_of(name)
    if subscription_id is None:
        row = await context.queries.by_provider_id(app_id, name)
    else:
        row = await context.queries.get_subscription(app_id, subscription_id)
    if (
        row is not None
        and caller.owns(row.view.app_id, row.view.tenant_id)
        and await is_newest(context.recording, row.view.id, row.position)
    ):
        return Folded(row.view, row.position)
    for stream in await _streams_of(context, caller, name):
        found = await _fold(context, caller, stream)
        if found is not None:
            return found
    raise NotFound


def fold_each(streams: Streams, recorded: Iterable[RecordedEvent]) -> Iterator[FoldedSubscription]:
    """Fold a subscription event by event; the stream of another aggregate yields nothing."""
    view: SubscriptionView | None = None
    for entry in recorded:
        event = streams.decoded(entry)
        if not isinstance(event, SubscriptionEvent):
            return
        view = fold(view, event)
        yield Folded(view, entry.position, event)


def outcome_of(
    streams: Streams, recorded: Sequence[RecordedEvent], request_id: UUID
) -> FoldedSubscription | None:
    """Fold a subscription up to the event that ended a requested action; None while pending."""
    for folded in fold_each(streams, recorded):
        match folded.event:
            case SubscriptionRequestDone(request_id=known_id) if known_id == request_id:
                return folded
            case SubscriptionRequestRefused(request_id=known_id) if known_id == request_id:
                return folded
    return None


async def _fold(
    context: SubscriptionsContext, caller: Caller, stream: UUID
) -> FoldedSubscription | None:
    """Fold a subscription; None if it belongs to another caller.

    Of another caller's subscription only the first event is read, so that the duration of the
    response does not reveal that it exists.
    """
    recorded = await context.recording.log.stream_async(stream, limit=1)
    first = context.recording.streams.decoded(recorded[0]) if recorded else None
    if not isinstance(first, SubscriptionStarted):
        return None
    # A later event may assign it to a tenant.
    if not caller.owns(first.app_id, first.tenant_id or caller.tenant_id):
        return None
    recorded = await context.recording.log.stream_async(stream)
    *_, folded = fold_each(context.recording.streams, recorded)
    return folded if caller.owns(folded.view.app_id, folded.view.tenant_id) else None


async def _streams_of(context: SubscriptionsContext, caller: Caller, name: str) -> list[UUID]:
    """Return the streams that an id can mean: a provider's id can belong to any connection."""
    subscription_id = _uuid_of(name)
    if subscription_id is not None:
        return [subscription_id]
    app_id = caller.app.app_id
    return [
        ids.for_provider_object(app_id, known.connection_id, known.mode, name)
        for known in await context.access_rows.connections(app_id)
    ]


def _uuid_of(name: str) -> UUID | None:
    """Parse our id; None for a provider's id. Raises NotFound if it can be neither."""
    try:
        return UUID(name)
    except ValueError:
        if not is_safe(name) or len(name) > _LONGEST_ID:
            raise NotFound from None
        return None


async def request_subscription_action(
    request: Request,
    caller: Caller,
    subscription_id: UUID,
    command: Callable[..., SubscriptionCommand],
    *,
    given: object,
    wait_s: float,
) -> RecordedSubscription:
    """Record an action on a caller's subscription, and wait for its outcome.

    `command` takes the fields that all commands share.
    Raises KeyReused, NotPossible, LogUnavailable.
    """
    context = context_of(request)
    action = command(
        subscription_id=subscription_id,
        request_id=new_request_id(request, caller),
        request_hash=request_hash(request, given),
        actor=caller.actor,
    )

    def write(idempotency_record: CreateIdempotencyRecord | None) -> None:
        context.recording.billing.request_subscription_action(
            action, occurred_at=context.now(), idempotency_record=idempotency_record
        )

    result = {"subscriptionId": str(subscription_id), "requestId": str(action.request_id)}
    recorded = await record_once(request, caller, given, result, write)
    request_id = UUID(recorded.result["requestId"])
    find = partial(outcome_of, context.recording.streams, request_id=request_id)
    outcome = await find_outcome(
        context.recording, subscription_id, OUTCOME_TOPICS, find, wait_s=wait_s
    )
    return Recorded(
        result=outcome or await find_subscription(context, caller, str(subscription_id)),
        pending=outcome is None,
        replayed=recorded.replayed,
        request_id=request_id,
    )
