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


def bar_chart(sums: Sequence[Sums]) -> BarChart:
    """Place collected amounts above the line, refunded and disputed ones below it."""
    highest = max([1, *(one.collected for one in sums), *(one.net for one in sums)])
    lowest = min([0, *(-(one.refunded + one.disputed) for one in sums), *(s.net for s in sums)])
    step = _round_step((highest - lowest) / 4)
    top, bottom = ceil(highest / step) * step, -ceil(-lowest / step) * step
    per_minor = (HEIGHT - _TOP - _BOTTOM) / (top - bottom)
    zero_y = _TOP + top * per_minor
    slot = (WIDTH - LEFT - _RIGHT) / max(len(sums), 1)
    every = ceil(len(sums) / _MOST_LABELS)
    return BarChart(
        columns=[
            Column(
                sums=one,
                bars=_bars(one, x=LEFT + nr * slot + slot * 0.15, width=slot * 0.7, zero_y=zero_y,
                           per_minor=per_minor),
                net_y=_y(zero_y - one.net * per_minor),
                x=_y(LEFT + nr * slot),
                width=_y(slot),
                label=one.name if nr % every == 0 else None,
            )
            for nr, one in enumerate(sums)
        ],
        grid=[
            Line(y=_y(zero_y - value * per_minor), minor=value)
            for value in range(bottom, top + 1, step)
        ],
        zero_y=_y(zero_y),
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
