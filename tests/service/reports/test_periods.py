import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.reports.periods import FIRST_DAY, Interval, buckets_of, count, start_of

HOUR = timedelta(hours=1)
intervals = st.sampled_from(["day", "week", "month"])
days = st.dates(FIRST_DAY, date(2100, 1, 1))


def hours(zone: str, first: date, *, days: int = 1) -> list[float]:
    """Return the length of each of some days."""
    buckets = buckets_of("day", first, first + timedelta(days=days), zone=zone)
    return [(bucket.end - bucket.start) / HOUR for bucket in buckets]


@pytest.mark.parametrize(
    ("zone", "day", "expected"),
    [
        # Of the past: what a zone's clocks will do changes with the time zone database.
        ("Europe/Berlin", date(2024, 3, 31), 23),
        ("Europe/Berlin", date(2024, 10, 27), 25),
        ("America/New_York", date(2024, 3, 10), 23),
        ("America/Havana", date(2024, 3, 10), 23),  # begins at one o'clock
        ("America/Havana", date(2024, 11, 3), 25),  # has midnight twice
        ("Africa/Cairo", date(2024, 4, 26), 23),
        ("Africa/Cairo", date(2024, 10, 31), 25),
        ("Australia/Lord_Howe", date(2024, 4, 7), 24.5),
        ("Australia/Lord_Howe", date(2024, 10, 6), 23.5),
        ("Asia/Kathmandu", date(1986, 1, 1), 23.75),
        ("Pacific/Apia", date(2011, 12, 30), 0),  # was left out
        ("UTC", date(2024, 3, 31), 24),
    ],
)
def test_a_day_is_as_long_as_clocks_make_it(zone: str, day: date, expected: float) -> None:
    assert hours(zone, day - timedelta(days=1), days=3)[1] == expected


def test_weeks_begin_on_monday_and_are_named_by_the_iso_year() -> None:
    found = buckets_of("week", date(2026, 12, 24), date(2027, 1, 6), zone="Europe/Berlin")
    assert [(bucket.period, bucket.start.isoformat()) for bucket in found] == [
        ("2026-W52", "2026-12-23T23:00:00+00:00"),
        ("2026-W53", "2026-12-27T23:00:00+00:00"),
        ("2027-W01", "2027-01-03T23:00:00+00:00"),
    ]
    assert found[-1].end == datetime(2027, 1, 5, 23, tzinfo=UTC)


def test_months_are_cut_where_the_period_begins_and_ends() -> None:
    found = buckets_of("month", date(2026, 1, 15), date(2026, 3, 2), zone="UTC")
    assert [(bucket.period, bucket.start.day, bucket.end.day) for bucket in found] == [
        ("2026-01", 15, 1),
        ("2026-02", 1, 1),
        ("2026-03", 1, 2),
    ]


@given(intervals, days, st.integers(1, 800), st.sampled_from(sorted(available_timezones())))
def test_buckets_leave_no_gap_and_are_as_many_as_counted(
    interval: Interval, first: date, length: int, zone: str
) -> None:
    end = first + timedelta(days=length)
    found = buckets_of(interval, first, end, zone=zone)
    assert len(found) == count(interval, first, end)
    assert (found[0].start, found[-1].end) == (start_of(first, zone), start_of(end, zone))
    for bucket, following in itertools.pairwise(found):
        assert bucket.start <= bucket.end == following.start
    assert len({bucket.period for bucket in found}) == len(found)


def test_every_zone_is_quarters_of_an_hour_away_since_the_first_day() -> None:
    months = [datetime(year, month, 1) for year in range(1980, 2038) for month in range(1, 13)]  # noqa: DTZ001 - read in each zone
    for zone in available_timezones():
        known = ZoneInfo(zone)
        offsets = {moment.replace(tzinfo=known).utcoffset() for moment in months}
        assert all(offset is not None and not offset % (HOUR / 4) for offset in offsets), zone
