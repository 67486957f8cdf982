"""Find webhook deliveries in the log."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from domain.inbox.delivery_view import DeliveryView, fold
from domain.inbox.provider_event import DeliveryEvent
from eventlog.errors import HistoryDetached
from eventlog.log import Log
from eventlog.reading import RecordedEvent
from projections.inbox.queries import DeliveryQueries
from service.recording.streams import Streams


@dataclass(frozen=True, slots=True)
class Entry:
    """A delivery folded from its stream; `events` with their positions."""

    view: DeliveryView
    position: int
    events: Sequence[tuple[int, DeliveryEvent]]


async def find_entry(
    log: Log, streams: Streams, deliveries: DeliveryQueries, app_id: UUID, delivery_id: UUID
) -> Entry | None:
    """Fold an app's delivery up to now; None if it is another app's or does not exist.

    Of another app's delivery only the first event is read, so that the duration of the response
    does not reveal that it exists. Raises HistoryDetached for an app's own one.
    """
    try:
        first = events_in(streams, await log.stream_async(delivery_id, limit=1))
    except HistoryDetached:
        if await deliveries.exists(app_id, delivery_id):
            raise
        return None
    if not first or getattr(first[0][1], "app_id", None) != app_id:
        return None
    return folded(events_in(streams, await log.stream_async(delivery_id)))


def events_in(
    streams: Streams, recorded: Sequence[RecordedEvent]
) -> list[tuple[int, DeliveryEvent]]:
    """Decode the events of a delivery; the stream of another aggregate has none."""
    found = ((entry.position, streams.decoded(entry)) for entry in recorded)
    return [(position, event) for position, event in found if isinstance(event, DeliveryEvent)]


def folded(events: Sequence[tuple[int, DeliveryEvent]]) -> Entry | None:
    """Fold a delivery; None without events."""
    view: DeliveryView | None = None
    for _, event in events:
        view = fold(view, event)
    return None if view is None else Entry(view, events[-1][0], events)
