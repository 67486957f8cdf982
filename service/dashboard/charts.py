"""Geometry of the charts, drawn as SVG by the server: they need no script and print as they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log10
from typing import Final

WIDTH: Final = 960
HEIGHT: Final = 260
LEFT: Final = 78
_TOP: Final = 10
_BOTTOM: Final = 26
_RIGHT: Final = 4
_MOST_LABELS: Final = 12
_SERIES: Final = ("collected", "refunded", "disputed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """The sums of one period, and where its bars lead."""

    name: str
    url: str
    collected: int
    refunded: int
    disputed: int
    net: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A rectangle of a chart."""

    series: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """The bars of one period; `label` is written below some of them."""

    sums: Sums
    bars: list[Bar]
    net_y: float
    x: float
    width: float
    label: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the grid with its value."""

    y: float
    minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BarChart:
    """Columns above and below a line at 0."""

    columns: list[Column]
    grid: list[Line]
    zero_y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    """Minor units to the height of the chart, with a grid of round values."""

    top: int
    bottom: int
    step: int

    @classmethod
    def of(cls, *, highest: int, lowest: int) -> "_Scale":
        step = _round_step((highest - lowest) / 4)
        return cls(top=ceil(highest / step) * step, bottom=-ceil(-lowest / step) * step, step=step)

    @property
    def per_minor(self) -> float:
        return (HEIGHT - _TOP - _BOTTOM) / (self.top - self.bottom)

    def y(self, minor: int) -> float:
        return _y(_TOP + (self.top - minor) * self.per_minor)

    def grid(self) -> list[Line]:
        values = range(self.bottom, self.top + 1, self.step)
        return [Line(y=self.y(value), minor=value) for value in values]


def bar_chart(sums: Sequence[Sums]) -> BarChart:
    """Place collected amounts above the line, refunded and disputed ones below it."""
    scale = _Scale.of(
        highest=max([1, *(one.collected for one in sums), *(one.net for one in sums)]),
        lowest=min([0, *(-(one.refunded + one.disputed) for one in sums), *(s.net for s in sums)]),
    )
    slot = (WIDTH - LEFT - _RIGHT) / max(len(sums), 1)
    every = ceil(len(sums) / _MOST_LABELS)
    return BarChart(
        columns=[
            Column(
                sums=one,
                bars=_bars(one, x=LEFT + nr * slot + slot * 0.15, width=slot * 0.7,
                           zero_y=scale.y(0), per_minor=scale.per_minor),
                net_y=scale.y(one.net),
                x=_y(LEFT + nr * slot),
                width=_y(slot),
                label=one.name if nr % every == 0 else None,
            )
            for nr, one in enumerate(sums)
        ],
        grid=scale.grid(),
        zero_y=scale.y(0),
    )  # fmt: skip


def _bars(one: Sums, *, x: float, width: float, zero_y: float, per_minor: float) -> list[Bar]:
    bars, below = [], zero_y
    for series in _SERIES:
        minor: int = getattr(one, series)
        height = minor * per_minor
        y = zero_y - height if series == "collected" else below
        if minor > 0:
            bars.append(
                Bar(series=series, x=_y(x), y=_y(y), width=_y(width), height=_y(max(height, 1)))
            )
        if series != "collected":
            below += height
    return bars


def _round_step(step: float) -> int:
    """Round up to 1, 2 or 5 times a power of ten."""
    power = 10 ** max(int(log10(max(step, 1))), 0)
    return next(int(factor * power) for factor in (1, 2, 5, 10) if factor * power >= step)


def _y(value: float) -> float:
    return round(value, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """An amount of one kind in a period, below the line if it is negative, and where it leads."""

    series: str
    minor: int
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The amounts of one period, their sum, and where the period leads."""

    name: str
    url: str
    parts: Sequence[Part]
    net: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StackBar:
    """The rectangle of one amount."""

    part: Part
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StackColumn:
    """The bars of one period; `label` is written below some of them."""

    stack: Stack
    bars: list[StackBar]
    net_y: float
    x: float
    width: float
    label: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StackChart:
    """Columns of amounts stacked above and below a line at 0."""

    columns: list[StackColumn]
    grid: list[Line]
    zero_y: float


def stack_chart(stacks: Sequence[Stack]) -> StackChart:
    """Stack positive amounts above the line and negative ones below it."""
    scale = _Scale.of(
        highest=max([1, *(sum(p.minor for p in s.parts if p.minor > 0) for s in stacks)]),
        lowest=min([0, *(sum(p.minor for p in s.parts if p.minor < 0) for s in stacks)]),
    )
    slot = (WIDTH - LEFT - _RIGHT) / max(len(stacks), 1)
    every = ceil(len(stacks) / _MOST_LABELS)
    return StackChart(
        columns=[
            StackColumn(
                stack=one,
                bars=_stacked(one, x=LEFT + nr * slot + slot * 0.15, width=slot * 0.7, scale=scale),
                net_y=scale.y(one.net),
                x=_y(LEFT + nr * slot),
                width=_y(slot),
                label=one.name if nr % every == 0 else None,
            )
            for nr, one in enumerate(stacks)
        ],
        grid=scale.grid(),
        zero_y=scale.y(0),
    )


def _stacked(stack: Stack, *, x: float, width: float, scale: _Scale) -> list[StackBar]:
    """Place the bars, each on the one before it; the smallest is still to be seen and hit."""
    bars, above, below = [], 0, 0
    for part in stack.parts:
        if part.minor > 0:
            above += part.minor
            top, bottom = scale.y(above), scale.y(above - part.minor)
        elif part.minor < 0:
            below += part.minor
            top, bottom = scale.y(below - part.minor), scale.y(below)
        else:
            continue
        height = max(bottom - top, 2)
        bars.append(StackBar(part=part, x=_y(x), y=top, width=_y(width), height=_y(height)))
    return bars
