"""Choose the time of creation that a page of several filters is read from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from projections.engine import cursors
from projections.invoices.lists.list_sql import InvoiceFilter

_MICROSECOND: Final = timedelta(microseconds=1)
_LAST_MOMENT: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Blocks:
    """Blocks of one time with so many invoices of a list; `from_at`: None at the beginning."""

    from_at: datetime | None
    items: int


@dataclass(frozen=True)
class Period:
    """Times of creation to read: `start` is included, `end` is not; None: unbounded."""

    start: datetime | None = None
    end: datetime | None = None

    def has_block(self, from_at: datetime | None) -> bool:
        """Return whether blocks of a time may have invoices of the period."""
        if self.start is not None and (from_at is None or from_at < self.start):
            return False
        return self.end is None or from_at is None or from_at < self.end


@dataclass(frozen=True)
class Chosen:
    """A period of a list with at most so many invoices of its filters; `is_rest`: to its end."""

    period: Period
    items: int
    is_rest: bool


def choose(filters: InvoiceFilter, blocks: Sequence[Blocks], *, rows: int) -> Chosen:
    """Choose the first period behind the cursor that has so many invoices, or the rest of the list.

    `blocks` are in the list's order, which is that of creation.
    """
    moment = _cursor_moment(filters)
    behind = list(blocks) if moment is None else _behind(blocks, moment, down=is_down(filters))
    # The invoices in front of the cursor, or of the period, are counted with the first block's.
    partial = behind[0].items if behind and begins_within(filters) else 0
    items = 0
    for number, one in enumerate(behind):
        items += one.items
        if items - partial >= rows and number + 1 < len(behind):
            period = _period(behind, number, moment, down=is_down(filters))
            return Chosen(period, items, is_rest=False)
    period = _period(behind, None, moment, down=is_down(filters))
    return Chosen(period, items, is_rest=True)


def _behind(blocks: Sequence[Blocks], moment: datetime, *, down: bool) -> list[Blocks]:
    if down:
        return [one for one in blocks if one.from_at is None or one.from_at <= moment]
    later = [n for n, one in enumerate(blocks) if one.from_at is not None and one.from_at > moment]
    first = later[0] if later else len(blocks)
    return list(blocks[max(first - 1, 0) :])


def _period(
    behind: Sequence[Blocks], last: int | None, moment: datetime | None, *, down: bool
) -> Period:
    if down:
        end = None if moment in (None, _LAST_MOMENT) else moment + _MICROSECOND
        return Period(None if last is None else behind[last].from_at, end)
    start = behind[0].from_at if moment is not None and behind else None
    return Period(start, None if last is None else behind[last + 1].from_at)


def _cursor_moment(filters: InvoiceFilter) -> datetime | None:
    if filters.cursor is None:
        return None
    key = cursors.read(filters.cursor, list_name=filters.list_name)
    return cursors.from_microseconds(key.value)


def begins_within(filters: InvoiceFilter) -> bool:
    """Return whether a list in the order of creation may begin within its first blocks' time."""
    start = filters.created_to if is_down(filters) else filters.created_from
    return filters.cursor is not None or start is not None


def is_down(filters: InvoiceFilter) -> bool:
    """Return whether a list begins with its newest or largest invoices."""
    return filters.sort.startswith("-")
