import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from eventsourcing.persistence import StoredEvent

from domain.apps.app import App
from domain.apps.commands import CreateApp
from eventlog.codec import Codec
from eventlog.database.connect import connect
from eventlog.follow.follower import Follower
from eventlog.follow.handler import Cursor
from eventlog.reading import RecordedEvent
from projections.engine import health
from projections.generations.runner import RunningFollower
from projections.invoices import projector as invoices_projector
from projections.registry import PROJECTIONS
from tests.projections.harness import (
    APP,
    append,
    issue,
    paid_invoices,
    pay,
    projecting,
    reading,
    requested,
    rows,
    shown_positions,
    timeline_positions,
    views_of_log,
)
from tests.projections.random_events import AT
from tests.support.processes import ending_with_tests
from tests.support.wait_until import until, until_async


def start(database: str, *arguments: str) -> subprocess.Popen[str]:
    """`python -m projections` as an operator starts it."""
    return subprocess.Popen(
        ending_with_tests([sys.executable, "-m", "projections", *arguments]),
        env={"PATH": os.environ["PATH"], "BILLHOOK_DATABASE_URL": database},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class Dying:
    """A handler whose session dies after its rows were written, before they are committed."""

    def __init__(self, deaths: int) -> None:
        self._handle = invoices_projector.handler("read_invoices_g1")
        self.deaths_left = deaths

    async def __call__(self, cursor: Cursor, batch: Sequence[RecordedEvent]) -> None:
        await self._handle(cursor, batch)
        if self.deaths_left:
            self.deaths_left -= 1
            await cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def test_a_batch_cut_off_before_its_commit_is_folded_once(database: str) -> None:
    async def scenario() -> None:
        async with reading(database) as books:
            position = await append(books.log, *paid_invoices(20))
            dying = Dying(deaths=3)
            follower = Follower(
                database, "invoices_g1", dying, topics=invoices_projector.TOPICS, batch=30
            )
            running = RunningFollower(follower)
            assert await books.invoices.wait_for("invoices", position, 10)
            await running.end()
            assert dying.deaths_left == 0

    asyncio.run(scenario())
    assert rows(database) == views_of_log(database)
    assert timeline_positions(database) == shown_positions(database)


def test_killed_processes_leave_no_event_out_and_fold_none_twice(database: str) -> None:
    async def scenario() -> None:
        async with reading(database) as books:
            stop = asyncio.Event()

            async def write() -> None:
                while not stop.is_set():
                    position = await append(books.log, *paid_invoices(10))
                    await books.invoices.wait_for("invoices", position - 1500, 20)

            writing = asyncio.ensure_future(write())
            seen = 0
            for _ in range(3):
                process = start(database)
                # Killed while it folds: events keep coming until the end.
                assert await books.invoices.wait_for("invoices", seen + 500, 20)
                process.send_signal(signal.SIGKILL)
                process.communicate()
                seen = await books.invoices.position("invoices")
            stop.set()
            await writing
        async with projecting(database) as books:
            head = await books.log.head_async()
            assert await books.invoices.wait_for("invoices", head, 30)

    asyncio.run(scenario())
    assert rows(database) == views_of_log(database)
    assert timeline_positions(database) == shown_positions(database)


def test_an_event_that_raises_stops_its_projection_and_is_reported(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            good, later = requested(), requested()
            await books.append_and_project(good)
            broken = Codec().encode(requested().collect_events()[0])
            bad = StoredEvent(broken.originator_id, 1, broken.topic, b'{"secret": "s3cr3t"}')
            (position,) = await books.log.append_async([bad])
            await append(books.log, later)
            shop = App.create(
                CreateApp(app_id=APP, name="Shop", slug="shop", actor="op"), occurred_at=AT
            )
            shop_position = await append(books.log, shop)

            async def failing() -> bool:
                states = await health.states(books.pool)
                return any(state.failure for state in states)

            await until_async(failing)
            assert await books.invoices.wait_for("access", shop_position, 10)
            states = {state.name: state for state in await health.states(books.pool)}
            state = states["invoices"]
            assert (state.position, state.head) == (position - 1, shop_position)
            assert state.lag_events == 3
            assert state.lag_ms > 0
            assert state.failure is not None
            assert state.failure.startswith(f"position {position}, ")
            assert "s3cr3t" not in state.failure
            assert states["access"].failure is None
            # What was folded before is still answered; nothing after it is.
            assert await books.invoices.get_invoice(APP, good.id)
            assert await books.invoices.get_invoice(APP, later.id) is None

    asyncio.run(scenario())


def test_followers_are_reported_before_they_start(database: str) -> None:
    async def scenario() -> None:
        async with reading(database) as books:
            await append(books.log, requested())
            states = await health.states(books.pool)
            assert [state.name for state in states] == sorted(PROJECTIONS)
            for state in states:
                assert (state.position, state.head, state.lag_events) == (0, 1, 1)
                assert state.lag_ms >= 0
                assert (state.failure, state.serving) == (None, True)

    asyncio.run(scenario())


def test_two_processes_share_the_work_and_one_takes_over(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books, projecting(database):
            invoice = requested()
            for step in (None, issue, pay):
                if step is not None:
                    step(invoice)
                await books.append_and_project(invoice)
                with connect(database, application_name="test") as connection:
                    connection.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE datname = current_database()"
                        " AND application_name = 'billhook follower invoices_g1'"
                    )
            assert rows(database) == {invoice.id: invoice.view}

    asyncio.run(scenario())


def test_a_process_ends_on_sigterm(database: str) -> None:
    process = start(database)

    def following() -> bool:
        with connect(database, application_name="test") as connection:
            row = connection.execute("SELECT count(*) FROM eventlog.followers").fetchone()
        return row == (len(PROJECTIONS),)

    asyncio.run(until(following))
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0
    assert '"event": "following"' in errors


def test_a_process_reports_missing_migrations(empty_database: str) -> None:
    process = start(empty_database)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "billhook migrate" in errors
