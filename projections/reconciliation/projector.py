"""Drift: a row for each difference that reconciliation found."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, cast

from domain.core.calendar import from_unix
from domain.events import topics_of
from domain.reconciliation.drift import DriftDetected, DriftEvent, DriftReopened, DriftResolved
from eventlog.codec import Codec
from eventlog.follow.handler import Cursor, Handle
from eventlog.reading import RecordedEvent
from projections.engine.tables import Rows, Table, load, upsert

NAME: Final = "drift"
TOPICS: Final = topics_of(DriftEvent)
OPEN: Final = "open"
RESOLVED: Final = "resolved"
STATES: Final = (OPEN, RESOLVED)

DRIFT: Final = Table(
    "drift",
    key=("id",),
    columns=(
        "id",
        "app_id",
        "connection",
        "provider",
        "mode",
        "object_type",
        "object_id",
        "subject_id",
        "field",
        "field_root",
        "ours",
        "theirs",
        "found_by",
        "reason",
        "state",
        "since",
        "detected_at",
        "resolved_at",
        "heal_ms",
        "position",
    ),
)


def handler(schema: str) -> Handle:
    """Return the function that folds batches into one generation's table."""
    codec = Codec()

    async def handle(cursor: Cursor, batch: Sequence[RecordedEvent]) -> None:
        events = [cast("DriftEvent", codec.decode(recorded)) for recorded in batch]
        new = {event.originator_id for event in events if isinstance(event, DriftDetected)}
        known = {(event.originator_id,) for event in events if event.originator_id not in new}
        rows = await load(cursor, DRIFT, known, schema=schema)
        for recorded, event in zip(batch, events, strict=True):
            _take(rows, event, position=recorded.position)
        await upsert(cursor, DRIFT, list(rows.values()), schema=schema)

    return handle


def _take(rows: Rows, event: DriftEvent, *, position: int) -> None:
    match event:
        case DriftDetected():
            rows[event.originator_id,] = _detected(event) | {"position": position}
        case DriftResolved():
            row = rows[event.originator_id,]
            began = row["since"] or row["detected_at"]
            row |= {
                "state": RESOLVED,
                "resolved_at": event.timestamp,
                "heal_ms": _milliseconds(began, event.timestamp),
                "position": position,
            }
        case DriftReopened():
            rows[event.originator_id,] |= {
                "state": OPEN,
                "theirs": event.theirs,
                "found_by": event.found_by,
                "reason": event.reason,
                "since": from_unix(event.since),
                "detected_at": event.timestamp,
                "resolved_at": None,
                "heal_ms": None,
                "position": position,
            }


def _detected(event: DriftDetected) -> dict[str, object]:
    copied = (
        "app_id", "connection", "provider", "mode", "object_type", "object_id", "subject_id",
        "field", "ours", "theirs", "found_by", "reason",
    )  # fmt: skip
    return {name: getattr(event, name) for name in copied} | {
        "id": event.originator_id,
        "field_root": event.field.partition(".")[0],
        "state": OPEN,
        "since": from_unix(event.since),
        "detected_at": event.timestamp,
        "resolved_at": None,
        "heal_ms": None,
    }


def _milliseconds(began: datetime, ended: datetime) -> int:
    """Return a duration; the provider's clock may be ahead of ours."""
    return max(0, (ended - began) // timedelta(milliseconds=1))
