"""Periods: whatever the anchor and interval, they cover time without gaps and keep their day."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as some

from sandbox.stripe.catalogue.recurrence import boundary, period_at
from tests.sandbox.stripe.subscription_helpers import moment

MOMENTS = some.integers(moment(2020, 1, 1), moment(2045, 1, 1))
RECURRING = some.fixed_dictionaries(
    {
        "interval": some.sampled_from(["day", "week", "month", "year"]),
        "interval_count": some.integers(1, 3),
    }
)


@given(anchor=MOMENTS, recurring=RECURRING, at=MOMENTS)
def test_every_moment_is_in_one_period_and_the_next_begins_where_it_ends(
    anchor: int, recurring: dict[str, object], at: int
) -> None:
    start, end = period_at(anchor, recurring, at)
    assert start <= at < end
    assert period_at(anchor, recurring, start) == (start, end)
    assert period_at(anchor, recurring, end)[0] == end
    assert period_at(anchor, recurring, end - 1) == (start, end)


@given(anchor=MOMENTS, number=some.integers(-60, 60))
def test_months_keep_the_anchors_day_or_the_months_last(anchor: int, number: int) -> None:
    first = datetime.fromtimestamp(anchor, UTC)
    later = boundary(anchor, {"interval": "month", "interval_count": 1}, number)
    found = datetime.fromtimestamp(later, UTC)
    tomorrow = datetime.fromtimestamp(later + 86400, UTC)
    assert found.time() == first.time()
    assert found.day == first.day or (found.day < first.day and tomorrow.day == 1)
