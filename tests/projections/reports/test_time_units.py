"""Sums of periods by quarters, hours, days and weeks: equal to plain additions, of few rows."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from math import inf
from typing import Final, NamedTuple
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import psycopg
from hypothesis import given
from hypothesis import strategies as st

from projections.dashboard.queries import Age, DashboardQueries
from projections.engine.pool import ReadPool
from projections.reports.queries import ReportFilter, ReportQueries
from projections.reports.recurring_movements import KINDS
from projections.reports.recurring_queries import RecurringQueries
from projections.reports.time_units import (
    DAY_QUARTERS,
    FOREVER,
    QUARTERS,
    quarter_of,
    ranges_of,
    units_of,
)
from service.reports.periods import Bucket, Interval, buckets_of
from tests.projections.harness import reading
from tests.projections.reports.test_revenue import ZONES

_quarters = st.integers(-3 * 672, 3 * 672) | st.sampled_from([-FOREVER, FOREVER])


@given(first=_quarters, end=_quarters, near=st.integers(-700, 700), many=st.data())
def test_a_quarter_is_in_one_range_of_its_period_and_in_none_of_others(
    first: int, end: int, near: int, many: st.DataObject
) -> None:
    first, end = sorted((first, end))
    ranges = ranges_of(first, end)
    assert len(ranges) <= 2 * len(QUARTERS) - 1
    for edge in (first, end, 0):
        quarter = many.draw(st.sampled_from([edge, edge - 1, edge + near]))
        numbers = dict(units_of(quarter))
        found = [one.unit for one in ranges if one.first <= numbers[one.unit] < one.end]
        assert len(found) == int(first <= quarter < end)


def test_a_year_of_any_zone_is_few_rows() -> None:
    most = {"week": 52, "day": 12, "hour": 46, "quarter": 6}
    for zone in ZONES:
        for year in range(2020, 2030):
            begin, end = (datetime(y, 1, 1, tzinfo=ZoneInfo(zone)) for y in (year, year + 1))
            rows = Counter[str]()
            for one in ranges_of(quarter_of(begin), quarter_of(end)):
                rows[one.unit] += one.end - one.first
            assert all(rows[unit] <= most[unit] for unit in most)


_KINDS: Final = ("collected", "refunded", "disputed", "refused", "outstanding")
_NAMED: Final = ("collected", "refused")
_FIRST, _LAST = date(2024, 1, 1), date(2026, 12, 31)
# Amounts near these, and anywhere else.
_CHANGES_OF_CLOCKS: Final = [date(2025, 3, 30), date(2025, 4, 6), date(2025, 10, 26)]


class Added(NamedTuple):
    """An amount of a kind in a quarter of an hour; `name` is of a method, reason or connection."""

    kind: str
    name: str
    quarter: int
    minor: int


def _draw(chance: random.Random, kinds: Sequence[str]) -> list[Added]:
    found = []
    for _ in range(800):
        day = _FIRST + timedelta(days=chance.randrange((_LAST - _FIRST).days))
        if chance.random() < 0.3:
            day = chance.choice(_CHANGES_OF_CLOCKS)
        moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
        quarter = quarter_of(moment) + chance.randrange(-DAY_QUARTERS, 2 * DAY_QUARTERS)
        name = chance.choice(["main", "second"])
        found.append(Added(chance.choice(kinds), name, quarter, chance.randrange(-50, 1000)))
    return found


def _fill(database: str, app_id: UUID, money: list[Added], moved: list[Added]) -> None:
    """Write each amount into its quarter, hour, day and week, as the projections do."""
    books = "VALUES (%s, 'test', 'eur', 'stripe', %s, %s, "
    with psycopg.connect(database, autocommit=True) as connection, connection.cursor() as cursor:
        for table, amounts in (("invoice_sums", money), ("recurring_sums", moved)):
            rows = [(app_id, *key, *sums, 1) for key, sums in _by_unit(amounts).items()]
            query = f"INSERT INTO read.{table} {books} %s, %s, %s, %s, %s)"
            cursor.executemany(query, rows)
        shares = _by_unit([one for one in money if one.kind in _NAMED])
        query = f"INSERT INTO read.invoice_shares {books} %s, %s, %s, %s, 1)"
        cursor.executemany(
            query,
            [
                (app_id, "main", kind, unit, number, name, items)
                for (name, kind, unit, number), (_, items) in shares.items()
            ],
        )
        query = f"INSERT INTO read.invoice_totals {books} %s, %s, 1)"
        cursor.executemany(
            query,
            [(app_id, name, kind, 0, 0) for name in ("main", "second") for kind in _KINDS],
        )
        query = f"INSERT INTO read.subscription_sums {books} 0, 0, 0, 1)"
        cursor.executemany(
            query,
            [
                (app_id, name, sum(one.minor for one in moved if one.name == name))
                for name in ("main", "second")
            ],
        )


def _by_unit(amounts: list[Added]) -> dict[tuple[str, str, str, int], tuple[int, int]]:
    sums: dict[tuple[str, str, str, int], tuple[int, int]] = {}
    for one in amounts:
        for unit, size in QUARTERS.items():
            key = (one.name, one.kind, unit, one.quarter // size)
            minor, items = sums.get(key, (0, 0))
            sums[key] = minor + one.minor, items + 1
    return sums


def _plain(
    amounts: list[Added],
    kind: str,
    *,
    first: float = -inf,
    end: float = inf,
    name: str | None = None,
) -> tuple[int, int]:
    """Add up quarter by quarter."""
    found = [
        one.minor
        for one in amounts
        if one.kind == kind and first <= one.quarter < end and name in (None, one.name)
    ]
    return sum(found), len(found)


def test_any_period_of_any_zone_equals_a_plain_addition(database: str) -> None:
    chance, app_id = random.Random(1), uuid4()  # noqa: S311 - no secret
    money, moved = _draw(chance, _KINDS), _draw(chance, KINDS)
    _fill(database, app_id, money, moved)

    async def scenario() -> None:
        async with reading(database) as books:
            for _ in range(16):
                zone = chance.choice(ZONES)
                days = sorted(
                    chance.choice(_CHANGES_OF_CLOCKS) + timedelta(days=chance.randrange(-n, n))
                    for n in (2, 400)
                )
                if days[0] == days[1]:
                    continue
                interval: Interval = chance.choice(["day", "week", "month"])
                buckets = buckets_of(interval, *days, zone=zone)
                await assert_buckets(books.pool, app_id, buckets, money=money, moved=moved)
                await assert_periods(books.pool, app_id, buckets, money=money)

    asyncio.run(scenario())


async def assert_buckets(
    pool: ReadPool, app_id: UUID, buckets: list[Bucket], *, money: list[Added], moved: list[Added]
) -> None:
    begins, end = [bucket.start for bucket in buckets], buckets[-1].end
    filters = ReportFilter(app_id=app_id)
    (row,) = await ReportQueries(pool).revenue(filters, begins=begins, end=end)
    (movement,) = await RecurringQueries(pool).moved(filters, begins=begins, end=end)
    for bucket, sums, period in zip(buckets, row.buckets, movement.buckets, strict=True):
        first, last = quarter_of(bucket.start), quarter_of(bucket.end)
        for kind in ("collected", "refunded", "disputed", "refused"):
            found = getattr(sums, f"{kind}_minor"), getattr(sums, f"{kind}_count")
            assert found == _plain(money, kind, first=first, end=last)
        before = sum(_plain(moved, kind, end=first)[0] for kind in KINDS)
        assert period.start_minor == before
        for movement_kind in KINDS:
            known = period.of(movement_kind)
            expected = _plain(moved, movement_kind, first=first, end=last)
            assert (known.amount_minor, known.items) == expected


async def assert_periods(
    pool: ReadPool, app_id: UUID, buckets: list[Bucket], *, money: list[Added]
) -> None:
    start, end = buckets[0].start, buckets[-1].end
    quarters = quarter_of(start), quarter_of(end)
    filters = ReportFilter(app_id=app_id, connection="second")
    for first, last in ((start, end), (start, None), (None, end)):
        (row,) = await ReportQueries(pool).summary(filters, now=end, first=first, end=last)
        begin = -inf if first is None else quarters[0]
        stop = inf if last is None else quarters[1]
        expected = _plain(money, "collected", first=begin, end=stop, name="second")
        assert (row.collected_minor, row.collected_count) == expected
        overdue = _plain(money, "outstanding", end=quarters[1] + 1, name="second")
        assert (row.overdue_minor, row.overdue_count) == overdue
    queries = DashboardQueries(pool)
    for kind in _NAMED:
        shares = await queries.shares(app_id, "test", "eur", kind, first=start, end=end)
        counted = {
            name: _plain(money, kind, first=quarters[0], end=quarters[1], name=name)[1]
            for name in ("main", "second")
        }
        assert {one.name: one.items for one in shares} == {k: n for k, n in counted.items() if n}
    now = quarters[1] + 1
    edges = [inf, now, *(now - days * DAY_QUARTERS for days in (30, 60, 90))]
    bands = zip((-1, 0, 30, 60, 90), [*edges[1:], -inf], edges, strict=True)
    expected_ages = [
        Age(days, *_plain(money, "outstanding", first=first, end=last))
        for days, first, last in bands
    ]
    ages = await queries.ages(app_id, "test", "eur", now=end)
    assert ages == [age for age in expected_ages if age.items]
