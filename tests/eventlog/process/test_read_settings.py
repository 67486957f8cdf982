"""Wrong settings end each process with lines that name the variables, and not their values."""

import subprocess
import sys

import pytest

SECRET = "sk_live_a_secret"


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        (["service"], ["BILLHOOK_MASTER_KEYS", "BILLHOOK_PORT"]),
        (["workers", "relay"], ["BILLHOOK_MASTER_KEYS"]),
        (["projections"], ["BILLHOOK_LOG_FORMAT"]),
    ],
)
def test_wrong_settings_are_named_without_their_values(
    command: list[str], wrong: list[str]
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", *command],
        env=dict.fromkeys(wrong, SECRET),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    named = sorted(line.partition(":")[0] for line in ended.stderr.splitlines())
    assert named == ["BILLHOOK_DATABASE_URL", *wrong]
    assert SECRET not in ended.stdout + ended.stderr
