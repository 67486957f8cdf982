"""Choose groups of totals for a page in the order of totals, from one end of a list on."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from psycopg.rows import DictRow

from projections.invoices.lists.bitmaps.bit_sets import BitSet, Block, read_bits

FOUR: Final = 4
"""Groups that have a bitmap of their own together."""
_FIRST_VALUES: Final = 9
"""Values of totals that are read first: those at an end of all totals have few invoices."""
_FIRST_LEAST: Final = 18
"""The same of the least totals: no invoice has the first of them, where amounts are in cents."""
_MORE_VALUES: Final = 3


class _Unit(NamedTuple):
    """A group, or four of them that are read together."""

    first: int
    several: int

    @property
    def value(self) -> str:
        """Return the value that has a bitmap."""
        if self.several == FOUR:
            return f"amounts={self.first // FOUR}"
        return f"amount={self.first}"

    @property
    def groups(self) -> Sequence[int]:
        """Return the numbers of its groups."""
        return range(self.first, self.first + self.several)


class TotalGroups:
    """Groups of totals of a list, each with its invoices, as many as a page needs."""

    def __init__(
        self, found: BitSet, first: int, last: int, *, cursor: int | None, is_down: bool
    ) -> None:
        """`first` and `last` bound the groups behind the cursor, which is in a group as well."""
        self._of_list = {one.number: one.bits for one in found.blocks}
        units = [*_units(first, last, apart=cursor)]
        self._waiting = deque(reversed(units) if is_down else units)
        self._cursor = cursor
        self._is_down = is_down
        self._known: dict[str, Mapping[int, int]] = {}
        self._next_values = _FIRST_VALUES if is_down or first else _FIRST_LEAST
        self._bits: dict[int, int] = {}
        self._behind_cursor = 0
        self.groups: list[int] = []

    @property
    def is_whole(self) -> bool:
        """Return whether all groups are chosen."""
        return not self._waiting

    @property
    def items(self) -> int:
        """Return how many invoices the chosen groups have."""
        return sum(bits.bit_count() for bits in self._bits.values())

    @property
    def blocks(self) -> list[Block]:
        """Return the invoices of the chosen groups."""
        return [Block(number, None, bits) for number, bits in self._bits.items()]

    def choose(self, wanted: int, *, most: int) -> list[str]:
        """Choose groups until so many invoices are behind the cursor; or return values to add.

        Four groups together are chosen only if there are not more than `most` invoices then.
        """
        while self._waiting and self._behind_cursor < wanted:
            unit = self._waiting[0]
            if unit.value not in self._known:
                return self._unknown()
            known = self._known[unit.value]
            several = sum(bits.bit_count() for bits in known.values())
            self._waiting.popleft()
            if unit.several > 1 and self.items + several > most:
                apart = [_Unit(group, 1) for group in unit.groups]
                self._waiting.extendleft(apart if self._is_down else reversed(apart))
                continue
            self.groups += unit.groups
            for block, bits in known.items():
                self._bits[block] = self._bits.get(block, 0) | bits
            if unit.first != self._cursor:
                self._behind_cursor += several
        return []

    def add(self, values: Sequence[str], found: Sequence[DictRow]) -> None:
        """Read the answer of `amount_bitmaps.amounts_query` for some values."""
        read: dict[str, dict[int, int]] = {value: {} for value in values}
        for row in found:
            read[row["value"]][row["block"]] = read_bits(row["bits"])
        self._known |= read

    def _unknown(self) -> list[str]:
        values = [unit.value for unit in self._waiting if unit.value not in self._known]
        chosen = values[: self._next_values]
        self._next_values = _MORE_VALUES
        return chosen


def _units(first: int, last: int, *, apart: int | None) -> Iterator[_Unit]:
    """Yield groups in their order: fours of them, but for both ends and those beside a cursor."""
    group = first
    while group <= last:
        is_four = group % FOUR == 0 and group + FOUR - 1 <= last
        if is_four and (apart is None or not group <= apart < group + FOUR):
            yield _Unit(group, FOUR)
            group += FOUR
        else:
            yield _Unit(group, 1)
            group += 1
