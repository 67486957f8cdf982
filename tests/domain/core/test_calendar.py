"""Test intervals: their next day, Mollie's notation, and a year as twelve months."""

from datetime import date

from domain.core import calendar


def test_the_next_day_of_an_interval_is_so_many_units_later() -> None:
    for interval, count, expected in (
        ("day", 3, date(2026, 2, 3)),
        ("week", 2, date(2026, 2, 14)),
        ("month", 1, date(2026, 2, 28)),
        ("month", 13, date(2027, 2, 28)),
        ("year", 2, date(2028, 1, 31)),
    ):
        assert calendar.after(date(2026, 1, 31), interval, count) == expected, interval


def test_the_billing_day_returns_after_a_shorter_month() -> None:
    for day, count, billing_day, expected in (
        (date(2026, 2, 28), 1, 31, date(2026, 3, 31)),
        (date(2026, 2, 28), 1, 29, date(2026, 3, 29)),
        (date(2026, 4, 30), -1, 31, date(2026, 3, 31)),
        (date(2026, 3, 30), -1, 30, date(2026, 2, 28)),
        (date(2028, 2, 29), 12, 31, date(2029, 2, 28)),
        (date(2026, 2, 27), 1, 31, date(2026, 3, 27)),
        (date(2026, 3, 31), 1, 28, date(2026, 4, 30)),
    ):
        assert calendar.after(day, "month", count, billing_day=billing_day) == expected, day
    assert calendar.after(date(2026, 2, 28), "week", 1, billing_day=31) == date(2026, 3, 7)


def test_intervals_are_written_as_mollie_reads_them() -> None:
    for interval, count, written in (
        ("year", 1, "12 months"),
        ("month", 1, "1 month"),
        ("week", 52, "52 weeks"),
        ("day", 365, "365 days"),
        ("year", 2, None),
        ("month", 13, None),
        ("month", 0, None),
        ("quarter", 1, None),
    ):
        assert calendar.to_mollie(interval, count) == written


def test_years_are_equal_to_twelve_months_each_and_to_nothing_else() -> None:
    assert calendar.equal(("year", 2), ("month", 24))
    assert not calendar.equal(("year", 2), ("month", 6))
    assert not calendar.equal(("year", 1), ("month", 1))
    assert not calendar.equal(("week", 1), ("day", 7))
