"""Test that a loss against recorded ratios fails, and a gain or noise does not."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.guard import GUARDED, RECORDED, compare, main


def figures(**changed: float) -> dict[str, Any]:
    """Figures that are all 2.0 but for those named by their path, with _ for the dots."""
    found: dict[str, Any] = {"failures": []}
    for path in {path for one in GUARDED for path in (one.figure, one.per) if path}:
        *folders, name = path.split(".")
        place = found
        for folder in folders:
            place = place.setdefault(folder, {})
        place[name] = changed.get(path.replace(".", "_"), 2.0)
    return found


def run(folder: Path, *arguments: str, **changed: float) -> int:
    file, recorded = folder / "figures.json", folder / "recorded.json"
    file.write_text(json.dumps(figures(**changed)))
    return main([*arguments, "--figures", str(file), "--recorded", str(recorded)])


def test_a_loss_of_more_than_15_percent_fails_and_a_smaller_one_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "--record") == 0
    assert run(tmp_path) == 0
    assert run(tmp_path, rebuild_ratio_to_decoding=1.75) == 0
    assert run(tmp_path, rebuild_ratio_to_decoding=3.0, lag_ratio_to_append=1.0) == 0
    capsys.readouterr()
    assert run(tmp_path, rebuild_ratio_to_decoding=1.6) == 1
    assert "LOSS rebuild.ratio_to_decoding: 2.0 recorded, 1.6 now, 20% lost" in (
        capsys.readouterr().out
    )
    # A cost is lost by rising.
    assert run(tmp_path, lag_ratio_to_append=2.4) == 1
    assert run(tmp_path, pipeline_16_callers_cpu_ms_without_sandbox=2.4) == 1
    # A slower machine: the figures of a ratio and their unit doubled.
    costs = {one.figure.replace(".", "_"): 4.0 for one in GUARDED if one.is_cost and one.per}
    assert run(tmp_path, **costs) == 1
    assert run(tmp_path, **costs, acks_webhooks_8_noop_server_cpu_ms=4.0) == 0


def test_a_run_with_failures_records_nothing(tmp_path: Path) -> None:
    file, recorded = tmp_path / "figures.json", tmp_path / "recorded.json"
    file.write_text(json.dumps(figures() | {"failures": ["lag: an invoice was not visible"]}))
    assert main(["--record", "--figures", str(file), "--recorded", str(recorded)]) == 1
    assert not recorded.exists()


def test_every_guarded_ratio_is_recorded() -> None:
    recorded = json.loads(RECORDED.read_text())
    assert set(recorded) == {guarded.name for guarded in GUARDED}
    assert compare(recorded, recorded) == []
    assert compare(recorded, {}) == [f"{guarded.name}: not recorded" for guarded in GUARDED]
