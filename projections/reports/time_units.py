"""Units of time by which sums are kept: quarters of an hour, hours, days, weeks, all in UTC.

Each unit is a whole number of the one before it, and all are numbered from 1970-01-01, so that a
week begins on a Thursday. A period that begins and ends with a quarter of an hour is the sum of the
largest units inside it and of smaller ones at its edges: for a year at most 52 weeks, 12 days,
46 hours and 6 quarters, in any time zone and with any change of clocks.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Final, Literal, NamedTuple

from psycopg.sql import SQL

Unit = Literal["quarter", "hour", "day", "week"]

QUARTER_S: Final = 900
DAY_QUARTERS: Final = 96
QUARTERS: Final[Mapping[Unit, int]] = {"quarter": 1, "hour": 4, "day": DAY_QUARTERS, "week": 672}
"""Quarters of an hour in a unit, in ascending order."""
FOREVER: Final = QUARTERS["week"] * 2**31
"""A quarter after all that is summed; the negative is before all."""


class Range(NamedTuple):
    """Consecutive units of time from number `first` to the one before `end`."""

    unit: Unit
    first: int
    end: int


# One row for each range of several periods.
RANGES: Final = SQL(
    """
ranges AS MATERIALIZED (
    SELECT * FROM unnest(%(tags)s::int[], %(units)s::text[], %(firsts)s::bigint[],
        %(ends)s::bigint[]) AS one (tag, unit, first, "end")
)
"""
)
# The same of periods that follow each other: a row for each unit, with the numbers of all. One read
# of a key gives a unit's rows of all periods, which their quarters tell apart.
WANTED: Final = SQL(
    """
wanted AS MATERIALIZED (
    SELECT one.unit, one.quarters, one.numbers::bigint[] AS numbers
    FROM unnest(%(units)s::text[], %(quarters)s::bigint[], %(numbers)s::text[])
        AS one (unit, quarters, numbers)
)
"""
)


def quarter_of(moment: datetime) -> int:
    """Return the number of the quarter of an hour that a moment is in."""
    return int(moment.timestamp() // QUARTER_S)


def units_of(quarter: int) -> Iterator[tuple[Unit, int]]:
    """Yield the number of each unit that a quarter is in."""
    for unit, size in QUARTERS.items():
        yield unit, quarter // size


def ranges_of(first: int, end: int) -> list[Range]:
    """Divide the quarters from `first` to the one before `end` into ranges of the largest units.

    An empty period has one empty range.
    """
    before: list[Range] = []
    after: list[Range] = []
    sizes = list(QUARTERS.items())
    for (unit, size), (_, next_size) in pairwise(sizes):
        inner_first = -(-first // next_size) * next_size
        inner_end = end // next_size * next_size
        if inner_first >= inner_end:
            return [*before, Range(unit, first // size, end // size), *after]
        if first < inner_first:
            before.append(Range(unit, first // size, inner_first // size))
        if inner_end < end:
            after.insert(0, Range(unit, inner_end // size, end // size))
        first, end = inner_first, inner_end
    unit, size = sizes[-1]
    return [*before, Range(unit, first // size, end // size), *after]


def range_parameters(periods: Iterable[tuple[int, int, int]]) -> dict[str, list[Any]]:
    """Return RANGES' parameters for periods: tag, first quarter, and the quarter after the last.

    `tag`: by which RANGES keeps the periods apart; several may have the same.
    """
    parameters: dict[str, list[Any]] = {"tags": [], "units": [], "firsts": [], "ends": []}
    for tag, first, end in periods:
        for found in ranges_of(first, end):
            parameters["tags"].append(tag)
            parameters["units"].append(found.unit)
            parameters["firsts"].append(found.first)
            parameters["ends"].append(found.end)
    return parameters


def wanted_parameters(begins: Sequence[int], *, end: int) -> dict[str, list[Any]]:
    """Return WANTED's parameters for periods, each of which begins where the one before it ends.

    `begins`: first quarters in ascending order, which are a parameter as well, for `width_bucket`.
    """
    numbers: dict[Unit, list[int]] = {}
    for period in pairwise((*begins, end)):
        for unit, first, after in ranges_of(*period):
            numbers.setdefault(unit, []).extend(range(first, after))
    return {
        "units": [*numbers],
        "quarters": [QUARTERS[unit] for unit in numbers],
        "numbers": [f"{{{','.join(map(str, several))}}}" for several in numbers.values()],
        "begins": [*begins],
    }
