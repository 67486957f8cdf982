"""Test the texts of figures on the dashboard's pages."""

from datetime import UTC, datetime

import pytest

from service.dashboard.formats import when

LAST_SECOND = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
FIRST_SECOND = datetime(1, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("occurred_at", "zone"),
    [(LAST_SECOND, "Pacific/Auckland"), (FIRST_SECOND, "America/New_York")],
)
def test_a_time_at_an_end_of_the_calendar_is_written_in_utc(
    occurred_at: datetime, zone: str
) -> None:
    assert when(occurred_at, zone) == when(occurred_at)
    assert when(occurred_at, zone).endswith(" UTC")
