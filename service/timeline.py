from collections.abc import Sequence

from projections.queries import TimelineEntry
from service.dialects.d002 import Json, moment


def timeline_items(entries: Sequence[TimelineEntry]) -> Json:
    """Show a timeline's entries in the order of the log."""
    return {"kind": "events", "items": [_item(entry) for entry in entries]}


def _item(entry: TimelineEntry) -> Json:
    return {
        "position": entry.position,
        "type": entry.type,
        "at": moment(entry.at),
        "by": entry.by,
        "data": entry.data,
    }
