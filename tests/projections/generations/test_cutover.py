import asyncio

import pytest

from eventlog.database.connect import connect_async
from projections.engine.errors import GenerationsDiffer
from projections.invoices.queries import InvoiceFilter
from tests.projections.generations.rebuilds import execute, generations, rebuilt
from tests.projections.harness import APP, paid_invoices, projecting, requested
from tests.support.wait_until import until

_WRITE_TOTAL = (
    "UPDATE read.timeline SET data = jsonb_set(data, '{totalMinor}', %s::text::jsonb)"
    " WHERE data @> '{\"totalMinor\": 1000}'"
)
_TOTALS = "SELECT data ->> 'totalMinor' FROM read.timeline WHERE data @> '{\"totalMinor\": 1000}'"
SWITCH = "SELECT read.switch_generation('invoices', 2, interval '1 hour')"


def filled(database: str, *, position: int) -> None:
    """A second generation that has come to a position."""
    execute(database, "SELECT read.new_generation('invoices')")
    execute(database, "SELECT read.index_generation('invoices', 2)")
    execute(
        database,
        "UPDATE read.generations SET state = 'following' WHERE state = 'building'",
    )
    execute(
        database,
        "INSERT INTO eventlog.followers VALUES ('invoices_g2', %s, now())",
        position,
    )


def test_views_never_point_to_a_generation_that_is_behind(database: str) -> None:
    async def scenario() -> int:
        async with projecting(database) as books:
            return await books.append_and_project(requested())

    position = asyncio.run(scenario())
    filled(database, position=position - 1)
    assert execute(database, SWITCH) == [(False,)]
    assert generations(database) == [(1, "active"), (2, "following")]
    assert execute(database, "SELECT count(*) FROM read.invoices") == [(1,)]
    execute(
        database,
        "UPDATE eventlog.followers SET position = position + 1 WHERE name = 'invoices_g2'",
    )
    assert execute(database, SWITCH) == [(True,)]
    assert generations(database) == [(1, "retiring"), (2, "active")]
    assert execute(database, "SELECT count(*) FROM read.invoices") == [(0,)]


def test_a_generation_that_answers_is_not_dropped(database: str) -> None:
    execute(database, "SELECT read.drop_generation('invoices', 1)")
    assert generations(database) == [(1, "active")]
    assert execute(database, "SELECT count(*) FROM read.invoices") == [(0,)]


def test_json_is_compared_by_its_values_not_by_its_bytes(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            await books.append_and_project(*paid_invoices(3))
            execute(database, _WRITE_TOTAL, "1000.00")
            assert execute(database, _TOTALS) == [("1000.00",)]
            assert (await rebuilt(database)).differing == 0
            assert execute(database, _TOTALS) == [("1000",)]
            execute(database, _WRITE_TOTAL, "1000.01")
            with pytest.raises(GenerationsDiffer):
                await rebuilt(database)

    asyncio.run(scenario())


def test_a_long_reader_holds_back_the_switch_but_no_other_reader(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            await books.append_and_project(*paid_invoices(3))
            connection = await connect_async(database, application_name="test", autocommit=False)
            async with connection:
                await connection.execute("SELECT count(*) FROM read.invoices")
                rebuilding = asyncio.ensure_future(rebuilt(database))
                waiting = (
                    "SELECT 1 FROM pg_locks JOIN pg_database AS db ON db.oid = pg_locks.database"
                    " WHERE NOT granted AND mode = 'AccessExclusiveLock'"
                    " AND db.datname = current_database()"
                )
                for _ in range(3):
                    await until(lambda: execute(database, waiting))
                    page = await books.invoices.list_invoices(InvoiceFilter(APP))
                    assert page.total == 3
                assert not rebuilding.done()
                await connection.rollback()
                assert (await rebuilding).differing == 0
            assert generations(database) == [(1, "retiring"), (2, "active")]

    asyncio.run(scenario())
