"""Rebuilds that differ, fail, are killed, or are refused."""

import asyncio
import signal
from functools import partial

import pytest

from eventlog.database.connect import connect
from projections.engine.errors import GenerationsDiffer, RebuildRunning, UnknownProjection
from projections.generations.rebuild import rebuild
from tests.projections.generations.rebuilds import execute, generations, rebuilt
from tests.projections.generations.test_runner import start
from tests.projections.harness import (
    APP,
    append,
    issue,
    paid_invoices,
    projecting,
    requested,
    rows,
    shown_positions,
    timeline_positions,
    views_of_log,
)
from tests.support.wait_until import until


@pytest.mark.parametrize(
    "damage",
    [
        'UPDATE read.invoices SET view = view || \'{"status": "void"}\' WHERE position = 4',
        "DELETE FROM read.invoices WHERE position = 4",
        "DELETE FROM read.timeline WHERE position = 3",
        "UPDATE read.timeline SET actor = 'someone' WHERE position = 3",
    ],
)
def test_differing_rows_are_reported_and_only_accepted_on_demand(
    database: str, damage: str
) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            first, *others = paid_invoices(5)
            await books.append_and_project(first)
            await books.append_and_project(*others)
            execute(database, damage)
            with pytest.raises(GenerationsDiffer) as caught:
                await rebuilt(database)
            assert caught.value.differing == 1
            assert str(first.id) in caught.value.examples[0]
            assert generations(database) == [(1, "active"), (2, "dropped")]
            assert rows(database) != views_of_log(database) or "timeline" in damage
            done = await rebuilt(database, accept_changes=True)
            assert (done.generation, done.differing) == (3, 1)

    asyncio.run(scenario())
    assert rows(database) == views_of_log(database)
    assert timeline_positions(database) == shown_positions(database)


def test_a_projection_that_is_stuck_on_its_own_rows_is_healed(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            invoice = requested()
            await books.append_and_project(invoice)
            execute(database, "UPDATE read.invoices SET version = 7")
            issue(invoice)
            position = await append(books.log, invoice)
            stuck = "SELECT position FROM eventlog.follower_failures WHERE name = 'invoices_g1'"
            await until(lambda: execute(database, stuck) == [(position,)])
            await rebuilt(database, accept_changes=True, keep_old_for_s=0)
            assert await books.invoices.wait_for("invoices", position, 10)

    asyncio.run(scenario())
    assert rows(database) == views_of_log(database)


def test_a_log_that_cannot_be_folded_leaves_the_old_generation_answering(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            invoice = requested()
            await books.append_and_project(invoice)
            execute(
                database,
                "SELECT eventlog.append('{1}', '{00000000-0000-0000-0000-000000000009}', '{1}',"
                " '{invoice.requested}', '{\"{}\"}', '{}', '{}', '{}', '{}')",
            )
            with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the codec says
                await rebuilt(database)
            assert generations(database) == [(1, "active"), (2, "dropped")]
            assert await books.invoices.get_invoice(APP, invoice.id)

    asyncio.run(scenario())


def test_one_rebuild_at_a_time(database: str) -> None:
    with connect(database, application_name="test") as connection:
        connection.execute(
            "SELECT pg_advisory_lock(hashtextextended('billhook rebuild invoices', 0))"
        )
        with pytest.raises(RebuildRunning, match="another process is rebuilding"):
            rebuild(database, "invoices")
        assert rebuild(database, "access").generation == 2
    assert generations(database) == [(1, "active")]


def test_what_a_killed_rebuild_left_is_swept_up_by_the_next(database: str) -> None:
    for state in ("building", "following"):
        execute(database, "SELECT read.new_generation('invoices')")
        execute(
            database,
            "UPDATE read.generations SET state = %s WHERE projection = 'invoices'"
            " AND state = 'building'",
            state,
        )
        number = rebuild(database, "invoices", keep_old_for_s=0).generation
        assert generations(database)[-2:] == [(number - 1, "dropped"), (number, "active")]


def test_an_unknown_projection_is_refused(database: str) -> None:
    with pytest.raises(UnknownProjection):
        rebuild(database, "nothing")


def test_an_event_that_one_process_cannot_fold_ends_the_rebuild(database: str) -> None:
    execute(
        database,
        "SELECT eventlog.append('{1}', '{00000000-0000-0000-0000-000000000009}', '{1}',"
        " '{invoice.requested}', '{\"{}\"}', '{}', '{}', '{}', '{}')",
    )
    process = start(database, "rebuild", "invoices", "--processes", "2")
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "not rebuilt: a process that fills the tables has failed" in errors
    assert generations(database) == [(1, "active"), (2, "dropped")]


def test_ctrl_c_ends_a_rebuild_without_a_traceback(database: str) -> None:
    waiting = (
        "SELECT FROM pg_locks JOIN pg_database AS ours ON ours.oid = database"
        " WHERE NOT granted AND datname = current_database()"
    )
    named = partial(connect, database, application_name="test")
    with named(autocommit=False) as holder, named() as watcher:
        holder.execute("LOCK TABLE read.generations")
        process = start(database, "rebuild", "invoices")
        asyncio.run(until(lambda: watcher.execute(waiting).fetchone() is not None))
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "stopped; the same command starts again\n")


def test_a_rebuild_without_a_database_says_so() -> None:
    process = start("postgresql://nobody@127.0.0.1:1/none", "rebuild", "invoices")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors == "not rebuilt: the database of BILLHOOK_DATABASE_URL does not answer\n"
