"""Recurring revenue over time: start, movements and end add up to the folds' amounts."""

import asyncio
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.subscriptions.events import SubscriptionEvent
from domain.subscriptions.subscription import Subscription
from eventlog.codec import Codec
from eventlog.database.connect import connect
from eventlog.reading import RecordedEvent
from projections.reports.queries import ReportFilter, ReportQueries
from projections.reports.recurring_queries import (
    MovementFilter,
    MovementRow,
    RecurringQueries,
    RecurringRow,
)
from projections.reports.time_units import quarter_of, units_of
from tests.projections.crashing_batches import project, split
from tests.projections.harness import append, projecting, reading
from tests.projections.random_events import AT, recorded
from tests.projections.subscriptions.random_events import (
    APP,
    apply_snapshot,
    logs,
    provider_subscription,
    started,
)
from tests.projections.subscriptions.reported_histories import QUARTER, histories
from tests.projections.subscriptions.subscription_rows import HANDLER, empty, folds, naive_sums

Sums = dict[tuple[str, str], int]


def as_of(events: Iterable[SubscriptionEvent], moment: datetime) -> Sums:
    """Return the recurring revenue that the reported changes had reached by a moment."""
    streams: dict[UUID, list[SubscriptionEvent]] = {}
    for event in events:
        streams.setdefault(event.originator_id, []).append(event)
    sums: Sums = {}
    for stream in streams.values():
        for key, minor in _reached(stream, moment).items():
            sums[key] = sums.get(key, 0) + minor
    return sums


def _reached(stream: Sequence[SubscriptionEvent], moment: datetime) -> Sums:
    """Return what a subscription's changes had reached by a moment.

    A change counts when the provider reported it, but not before an earlier change.
    """
    reached: Sums = {}
    changed_at_s = 0
    for count, event in enumerate(stream, 1):
        found = naive_sums(folds(stream[:count]).values())
        after = {(key.mode, key.currency): minor for key, (minor, _) in found.items() if minor}
        if after == reached:
            continue
        changed_at_s = max(changed_at_s, getattr(event, "as_of", 0))
        if changed_at_s >= moment.timestamp():
            break
        reached = after
    return reached


def starts(rows: Sequence[RecurringRow], bucket: int) -> Sums:
    found = {(row.mode, row.currency): row.buckets[bucket].start_minor for row in rows}
    return {key: minor for key, minor in found.items() if minor}


def ends(rows: Sequence[RecurringRow], bucket: int) -> Sums:
    found = {(row.mode, row.currency): row.buckets[bucket].end_minor for row in rows}
    return {key: minor for key, minor in found.items() if minor}


@settings(max_examples=25)
@given(
    events=histories(),
    moments=st.lists(st.integers(-2, 70), min_size=2, max_size=5, unique=True).map(sorted),
    boundaries=st.randoms(use_true_random=False),
)
def test_start_and_movements_are_the_end_and_what_had_been_reported_by_then(
    database: str,
    events: list[SubscriptionEvent],
    moments: list[int],
    boundaries: random.Random,
) -> None:
    empty(database)
    codec = Codec()
    log = [recorded(codec, event, position) for position, event in enumerate(events, 1)]
    *begins, end = [AT + many * QUARTER for many in moments]

    async def scenario() -> None:
        await project(database, split(log, boundaries), handler=HANDLER)
        async with reading(database) as books:
            filters = ReportFilter(app_id=APP)
            rows = await RecurringQueries(books.pool).moved(filters, begins=begins, end=end)
            for index, begin in enumerate(begins):
                assert starts(rows, index) == as_of(events, begin)
            assert ends(rows, -1) == as_of(events, end)
            for row in rows:
                for one, following in zip(row.buckets, row.buckets[1:], strict=False):
                    assert one.end_minor == following.start_minor
            much_later = AT + timedelta(days=400)
            rows = await RecurringQueries(books.pool).moved(
                filters, begins=[AT - QUARTER], end=much_later
            )
            summary = await ReportQueries(books.pool).summary(
                filters, now=much_later, first=None, end=None
            )
            now = {(row.mode, row.currency): row.recurring_minor for row in summary}
            assert ends(rows, -1) == {key: minor for key, minor in now.items() if minor}

    asyncio.run(scenario())


def _movements(database: str) -> tuple[list[Any], list[Any], list[Any]]:
    """Return all movements in order, their sums by units of time, and what is earned now."""
    with connect(database, application_name="test") as connection:
        found = connection.execute(
            "SELECT subscription_id, position, mode, currency, provider, connection, kind,"
            " moved_at, amount_minor, before_minor FROM read.recurring_movements"
            " ORDER BY subscription_id, position, moved_at"
        ).fetchall()
        by_unit = connection.execute(
            "SELECT mode, currency, provider, connection, kind, unit, number, amount_minor, items"
            " FROM read.recurring_sums"
        ).fetchall()
        sums = connection.execute(
            "SELECT mode, currency, provider, connection, recurring_minor"
            " FROM read.subscription_sums"
        ).fetchall()
    return found, by_unit, sums


@settings(max_examples=12)
@given(log=logs(), boundaries=st.randoms(use_true_random=False))
def test_each_movement_continues_the_one_before_it_for_any_events_batches_and_crashes(
    database: str, log: list[RecordedEvent], boundaries: random.Random
) -> None:
    empty(database)
    asyncio.run(project(database, split(log, boundaries), handler=HANDLER))
    found, by_unit, sums = _movements(database)
    reached: dict[tuple[Any, ...], int] = {}
    last: dict[UUID, datetime] = {}
    added: dict[tuple[Any, ...], tuple[int, int]] = {}
    earning: dict[int, set[tuple[Any, ...]]] = {}
    for stream, position, *books, kind, moved_at, amount, before in found:
        own = {key for key, minor in reached.items() if minor and key[0] == stream}
        elsewhere = earning.setdefault(position, own) - {(stream, *books)}
        assert amount != 0
        assert reached.get((stream, *books), 0) == before
        assert (before == 0) == (kind in ("new", "reactivation"))
        assert (before + amount == 0) == (kind == "churn")
        assert kind != "new" or (stream, *books) not in reached or elsewhere
        assert kind != "reactivation" or not elsewhere
        assert last.get(stream, moved_at) <= moved_at
        reached[stream, *books], last[stream] = int(before + amount), moved_at
        for unit, number in units_of(quarter_of(moved_at)):
            minor, items = added.get((*books, kind, unit, number), (0, 0))
            added[*books, kind, unit, number] = minor + int(amount), items + 1
    assert added == {tuple(key): (int(minor), n) for *key, minor, n in by_unit}
    totals: dict[tuple[Any, ...], int] = {}
    for (_, *books), minor in reached.items():
        totals[tuple(books)] = totals.get(tuple(books), 0) + minor
    assert {tuple(key): int(minor) for *key, minor in sums if minor} == {
        key: minor for key, minor in totals.items() if minor
    }


def at(hours: float) -> datetime:
    return AT + timedelta(hours=hours)


def months_of(rows: Sequence[RecurringRow]) -> Iterator[dict[str, tuple[int, int]]]:
    (row,) = rows
    for bucket in row.buckets:
        yield {kind: (one.amount_minor, one.items) for kind, one in bucket.moved.items()}


def three_subscriptions() -> list[Subscription]:
    """Return one seen from the start, one seen long after it, and one only after its end."""

    def unix(hours: float) -> int:
        return int(at(hours).timestamp())

    known = provider_subscription(id="sub_1", as_of=unix(0))
    doubled = replace(known, items=(replace(known.items[0], quantity=2),), as_of=unix(1))
    ended = replace(doubled, state="canceled", as_of=unix(9), ended_at=unix(2))
    seen_late = provider_subscription(id="sub_2", as_of=unix(50), trial_end=unix(1))
    over = provider_subscription(
        id="sub_3", state="canceled", as_of=unix(60), ended_at=unix(2), canceled_at=unix(1)
    )
    first = started(snapshot=known)
    apply_snapshot(first, doubled)
    apply_snapshot(first, ended)
    return [first, started(snapshot=seen_late), started(snapshot=over)]


async def assert_moved_when_they_were(queries: RecurringQueries) -> None:
    rows = await queries.moved(
        ReportFilter(app_id=APP, mode="test"), begins=[at(0), at(1), at(2)], end=at(3)
    )
    assert list(months_of(rows)) == [
        {"new": (2 * 999, 2)},
        {"new": (999, 1), "expansion": (999, 1)},
        {"churn": (-3 * 999, 2)},
    ]
    assert [bucket.end_minor for bucket in rows[0].buckets] == [1998, 3996, 999]


async def all_movements(queries: RecurringQueries, filters: MovementFilter) -> list[MovementRow]:
    listed: list[MovementRow] = []
    cursor: str | None = None
    while not listed or cursor is not None:
        page = await queries.list_movements(replace(filters, cursor=cursor))
        listed += page.rows
        cursor = page.next_cursor
    return listed


def test_movements_count_when_they_were_and_are_listed_with_their_subscriptions(
    database: str,
) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            roots = three_subscriptions()
            position = await append(books.log, *roots)
            assert await books.invoices.wait_for("subscriptions", position, 10)
            queries = RecurringQueries(books.pool)
            await assert_moved_when_they_were(queries)
            filters = MovementFilter(app_id=APP, mode="test", currency="eur", limit=2)
            listed = await all_movements(queries, filters)
            assert [(one.moved_at, one.kind, one.after_minor) for one in listed] == [
                (at(2), "churn", 0),
                (at(2), "churn", 0),
                (at(1), "new", 999),
                (at(1), "expansion", 1998),
                (at(0), "new", 999),
                (at(0), "new", 999),
            ]
            assert {one.provider_subscription_id for one in listed[:2]} == {"sub_1", "sub_3"}
            narrow = replace(filters, kind="new", moved_from=at(1), moved_to=at(2))
            page = await queries.list_movements(narrow)
            assert [one.subscription_id for one in page.rows] == [roots[1].id]
            assert (await queries.list_movements(replace(filters, mode="live"))).rows == []

    asyncio.run(scenario())


def test_a_movement_before_a_period_is_part_of_its_start(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            moment = int(datetime(2026, 3, 5, tzinfo=UTC).timestamp())
            known = provider_subscription(as_of=moment, started_at=moment)
            position = await append(books.log, started(snapshot=known))
            assert await books.invoices.wait_for("subscriptions", position, 10)
            queries = RecurringQueries(books.pool)
            filters = ReportFilter(app_id=APP, connection="main")
            months = [datetime(2026, month, 1, tzinfo=UTC) for month in (2, 3, 4)]
            (row,) = await queries.moved(filters, begins=months, end=months[-1] + 30 * QUARTER)
            assert [(one.start_minor, one.end_minor) for one in row.buckets] == [
                (0, 0),
                (0, 999),
                (999, 999),
            ]
            other = ReportFilter(app_id=APP, connection="second")
            assert await queries.moved(other, begins=months, end=months[-1] + QUARTER) == []

    asyncio.run(scenario())
