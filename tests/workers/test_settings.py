"""Settings of the workers that a restore needs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from eventlog.process.read_settings import read_settings
from workers.settings import Settings

_NAME = "BILLHOOK_RESTORED_BACKUP_AT"


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "yesterday",
        "2026-11-29T03:00:00",
        (datetime.now(UTC) + timedelta(days=1)).isoformat(),
    ],
    ids=["empty", "no time", "no offset", "future"],
)
def test_a_wrong_time_of_the_backup_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setenv("BILLHOOK_DATABASE_URL", "postgresql://")
    monkeypatch.setenv(_NAME, wrong)
    with pytest.raises(SystemExit, match=f"^{_NAME}: "):
        read_settings(Settings)


def test_the_time_of_the_backup_is_read_with_its_offset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BILLHOOK_DATABASE_URL", "postgresql://")
    monkeypatch.setenv(_NAME, "2025-11-29T03:00:00+01:00")
    assert read_settings(Settings).restored_backup_at == datetime(2025, 11, 29, 2, tzinfo=UTC)
