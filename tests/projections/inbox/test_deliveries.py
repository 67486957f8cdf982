import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.inbox.commands import ReceiveProviderEvent
from domain.inbox.provider_event import ProviderEvent
from eventlog.database.connect import connect
from projections.engine.errors import BadCursor
from projections.generations.rebuild import rebuild
from projections.inbox.queries import DeliveryFilter, DeliveryQueries, DeliveryRow
from projections.inbox.rejected import KEPT, RejectedDeliveries, RejectedDelivery
from tests.projections.harness import APP, Reading, append, projecting, reading
from tests.projections.random_events import AT

INVOICE = UUID(int=99)
CONNECTION = UUID(int=7)


def received(*, occurred_at: datetime = AT, **facts: Any) -> ProviderEvent:
    """A delivery that was stored."""
    fields: dict[str, Any] = {
        "event_id": uuid4(),
        "app_id": APP,
        "connection_id": CONNECTION,
        "connection": "main",
        "provider": "stripe",
        "mode": "test",
        "provider_event_id": "evt_1",
        "type": "invoice.paid",
        "object_type": "invoice",
        "object_id": "in_1",
        "invoice_id": None,
        "occurred_at": 1_767_225_600,
        "body": "ef" * 32,
        "actor": "webhook:evt_1",
    }
    return ProviderEvent.receive(ReceiveProviderEvent(**fields | facts), occurred_at=occurred_at)


def refused(*, occurred_at: datetime = AT, **facts: Any) -> RejectedDelivery:
    """A delivery that nobody proved."""
    fields: dict[str, Any] = {
        "id": uuid4(),
        "app_id": APP,
        "connection_id": CONNECTION,
        "connection": "main",
        "provider": "stripe",
        "mode": "test",
        "received_at": occurred_at,
        "reason": "forged",
        "size_bytes": 12,
        "body_sha256": "ab" * 32,
        "content_type": "application/json",
        "user_agent": "curl/8",
        "remote": "public",
    }
    return RejectedDelivery(**fields | facts)


def apply(entry: ProviderEvent, *, occurred_at: datetime = AT, effect: str = "changed") -> None:
    effects = [{"invoice": str(INVOICE), "effect": effect}]
    entry.record_applied(effects, occurred_at=occurred_at, actor="webhook:evt_1")


def park(entry: ProviderEvent, *, retry: bool, occurred_at: datetime = AT) -> None:
    entry.park("unknown invoice", retry=retry, occurred_at=occurred_at, actor="webhook:evt_1")


def replay(entry: ProviderEvent, *, occurred_at: datetime = AT) -> None:
    entry.request_replay(uuid4(), occurred_at=occurred_at, actor="key:1")


async def append_and_project(books: Reading, *entries: ProviderEvent) -> int:
    position = await append(books.log, *entries)
    assert await books.invoices.wait_for("deliveries", position, 10)
    return position


async def listed(books: Reading, **filters: Any) -> list[Any]:
    found = await DeliveryQueries(books.pool).list_deliveries(DeliveryFilter(APP, **filters))
    return found.rows


async def keep(database: str, *kept: RejectedDelivery) -> None:
    book = RejectedDeliveries(database)
    await book.open()
    await book.add(kept)
    await book.close()


def test_an_entry_has_its_result_whether_projected_at_once_or_one_by_one(
    database: str,
) -> None:
    later = AT + timedelta(hours=1)

    async def scenario() -> None:
        async with projecting(database) as books:
            entry = received()
            await append_and_project(books, entry)
            (row,) = await listed(books)
            assert (row.view.state, row.view.reason, row.view.invoice_id) == (
                "received",
                None,
                None,
            )
            park(entry, retry=True)
            await append_and_project(books, entry)
            (row,) = await listed(books)
            assert (row.view.state, row.view.reason) == ("parked", "unknown invoice")
            park(entry, retry=False)
            replay(entry, occurred_at=later)
            position = await append_and_project(books, entry)
            (row,) = await listed(books)
            assert (row.view.state, row.view.reason, row.position) == ("received", None, position)
            apply(entry, occurred_at=later)
            position = await append_and_project(books, entry)
            (row,) = await listed(books)
            view = row.view
            assert (view.state, view.invoice_id, row.position) == ("applied", INVOICE, position)
            assert view.effects == [{"invoice": str(INVOICE), "effect": "changed"}]
            assert (view.times_applied, view.times_parked, view.times_replayed) == (1, 2, 1)
            assert (view.received_at, view.updated_at, view.version) == (AT, later, 5)

    asyncio.run(scenario())


def test_each_filter_narrows_the_list(database: str) -> None:
    applied, dead, parked, fresh = (
        received(provider_event_id=f"evt_{n}", occurred_at=AT + timedelta(minutes=n))
        for n in range(4)
    )
    fresh = received(
        provider_event_id="evt_3",
        connection="second",
        type="charge.refunded",
        occurred_at=AT + timedelta(minutes=3),
    )
    apply(applied)
    park(dead, retry=False)
    park(parked, retry=True)
    wanted: list[tuple[dict[str, Any], list[ProviderEvent]]] = [
        ({}, [fresh, parked, dead, applied]),
        ({"state": ("applied",)}, [applied]),
        ({"state": ("dead", "parked")}, [parked, dead]),
        ({"state": ("received", "failed")}, [fresh]),
        ({"connection": "second"}, [fresh]),
        ({"type": "charge.refunded"}, [fresh]),
        ({"invoice_id": INVOICE}, [applied]),
        ({"provider_event_id": "evt_2"}, [parked]),
        ({"received_from": AT + timedelta(minutes=2)}, [fresh, parked]),
        ({"received_to": AT + timedelta(minutes=2)}, [dead, applied]),
        ({"state": ("failed",), "type": "invoice.paid"}, []),
    ]

    async def scenario() -> None:
        async with projecting(database) as books:
            strange = received(app_id=UUID(int=2))
            await append_and_project(books, applied, dead, parked, fresh, strange)
            for filters, entries in wanted:
                found = [row.view.id for row in await listed(books, **filters)]
                assert found == [entry.id for entry in entries], filters

    asyncio.run(scenario())


def test_pages_leave_nothing_out_and_show_nothing_twice_while_deliveries_come(
    database: str,
) -> None:
    entries = [received(occurred_at=AT + timedelta(seconds=n // 2)) for n in range(7)]
    kept = [refused(occurred_at=AT + timedelta(seconds=n)) for n in range(4)]

    async def scenario() -> None:
        async with projecting(database) as books:
            await append_and_project(books, *entries)
            await keep(database, *kept)
            deliveries = DeliveryQueries(books.pool)
            found: list[DeliveryRow | RejectedDelivery] = []
            cursor = None
            while True:
                filters = DeliveryFilter(APP, limit=3, cursor=cursor)
                page = await deliveries.list_deliveries(filters)
                found += page.rows
                cursor = page.next_cursor
                if cursor is None:
                    break
                await append_and_project(books, received(occurred_at=AT + timedelta(days=1)))
            ids = [row.view.id if isinstance(row, DeliveryRow) else row.id for row in found]
            assert len(ids) == len(set(ids)) == 11
            assert set(ids) == {one.id for one in entries} | {one.id for one in kept}
            with pytest.raises(BadCursor):
                await deliveries.list_deliveries(
                    DeliveryFilter(APP, state=("dead",), cursor=filters.cursor)
                )

    asyncio.run(scenario())


def test_a_rejected_delivery_is_listed_without_its_content(
    database: str,
) -> None:
    forged, stale = (
        refused(occurred_at=AT),
        refused(occurred_at=AT + timedelta(hours=1), reason="stale"),
    )

    async def scenario() -> None:
        async with reading(database) as books:
            await keep(database, forged, stale, refused(app_id=UUID(int=2)))
            assert await listed(books) == [stale, forged]
            assert await listed(books, state=("failed",), connection="main") == [stale, forged]
            assert await listed(books, state=("failed",), connection="second") == []
            assert await listed(books, state=("dead",)) == []
            assert await listed(books, provider_event_id="evt_1") == []
            assert await listed(books, received_to=AT + timedelta(minutes=1)) == [forged]
            deliveries = DeliveryQueries(books.pool)
            assert await deliveries.refused(APP, forged.id) == forged
            assert await deliveries.refused(UUID(int=2), forged.id) is None

    asyncio.run(scenario())


def test_the_newest_thousand_of_each_connection_are_kept(database: str) -> None:
    many = [refused(occurred_at=AT + timedelta(seconds=n)) for n in range(KEPT + 5)]
    other = refused(connection_id=UUID(int=8), connection="quiet")

    async def scenario() -> None:
        await keep(database, other)
        await asyncio.gather(keep(database, *many[:600]), keep(database, *many[600:]))
        await keep(database, *many[-3:])

    asyncio.run(scenario())
    with connect(database, application_name="test") as connection:
        found = connection.execute(
            "SELECT connection, count(*), min(received_at) FROM inbox.rejected_deliveries"
            " GROUP BY connection ORDER BY connection"
        ).fetchall()
    assert found == [("main", KEPT, AT + timedelta(seconds=5)), ("quiet", 1, AT)]


def test_a_rebuild_gives_equal_rows(database: str) -> None:
    entries = [received() for _ in range(5)]
    for entry in entries[1:]:
        apply(entry)
    park(entries[0], retry=False)
    for entry in entries[2:]:
        replay(entry)
    apply(entries[4], effect="confirmed")

    async def scenario() -> None:
        async with projecting(database) as books:
            await append_and_project(books, *entries)
            before = await listed(books)
            rebuilt = await asyncio.to_thread(rebuild, database, "deliveries", keep_old_for_s=0)
            assert (rebuilt.generation, rebuilt.differing) == (2, 0)
            assert await listed(books) == before

    asyncio.run(scenario())
