import asyncio
import time

import pytest

from eventlog.database.connect import connect_async
from projections.access.queries import AccessQueries
from projections.engine.errors import ReadModelUnavailable, UnknownProjection
from projections.engine.pool import open_pool
from projections.invoices.queries import InvoiceQueries
from tests.projections.harness import append, projecting, reading, requested
from tests.support.wait_until import until_async

SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "


async def count(database: str, which: str) -> int:
    connection = await connect_async(database, application_name="test")
    async with connection:
        cursor = await connection.execute((SESSIONS + which).encode())
        row = await cursor.fetchone()
        assert row is not None
        return int(row[0])


async def end_sessions(database: str, application_name: str) -> None:
    connection = await connect_async(database, application_name="test")
    async with connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = %s",
            [application_name],
        )


def test_a_reader_is_woken_when_the_rows_it_waits_for_are_there(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            await books.append_and_project(requested())
            head = await books.log.head_async()
            invoices = [requested() for _ in range(20)]
            waits = [
                asyncio.ensure_future(books.invoices.wait_for("invoices", head + 1 + index, 10))
                for index in range(20)
            ]
            for invoice in invoices:
                await append(books.log, invoice)
            assert all(await asyncio.gather(*waits))
            for invoice in invoices:
                assert await books.invoices.get_invoice(invoice.view.app_id, invoice.id)
            assert await count(database, "application_name = 'billhook notifier'") == 1

    asyncio.run(scenario())


def test_the_wait_ends_well_before_the_next_poll(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            await books.append_and_project(requested())
            fastest_s = 1.0
            for _ in range(5):
                position = await append(books.log, requested())
                began_s = time.monotonic()
                assert await books.invoices.wait_for("invoices", position, 10)
                fastest_s = min(fastest_s, time.monotonic() - began_s)
            assert fastest_s < 0.2

    asyncio.run(scenario())


def test_a_position_that_does_not_come_ends_in_false(database: str) -> None:
    async def scenario() -> None:
        async with reading(database) as books:
            position = await append(books.log, requested())
            assert not await books.invoices.wait_for("invoices", position, 0.05)
            assert await books.invoices.wait_for("invoices", 0, 5)
            assert await books.invoices.position("invoices") == 0
            with pytest.raises(UnknownProjection):
                await books.invoices.position("nothing")

    asyncio.run(scenario())


def test_each_projection_has_a_position_of_its_own(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            position = await books.append_and_project(requested())
            assert await books.invoices.position("invoices") == position
            # Also one that has nothing to fold passes the event.
            assert await books.invoices.wait_for("access", position, 10)

    asyncio.run(scenario())


@pytest.mark.parametrize("lost", ["billhook notifier", "billhook read"])
def test_readers_outlive_their_sessions(database: str, lost: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            await books.append_and_project(requested())
            await end_sessions(database, lost)
            invoice = requested()
            await books.append_and_project(invoice)
            assert await books.invoices.get_invoice(invoice.view.app_id, invoice.id)

    asyncio.run(scenario())


def test_an_unreachable_database_is_reported_within_the_timeout() -> None:
    async def scenario() -> None:
        nowhere = "host=127.0.0.1 port=1 dbname=none"
        async with await open_pool(nowhere, deadline_s=0.2) as pool:
            with pytest.raises(ReadModelUnavailable):
                await AccessQueries(pool).freshness()
            assert not await InvoiceQueries(pool).wait_for("invoices", 1, 0.1)

    asyncio.run(scenario())


def test_closing_ends_every_session_of_the_readers(database: str) -> None:
    async def scenario() -> None:
        async with await open_pool(database) as pool:
            await InvoiceQueries(pool).wait_for("invoices", 1, 0.05)
            await AccessQueries(pool).freshness()
            ours = "application_name IN ('billhook notifier', 'billhook read')"
            assert await count(database, ours) > 0

        async def all_gone() -> bool:
            return await count(database, ours) == 0

        await until_async(all_gone)
        with pytest.raises(ReadModelUnavailable):
            await AccessQueries(pool).freshness()
        assert not await InvoiceQueries(pool).wait_for("invoices", 1, 5)

    asyncio.run(scenario())
