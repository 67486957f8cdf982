import os
from pathlib import Path

from service.operations.metrics_folder import metrics_folder


def age(folder: Path) -> None:
    os.utime(folder, (0, 0))


def test_what_a_killed_process_left_is_deleted_and_a_running_ones_is_not(tmp_path: Path) -> None:
    left = tmp_path / "billhook-metrics-left"
    left.mkdir()
    (left / "lock").touch()
    age(left)
    with metrics_folder(tmp_path) as running:
        age(running)
        with metrics_folder(tmp_path) as mine:
            assert set(tmp_path.iterdir()) == {running, mine}
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_being_made_and_what_is_not_ours_stay(tmp_path: Path) -> None:
    young = tmp_path / "billhook-metrics-young"
    young.mkdir()
    (young / "lock").touch()
    foreign = tmp_path / "billhook-metrics-foreign"
    foreign.mkdir()
    age(foreign)
    with metrics_folder(tmp_path):
        assert young.exists()
        assert foreign.exists()
