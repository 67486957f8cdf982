"""The inbox's entries: every provider event, and what became of it."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Final, cast
from uuid import UUID

from domain.events import topics_of
from domain.inbox.delivery_view import DeliveryView, fold
from domain.inbox.provider_event import DeliveryEvent, ProviderEventReceived
from eventlog.codec import Codec
from eventlog.database.statements import Statement
from eventlog.follow.handler import Cursor, RowsHandler, writing_together
from eventlog.reading import RecordedEvent
from projections.engine.tables import Table, load, upserting

NAME: Final = "deliveries"
TOPICS: Final = topics_of(DeliveryEvent)

_FIELDS: Final = tuple(known.name for known in fields(DeliveryView))
DELIVERIES: Final = Table("deliveries", key=("id",), columns=(*_FIELDS, "position"))


def handler(schema: str) -> RowsHandler:
    """Return what folds batches into one generation's table."""
    codec = Codec()

    async def fold_batch(cursor: Cursor, batch: Sequence[RecordedEvent]) -> list[Statement]:
        events = [cast("DeliveryEvent", codec.decode(recorded)) for recorded in batch]
        made = {e.originator_id for e in events if isinstance(e, ProviderEventReceived)}
        known = {(e.originator_id,) for e in events if e.originator_id not in made}
        rows = await load(cursor, DELIVERIES, known, schema=schema)
        views: dict[UUID, DeliveryView] = {}
        positions: dict[UUID, int] = {}
        for (entry_id,), row in rows.items():
            del row["position"]
            views[entry_id] = DeliveryView(**row)
        for recorded, event in zip(batch, events, strict=True):
            entry_id = event.originator_id
            views[entry_id] = fold(views.get(entry_id), event)
            positions[entry_id] = recorded.position
        changed = [
            {field: getattr(views[name], field) for field in _FIELDS} | {"position": occurred_at}
            for name, occurred_at in positions.items()
        ]
        return [upserting(DELIVERIES, changed, schema=schema)]

    return writing_together(fold_batch)
