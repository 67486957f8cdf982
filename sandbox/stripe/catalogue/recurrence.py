"""Billing periods of recurring prices, counted from an anchor.

Every boundary is counted from the anchor, not from the previous boundary, so an anchor on the
31st gives 28 February and then 31 March again.
"""

from __future__ import annotations

import calendar
from datetime import UTC, datetime

from sandbox.common.store import Json

DAY_S = 86400
MONTHS = {"month": 1, "year": 12}
DAYS = {"day": 1, "week": 7}


def boundary(anchor: int, recurring: Json, number: int) -> int:
    """Returns the start of the n-th period after the anchor (before it if negative)."""
    count = int(recurring["interval_count"]) * number
    if recurring["interval"] in DAYS:
        return anchor + count * DAYS[recurring["interval"]] * DAY_S
    return _months_later(anchor, count * MONTHS[recurring["interval"]])


def _months_later(anchor: int, months: int) -> int:
    start = datetime.fromtimestamp(anchor, UTC)
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return int(start.replace(year=year, month=month + 1, day=min(start.day, last)).timestamp())


def period_at(anchor: int, recurring: Json, moment: int) -> tuple[int, int]:
    """Returns the start and end of the period that contains a moment; the end is exclusive."""
    shortest = boundary(anchor, recurring, 1) - anchor
    number = (moment - anchor) // shortest
    while boundary(anchor, recurring, number) > moment:
        number -= 1
    while boundary(anchor, recurring, number + 1) <= moment:
        number += 1
    return boundary(anchor, recurring, number), boundary(anchor, recurring, number + 1)
