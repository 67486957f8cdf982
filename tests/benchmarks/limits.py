"""Show figures beside the limits that are set for them.

A limit that is not reached fails no run: machines differ. `python -m tests.benchmarks.guard` fails
where ratios got worse.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.benchmarks.report import say
from tests.benchmarks.summary_statistics import figures_at, rounded


@dataclass(frozen=True, kw_only=True)
class Limit:
    """The least or the most that a figure should be; of several at its path the worst one.

    `rows`: the sizes of a run, in rows of its lists, for which it is set.
    """

    figure: str
    least: float | None = None
    most: float | None = None
    rows: range | None = None

    def compare(self, figures: Mapping[str, Any]) -> dict[str, object] | None:
        """Return the figure, its limit and their ratio; None if it was not measured."""
        if self.rows is not None and figures["effort"]["rows"] not in self.rows:
            return None
        try:
            found = figures_at(figures, self.figure)
        except KeyError:
            return None
        now = min(found) if self.least is not None else max(found)
        limit = self.least if self.least is not None else self.most
        assert limit is not None
        return {
            "figure": self.figure,
            "now": now,
            "least" if self.least is not None else "most": limit,
            "ratio": rounded(now / limit),
            "is_reached": now >= limit if self.least is not None else now <= limit,
        }


_MILLION: Final = range(1_000_001)
_MORE: Final = range(1_000_001, 10**9)
LIMITS: Final = (
    *(
        limit
        for callers in (8, 32)
        for limit in (
            Limit(figure=f"acks.webhooks.{callers}.service_to_group_commit", least=0.75),
            Limit(figure=f"acks.webhooks.{callers}.service_to_noop", least=0.25),
            Limit(figure=f"acks.webhooks.{callers}.service.server_cpu_ms", most=0.25),
        )
    ),
    Limit(figure="acks.webhooks.32.service_to_stripe_sync_engine", least=2),
    Limit(figure="acks.webhooks.32.service.p99_to_p50", most=3),
    # Of webhooks, PostgreSQL and the projections take the cores that a second process would need.
    Limit(figure="scale.refused.two_to_one", least=1.6),
    Limit(figure="scale.machines.refused.two_to_one", least=1.6),
    Limit(figure="rebuild.ratio_to_decoding", least=0.4),
    Limit(figure="rebuild.followed_to_decoding", least=0.25),
    Limit(figure="streams.now.ratio_to_10.*", most=1.1),
    Limit(figure="streams.projected.ratio_to_10.*", most=1.1),
    Limit(figure="growth.ratio_to_few.whole", most=1.1),
    Limit(figure="lists.lists.*.p99_ms", most=10, rows=_MILLION),
    Limit(figure="lists.cursor.p99_ms", most=10, rows=_MILLION),
    Limit(figure="lists.lists.*.p99_ms", most=20, rows=_MORE),
    Limit(figure="lists.cursor.p99_ms", most=20, rows=_MORE),
    Limit(figure="lists.admin_pages.*.p99_ms", most=50),
    Limit(figure="lists.csv.rows_per_second", least=40_000),
    Limit(figure="idle.ready_s", most=4),
    Limit(figure="idle.memory_mb.total", most=300),
    Limit(figure="idle.cpu_percent.total", most=3),
    Limit(figure="crashes.most_s", most=12),
    # Thrice the rate and 0.45 of the time of the first version, on two cores of 2.8 GHz.
    Limit(figure="pipeline.16_callers.per_second", least=57),
    Limit(figure="pipeline.1_callers.p50_ms", most=74),
    Limit(figure="pipeline.16_callers.cpu_ms_without_sandbox", most=30),
)


def compared(figures: Mapping[str, Any]) -> list[dict[str, object]]:
    """Compare what was measured with its limits, and print a line for each."""
    found = [one for limit in LIMITS if (one := limit.compare(figures)) is not None]
    for line in _lines(found):
        say(line)
    return found


def _lines(found: list[dict[str, object]]) -> Iterator[str]:
    for one in found:
        limit = f"at least {one['least']}" if "least" in one else f"at most {one['most']}"
        reached = "" if one["is_reached"] else "  NOT REACHED"
        yield f"{one['figure']:<50} {one['now']:>9} {limit:>17}  ratio {one['ratio']}{reached}"
