import asyncio
import random
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.subscriptions.events import SubscriptionEvent
from domain.subscriptions.subscription import Subscription
from eventlog.codec import Codec
from eventlog.database.connect import connect
from eventlog.reading import RecordedEvent
from projections.engine.errors import BadCursor, VersionGap
from projections.engine.view_codec import SUBSCRIPTIONS as VIEWS
from projections.generations.rebuild import rebuild
from projections.reports.recurring_revenue import SumKey
from projections.subscriptions.queries import SubscriptionFilter, SubscriptionQueries
from tests.projections.crashing_batches import project, split
from tests.projections.harness import Reading, append, applied, projecting
from tests.projections.random_events import AT, recorded
from tests.projections.subscriptions.random_events import (
    APP,
    apply_snapshot,
    logs,
    provider_subscription,
    started,
    streams,
)
from tests.projections.subscriptions.subscription_rows import (
    HANDLER,
    empty,
    folds,
    kept_sums,
    kept_views,
    naive_sums,
)

OTHER_APP, TENANT = UUID(int=2), UUID(int=17)


@settings(max_examples=25)
@given(log=logs(), boundaries=st.randoms(use_true_random=False))
def test_rows_and_sums_equal_the_fold_for_any_batches_and_crashes(
    database: str, log: list[RecordedEvent], boundaries: random.Random
) -> None:
    empty(database)
    asyncio.run(project(database, split(log, boundaries), handler=HANDLER))
    views = folds(Codec().decode(entry) for entry in log)
    assert kept_views(database) == views
    assert kept_sums(database) == {
        books: sums for books, sums in naive_sums(views.values()).items() if any(sums)
    }
    with connect(database, application_name="test") as connection:
        differing = connection.execute(
            "SELECT subscription_id FROM read.subscriptions WHERE (subscription_id::text,"
            " app_id::text, tenant_id::text, provider, mode, connection, status, user_id, customer,"
            " provider_subscription_id, created_at) IS DISTINCT FROM (view->>'id',"
            " view->>'app_id', view->>'tenant_id', view->>'provider', view->>'mode',"
            " view->>'connection', coalesce(view->>'status', 'incomplete'), view->>'user_id',"
            " view->>'customer',"
            " view->>'provider_subscription_id', (view->>'created_at')::timestamptz)"
        ).fetchall()
    assert differing == []


@settings(max_examples=40)
@given(stream=streams())
def test_a_view_comes_back_as_it_was(stream: list[SubscriptionEvent]) -> None:
    view = folds(stream)[stream[0].originator_id]
    assert VIEWS.from_json(VIEWS.to_json(view)) == view


def test_an_event_whose_predecessor_was_not_folded_is_refused(database: str) -> None:
    codec = Codec()
    _, late = started().collect_events()
    with pytest.raises(VersionGap):
        asyncio.run(project(database, [([recorded(codec, late, 2)], False)], handler=HANDLER))


def execute(database: str, query: str) -> list[tuple[Any, ...]]:
    with connect(database, application_name="test") as connection:
        return connection.execute(query.encode()).fetchall()


async def append_and_project(books: Reading, *roots: Subscription) -> SubscriptionQueries:
    position = await append(books.log, *roots)
    assert await books.invoices.wait_for("subscriptions", position, 10)
    return SubscriptionQueries(books.pool)


def test_a_subscription_is_found_by_our_id_and_the_providers_within_its_app(
    database: str,
) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            subscription = started(snapshot=provider_subscription(id="sub_1"))
            queries = await append_and_project(books, subscription)
            row = await queries.get_subscription(APP, subscription.id)
            assert row is not None
            assert row.view == subscription.view
            assert await queries.by_provider_id(APP, "sub_1") == row
            assert await queries.get_subscription(OTHER_APP, subscription.id) is None
            assert await queries.by_provider_id(OTHER_APP, "sub_1") is None
            assert await queries.by_provider_id(APP, "sub_2") is None

    asyncio.run(scenario())


_MATCHING: list[dict[str, Any]] = [
    {"tenant_id": TENANT},
    {"status": ("past_due",)},
    {"status": ("past_due", "paused")},
    {"provider": "mollie"},
    {"mode": "live"},
    {"user_id": "user-1"},
    {"customer": "cus_9"},
    {"connection": "second"},
    {"created_from": AT + timedelta(hours=1), "created_to": AT + timedelta(hours=2)},
]


@pytest.mark.parametrize("filters", _MATCHING, ids="+".join)
def test_each_filter_narrows_the_list_to_what_fits(database: str, filters: dict[str, Any]) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            meant = started(
                snapshot=provider_subscription(
                    state="past_due",
                    customer="cus_9",
                    started_at=int((AT + timedelta(hours=1)).timestamp()),
                ),
                tenant_id=TENANT,
                user_id="user-1",
                provider="mollie",
                mode="live",
                connection="second",
            )
            queries = await append_and_project(
                books, meant, started(), started(OTHER_APP, tenant_id=TENANT)
            )
            page = await queries.list_subscriptions(SubscriptionFilter(APP, **filters))
            assert [row.view for row in page.rows] == [meant.view]
            assert (page.total, page.total_is_exact, page.next_cursor) == (1, True, None)

    asyncio.run(scenario())


def test_those_of_no_tenant_are_listed_until_they_are_assigned(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            nobodys, somebodys = started(), started(tenant_id=TENANT)
            queries = await append_and_project(books, nobodys, somebodys)
            unassigned = SubscriptionFilter(APP, unassigned=True)
            of_tenant = SubscriptionFilter(APP, tenant_id=TENANT, sort="createdAt")
            page = await queries.list_subscriptions(unassigned)
            assert [row.view.id for row in page.rows] == [nobodys.id]
            nobodys.assign(TENANT, actor="worker", occurred_at=AT)
            await append_and_project(books, nobodys)
            assert (await queries.list_subscriptions(unassigned)).rows == []
            page = await queries.list_subscriptions(of_tenant)
            assert {row.view.id for row in page.rows} == {nobodys.id, somebodys.id}

    asyncio.run(scenario())


def test_pages_follow_each_other_in_both_orders_while_rows_are_added(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            made = [
                started(snapshot=provider_subscription(started_at=int(AT.timestamp()) + index // 2))
                for index in range(5)
            ]
            queries = await append_and_project(books, *made)
            for sort in ("-createdAt", "createdAt"):
                filters = SubscriptionFilter(APP, sort=sort, limit=2)
                seen: list[UUID] = []
                while True:
                    page = await queries.list_subscriptions(filters)
                    seen += [row.view.id for row in page.rows]
                    if page.next_cursor is None:
                        break
                    filters = replace(filters, cursor=page.next_cursor)
                known = sorted(made, key=lambda one: (one.view.created_at, one.id))
                expected = [one.id for one in known]
                assert seen == (expected if sort == "createdAt" else expected[::-1])
            page = await queries.list_subscriptions(SubscriptionFilter(APP, limit=1))
            with pytest.raises(BadCursor):
                await queries.list_subscriptions(
                    SubscriptionFilter(APP, mode="live", cursor=page.next_cursor)
                )

    asyncio.run(scenario())


def test_a_timeline_shows_what_happened_but_what_webhooks_only_confirmed(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            snapshot = provider_subscription()
            subscription = started(snapshot=snapshot)
            confirmed = replace(snapshot, as_of=snapshot.as_of + 1)
            subscription.record_provider_state(
                confirmed, source="webhook", actor="webhook:1", occurred_at=AT
            )
            effects = [{"subscription": str(subscription.id), "effect": "confirmed"}]
            ended = replace(confirmed, state="canceled", as_of=snapshot.as_of + 2, ended_at=1)
            await append(books.log, subscription)
            await append(books.log, applied(effects))
            subscription.record_provider_state(
                ended, source="webhook", actor="webhook:2", occurred_at=AT
            )
            position = await append(books.log, subscription)
            assert await books.invoices.wait_for("invoices", position, 10)
            queries = SubscriptionQueries(books.pool)
            entries = await queries.timeline(APP, subscription.id)
            assert [(entry.type, entry.actor) for entry in entries] == [
                ("subscription.started", "webhook:evt_1"),
                ("subscription.activated", "worker"),
                ("provider_event.applied", "webhook:evt_2"),
                ("subscription.canceled", "webhook:2"),
            ]
            assert entries[1].data["items"][0]["amountMinor"] == 999
            assert entries[1].data["periodStart"] == "2026-01-01T00:00:00+00:00"
            assert "connectionId" not in entries[0].data
            assert entries[-1].data["endedAt"] == "1970-01-01T00:00:01+00:00"
            assert await queries.timeline(OTHER_APP, subscription.id) == []

    asyncio.run(scenario())


def test_recurring_revenue_follows_every_change(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            key = SumKey(APP, "test", "eur", "stripe", "main")
            snapshot = provider_subscription(state="trialing", trial_end=1_769_904_000)
            subscription, other = started(snapshot=snapshot), started()
            await append_and_project(books, subscription, other)
            assert kept_sums(database) == {key: (999, 1)}  # a trial brings nothing yet
            cheap = replace(snapshot, state="active", as_of=snapshot.as_of + 1)
            dear = replace(
                cheap, as_of=snapshot.as_of + 2, items=(replace(cheap.items[0], amount_minor=2999),)
            )
            late = replace(dear, state="past_due", as_of=snapshot.as_of + 3)
            paused = replace(dear, state="paused", as_of=snapshot.as_of + 4)
            over = replace(dear, state="canceled", as_of=snapshot.as_of + 5)
            for seen, sums in (
                (cheap, (999 + 999, 2)),
                (dear, (999 + 2999, 2)),
                (late, (999 + 2999, 2)),
                (paused, (999, 1)),
                (replace(dear, as_of=snapshot.as_of + 4), (999 + 2999, 2)),
                (over, (999, 1)),
            ):
                apply_snapshot(subscription, seen)
                await append_and_project(books, subscription)
                assert kept_sums(database) == {key: sums}

    asyncio.run(scenario())


def test_a_rebuild_gives_equal_subscription_rows(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            made = [started(user_id=f"user-{uuid4()}") for _ in range(20)]
            position = await append(books.log, *made)
            for projection in ("subscriptions", "invoices"):
                assert await books.invoices.wait_for(projection, position, 10)
            # A rebuild of invoices brings the timelines of subscriptions back, too.
            timeline = "SELECT * FROM read.timeline ORDER BY position"
            entries = execute(database, timeline)
            assert {entry[3] for entry in entries} == {"subscription"}
            assert len(entries) == 2 * len(made)
            done = await asyncio.to_thread(lambda: rebuild(database, "invoices", keep_old_for_s=0))
            assert (done.differing, execute(database, timeline)) == (0, entries)
            before = kept_views(database), kept_sums(database)
            done = await asyncio.to_thread(
                lambda: rebuild(database, "subscriptions", keep_old_for_s=0)
            )
            assert (done.generation, done.differing) == (2, 0)
            assert (kept_views(database), kept_sums(database)) == before

    asyncio.run(scenario())
