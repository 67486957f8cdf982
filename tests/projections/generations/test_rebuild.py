import asyncio
import threading
from dataclasses import replace
from functools import partial
from uuid import uuid4, uuid5

import pytest
from hypothesis import given, settings

from domain.apps.app import App
from domain.apps.commands import CreateApp
from domain.events import ENDING_TOPICS
from eventlog.errors import EventsDetached
from eventlog.partitions.detach import detach
from eventlog.partitions.layout import set_partition_size
from eventlog.reading import RecordedEvent
from projections.access.queries import AccessQueries
from projections.generations import rebuild as rebuild_module
from projections.generations.rebuild import Connection, rebuild
from projections.operations.partition_use import uses_of
from tests.projections.generations.rebuilds import Crowd, execute, generations, rebuilt
from tests.projections.generations.test_runner import start
from tests.projections.harness import (
    APP,
    append,
    applied,
    paid_invoices,
    projecting,
    requested,
    rows,
    shown_positions,
    timeline_positions,
    views_of_log,
)
from tests.projections.random_events import AT, logs
from tests.support.wait_until import until


def test_a_rebuild_disturbs_no_reader_and_loses_no_row_while_events_keep_coming(
    database: str,
) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            await books.append_and_project(*paid_invoices(400))
            crowd = Crowd(books)
            async with crowd.busy():
                for number in (2, 3):
                    done = await rebuilt(database, keep_old_for_s=30)
                    assert (done.generation, done.differing) == (number, 0)
                    assert done.events >= 1600
                    assert 0 < done.filling_s <= done.seconds
            assert crowd.written
            assert crowd.reads > 10
            head = await books.log.head_async()
            assert await books.invoices.wait_for("invoices", head, 10)
            assert generations(database) == [(1, "retiring"), (2, "retiring"), (3, "active")]
            # The old ones are followed on: the way back is open.
            followers = "SELECT DISTINCT position FROM eventlog.followers WHERE name ~ 'invoices'"
            await until(lambda: execute(database, followers) == [(head,)])
            assert execute(database, "SELECT count(*) FROM read_invoices_g1.invoices") == [
                (head // 4,)
            ]

    asyncio.run(scenario())
    assert rows(database) == views_of_log(database)
    assert timeline_positions(database) == shown_positions(database)


def test_a_generation_whose_time_is_over_is_dropped_with_its_place(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            await books.append_and_project(*paid_invoices(3))
            await rebuilt(database, keep_old_for_s=0)
            await until(lambda: generations(database) == [(1, "dropped"), (2, "active")])
            assert await books.append_and_project(requested())
            names = "SELECT name FROM eventlog.followers WHERE name LIKE 'invoices%'"
            assert execute(database, names) == [("invoices_g2",)]
            assert execute(database, "SELECT to_regclass('read_invoices_g1.invoices')") == [(None,)]

    asyncio.run(scenario())
    assert rows(database) == views_of_log(database)


def indexes_of(database: str, generation: int) -> list[tuple[object, ...]]:
    query = (
        "SELECT tablename, replace(indexdef, schemaname || '.', '') FROM pg_indexes"
        " WHERE schemaname = %s ORDER BY 1, 2"
    )
    return execute(database, query, f"read_invoices_g{generation}")


def test_the_filled_rows_are_those_that_following_writes(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            invoices = paid_invoices(5)
            webhook = applied([{"invoice": str(invoices[0].id), "effect": "stale"}])
            await books.append_and_project(*invoices, requested(tenant_id=None), webhook)
            before = execute(database, "SELECT * FROM read.invoices ORDER BY position")
            timeline = execute(database, "SELECT * FROM read.timeline ORDER BY position")
            await rebuilt(database)
            assert execute(database, "SELECT * FROM read.invoices ORDER BY position") == before
            assert execute(database, "SELECT * FROM read.timeline ORDER BY position") == timeline
            assert indexes_of(database, 2) == indexes_of(database, 1) != []
            numbered = "SELECT count(block) FROM read_invoices_g2.invoice_ordinals"
            assert execute(database, numbered) == [(len(before),)]

    asyncio.run(scenario())


def test_a_partition_that_is_detached_as_a_rebuild_begins_is_named(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_partition_size(database, 8)
    began = threading.Event()
    drop_unfinished = vars(rebuild_module)["_drop_unfinished"]

    def detach_before(connection: Connection, name: str) -> None:
        """Detach where the rebuild has begun, but not its generation, which would prevent it."""
        if not began.is_set():
            began.set()
            detach(database, 1, topics=ENDING_TOPICS, uses=partial(uses_of, days=0))
        drop_unfinished(connection, name)

    async def scenario() -> None:
        async with projecting(database) as books:
            await books.append_and_project(*paid_invoices(3))
            behind = "SELECT count(*) FROM eventlog.followers WHERE position < 8"
            await until(lambda: execute(database, behind) == [(0,)])
            monkeypatch.setattr(rebuild_module, "_drop_unfinished", detach_before)
            with pytest.raises(EventsDetached):
                await rebuilt(database)
            assert generations(database) == [(1, "active"), (2, "dropped")]

    asyncio.run(scenario())


@settings(max_examples=3)
@given(log=logs())
def test_filling_and_following_agree_for_random_logs(
    database: str, log: list[RecordedEvent]
) -> None:
    salt = uuid4()
    events = [
        replace(event.stored(), originator_id=uuid5(salt, str(event.originator_id)))
        for event in log
    ]

    async def scenario() -> None:
        async with projecting(database) as books:
            position = (await books.log.append_async(events))[-1]
            assert await books.invoices.wait_for("invoices", position, 10)
            done = await rebuilt(database, keep_old_for_s=0)
            assert done.differing == 0

    asyncio.run(scenario())
    assert rows(database) == views_of_log(database)


def test_access_is_rebuilt_from_its_first_event(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            app = App.create(
                CreateApp(app_id=APP, name="Shop", slug="shop", actor="op"), occurred_at=AT
            )
            position = await append(books.log, app)
            assert await books.invoices.wait_for("access", position, 10)
            done = await rebuilt(database, "access")
            assert (done.generation, done.differing) == (2, 0)
            found = await AccessQueries(books.pool).app(APP)
            assert found is not None
            assert found.slug == "shop"
            assert generations(database, "access") == [(1, "retiring"), (2, "active")]

    asyncio.run(scenario())


def test_the_command_fills_in_several_processes_and_prints_its_result(database: str) -> None:
    async def fill() -> None:
        async with projecting(database) as books:
            invoices = paid_invoices(6)
            webhook = applied([{"invoice": str(invoices[0].id), "effect": "stale"}])
            await books.append_and_project(*invoices, requested(), webhook)

    asyncio.run(fill())
    process = start(database, "rebuild", "invoices", "--processes", "3")
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert output.startswith("invoices: generation 2 answers, 26 events in ")
    assert output.endswith(", 0 rows differ from the old one\n")
    assert rows(database) == views_of_log(database)
    execute(database, "UPDATE read.invoices SET status = 'void' WHERE status = 'paid'")
    process = start(database, "rebuild", "invoices")
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "not rebuilt: 6 rows differ" in errors


def test_the_progress_reaches_the_number_of_events(database: str) -> None:
    async def fill() -> None:
        async with projecting(database) as books:
            await books.append_and_project(*paid_invoices(2))

    asyncio.run(fill())
    reported: list[tuple[str, float]] = []
    rebuild(database, "invoices", report=lambda *phase: reported.append(phase))
    assert reported == [("filling", 1.0), ("indexing", 0), ("following", 1.0)]
