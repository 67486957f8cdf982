"""Subscriptions that a caller may see, and what came of what was asked of one."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain import ids
from domain.subscription_events import (
    SubscriptionEvent,
    SubscriptionRequestDone,
    SubscriptionRequestRefused,
    SubscriptionStarted,
)
from domain.subscription_view import SubscriptionView, fold
from eventlog.reading import Recorded
from service.caller import Caller
from service.context import Context
from service.errors import Missing
from service.reading import is_folded
from service.streams import Streams
from service.text import is_safe

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
    context: Context, caller: Caller, name: str, *, min_position: int = 0
) -> FoldedSubscription:
    """Find a caller's subscription by our id or the provider's. Raises Missing.

    From its stream where the read model is behind.
    """
    subscription_id = _uuid_of(name)
    # Asked before the row is read: a position that comes after it says nothing of the row.
    if await is_folded(context, min_position, projection=PROJECTION):
        app_id, rows = caller.app.app_id, context.subscriptions
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
    raise Missing


def folded_in(
    streams: Streams, recorded: Iterable[Recorded]
) -> Iterator[tuple[FoldedSubscription, SubscriptionEvent]]:
    """Fold a stream event by event; one that is no subscription's has none."""
    view: SubscriptionView | None = None
    for entry in recorded:
        event = streams.decoded(entry)
        if not isinstance(event, SubscriptionEvent):
            return
        view = fold(view, event)
        yield FoldedSubscription(view, entry.position), event


def end_in(streams: Streams, recorded: Sequence[Recorded], request_id: UUID) -> EndedRequest | None:
    """Fold up to what came of one asking; None while nothing did."""
    for folded, event in folded_in(streams, recorded):
        match event:
            case SubscriptionRequestDone() | SubscriptionRequestRefused():
                if event.request_id == request_id:
                    return EndedRequest(folded, event)
    return None


async def _fold(context: Context, caller: Caller, stream: UUID) -> FoldedSubscription | None:
    """Fold a stream of the caller's; what is another's is read no further than its beginning."""
    begun = await context.log.stream_async(stream, limit=1)
    first = context.streams.decoded(begun[0]) if begun else None
    if not isinstance(first, SubscriptionStarted):
        return None
    # Who it is assigned to, later events say.
    if not caller.owns(first.app_id, first.tenant_id or caller.tenant_id):
        return None
    recorded = await context.log.stream_async(stream)
    *_, (folded, _) = folded_in(context.streams, recorded)
    return folded if caller.owns(folded.view.app_id, folded.view.tenant_id) else None


async def _streams_of(context: Context, caller: Caller, name: str) -> list[UUID]:
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
    """Read our id; None where it is the provider's. Raises Missing for what is neither."""
    try:
        return UUID(name)
    except ValueError:
        if not is_safe(name) or len(name) > _LONGEST_ID:
            raise Missing from None
        return None
