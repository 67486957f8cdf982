"""Guard recorded ratios: `python -m tests.benchmarks.guard [--record] [--figures FILE]`.

Each ratio is of two figures of one run, since only ratios are comparable between machines. Without
`--record` the command ends with 1 where a ratio lost more than 15 % against the recorded one.
`--figures`: a run's figures instead of a new run.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.__main__ import measure
from tests.benchmarks.report import Report
from tests.benchmarks.summary_statistics import figures_at, rounded
from tests.benchmarks.workload import FULL

RECORDED: Final = Path(__file__).with_name("recorded_ratios.json")
MOST_LOSS: Final = 0.15
_BENCHMARKS: Final = ("acks", "appends", "rebuild", "lag", "pipeline")
_ROUNDS: Final = 5


@dataclass(frozen=True, kw_only=True)
class Guarded:
    """A figure by its path, divided by another one unless it is a ratio; a cost should be low."""

    figure: str
    per: str | None = None
    is_cost: bool = False

    @property
    def name(self) -> str:
        """Name the ratio by its figures."""
        return self.figure if self.per is None else f"{self.figure} / {self.per}"

    def ratio(self, figures: Mapping[str, Any]) -> float:
        """Return the ratio. Raises KeyError where a figure was not measured."""
        (figure,) = figures_at(figures, self.figure)
        (divisor,) = (1.0,) if self.per is None else figures_at(figures, self.per)
        return rounded(figure / divisor)

    def loss(self, now: float, recorded: float) -> float:
        """Return the share that was lost since the recorded run; negative for a gain."""
        return now / recorded - 1 if self.is_cost else 1 - now / recorded


# The no-op server's processor time per answer is the unit of processor time.
_UNIT: Final = "acks.webhooks.8.noop.server_cpu_ms"
GUARDED: Final = (
    Guarded(figure="acks.webhooks.8.service_to_noop"),
    Guarded(figure="acks.webhooks.32.service_to_noop"),
    Guarded(figure="acks.webhooks.8.service_to_group_commit"),
    Guarded(figure="acks.webhooks.32.service_to_group_commit"),
    Guarded(figure="acks.requests.32.service_to_noop"),
    Guarded(figure="acks.webhooks.32.service.server_cpu_ms", per=_UNIT, is_cost=True),
    Guarded(figure="appends.32.log_append_async_tasks.ratio_to_eventsourcing"),
    Guarded(figure="rebuild.ratio_to_decoding"),
    Guarded(figure="rebuild.followed_to_decoding"),
    Guarded(figure="lag.ratio_to_append", is_cost=True),
    Guarded(figure="pipeline.1_callers.cpu_ms_without_sandbox", per=_UNIT, is_cost=True),
    Guarded(figure="pipeline.16_callers.cpu_ms_without_sandbox", per=_UNIT, is_cost=True),
    Guarded(figure="pipeline.16_callers.provider_calls", is_cost=True),
)


def compare(ratios: Mapping[str, float], recorded: Mapping[str, float]) -> list[str]:
    """Return a line for each ratio that lost too much or was never recorded."""
    faults = []
    for guarded in GUARDED:
        if guarded.name not in recorded:
            faults.append(f"{guarded.name}: not recorded")
            continue
        now, before = ratios[guarded.name], recorded[guarded.name]
        lost = guarded.loss(now, before)
        if lost > MOST_LOSS:
            faults.append(f"{guarded.name}: {before} recorded, {now} now, {lost:.0%} lost")
    return faults


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, or read figures; record their ratios, or compare them with the recorded ones."""
    given = _parser().parse_args(arguments)
    figures = json.loads(given.figures.read_text()) if given.figures else _measured()
    if figures["failures"]:
        sys.stdout.write("".join(f"{failure}\n" for failure in figures["failures"]))
        return 1
    ratios = {guarded.name: guarded.ratio(figures) for guarded in GUARDED}
    if given.record:
        given.recorded.write_text(json.dumps(ratios, indent=2) + "\n")
        return 0
    recorded = json.loads(given.recorded.read_text())
    for name, ratio in ratios.items():
        sys.stdout.write(f"{name}: {recorded.get(name)} recorded, {ratio} now\n")
    faults = compare(ratios, recorded)
    sys.stdout.write("".join(f"LOSS {fault}\n" for fault in faults))
    return 1 if faults else 0


def _measured() -> dict[str, Any]:
    return measure(_BENCHMARKS, replace(FULL, rounds=_ROUNDS), Report())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.guard", description=__doc__)
    parser.add_argument("--record", action="store_true", help="record the ratios of this run")
    parser.add_argument("--figures", type=Path, help="figures of python -m tests.benchmarks")
    parser.add_argument("--recorded", type=Path, default=RECORDED, help="file with the ratios")
    return parser


if __name__ == "__main__":
    sys.exit(main())
