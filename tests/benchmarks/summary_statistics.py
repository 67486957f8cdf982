"""Medians, shares and ratios; all that becomes a figure passes here."""

import statistics
from collections.abc import Mapping, Sequence

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
