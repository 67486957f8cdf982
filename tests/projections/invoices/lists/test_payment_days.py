"""Test the days and months of periods of payments, without a database."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from projections.invoices.lists.payment_days import divide

_DAYS = st.dates(min_value=date(2023, 11, 1), max_value=date(2026, 3, 31))


def days_of(month: date) -> list[date]:
    following = (month + timedelta(days=32)).replace(day=1)
    return [month + timedelta(days=number) for number in range((following - month).days)]


@given(start=_DAYS, several=st.integers(min_value=0, max_value=800))
def test_days_and_months_are_those_of_the_period_and_each_is_there_once(
    start: date, several: int
) -> None:
    days, months = divide(start, start + timedelta(days=several))
    of_months = [day for month in months for day in days_of(month)]
    expected = [start + timedelta(days=number) for number in range(several + 1)]
    assert sorted([*days, *of_months]) == expected
    assert len(days) <= 60


def test_a_whole_month_is_read_as_one() -> None:
    assert divide(date(2026, 2, 1), date(2026, 2, 28)) == ([], [date(2026, 2, 1)])
    assert divide(date(2026, 2, 28), date(2026, 4, 1)) == (
        [date(2026, 2, 28), date(2026, 4, 1)],
        [date(2026, 3, 1)],
    )
