"""Figures of benchmarks are compared with their limits, of several the worst one."""

import pytest

from tests.benchmarks.limits import LIMITS, Limit, compared
from tests.benchmarks.summary_statistics import figures_at

FIGURES = {
    "effort": {"rows": 1_000},
    "lists": {"lists": {"page 1": {"p99_ms": 4.0}, "search": {"p99_ms": 12.0}}},
    "scale": {"refused": {"two_to_one": 1.7}, "machines": {"refused": {"two_to_one": 1.5}}},
    "idle": {"ready_s": 4.0, "memory_mb": {"total": 283.0}},
}


def test_the_worst_of_several_figures_is_compared(capsys: pytest.CaptureFixture[str]) -> None:
    found = {one["figure"]: one for one in compared(FIGURES)}
    assert found["lists.lists.*.p99_ms"] == {
        "figure": "lists.lists.*.p99_ms",
        "now": 12.0,
        "most": 10,
        "ratio": 1.2,
        "is_reached": False,
    }
    reached = {name: one["is_reached"] for name, one in found.items()}
    assert reached == {
        "scale.refused.two_to_one": True,
        "scale.machines.refused.two_to_one": False,
        "lists.lists.*.p99_ms": False,
        "idle.ready_s": True,
        "idle.memory_mb.total": True,
    }
    printed = capsys.readouterr().err.splitlines()
    assert len(printed) == len(found)
    assert sum("NOT REACHED" in line for line in printed) == 2


def test_a_limit_of_other_sizes_is_not_compared() -> None:
    large = FIGURES | {"effort": {"rows": 10_000_000}}
    (found,) = [one for one in compared(large) if "lists" in str(one["figure"])]
    assert (found["most"], found["is_reached"]) == (20, True)


def test_figures_that_were_not_measured_have_no_limit() -> None:
    assert compared({"effort": {"rows": 1}}) == []
    assert Limit(figure="acks.p99", most=1).compare({"effort": {"rows": 1}}) is None
    with pytest.raises(KeyError, match="acks"):
        figures_at(FIGURES, "acks.p99")


def test_each_limit_is_a_least_or_a_most() -> None:
    assert all((limit.least is None) != (limit.most is None) for limit in LIMITS)
