"""Medians, shares and ratios; all that becomes a figure passes here."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

Figures = dict[str, float]


def medians(rounds: Sequence[Mapping[str, float]]) -> Figures:
    """Return the median over all rounds of each figure."""
    return {name: rounded(statistics.median(one[name] for one in rounds)) for name in rounds[0]}


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median of the rounds' own ratios: what slowed a whole round cancels out."""
    return rounded(statistics.median(a / b if b else 0 for a, b in zip(ours, theirs, strict=True)))


def percentiles(seconds: Sequence[float]) -> Figures:
    """Return p50 and p95 in milliseconds."""
    cuts = statistics.quantiles(seconds, n=20, method="inclusive")
    return {"p50_ms": rounded(cuts[9] * 1000), "p95_ms": rounded(cuts[18] * 1000)}


def rounded(value: float) -> float:
    """Keep three digits that say something."""
    return float(f"{value:.3g}") if abs(value) < 100 else float(round(value))


def figures_at(figures: Mapping[str, Any], path: str) -> list[float]:
    """Return the figures at a path of names, of which `*` stands for any. Raises KeyError.

    What has no such figure among those of a `*` is passed over.
    """
    found: list[Any] = [figures]
    for name in path.split("."):
        if name == "*":
            found = [value for one in found for value in one.values()]
        else:
            found = [one[name] for one in found if isinstance(one, dict) and name in one]
    if not found:
        raise KeyError(path)
    return [float(one) for one in found]
