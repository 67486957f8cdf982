"""Kept plans of generic queries."""

import asyncio

from psycopg.sql import SQL

from eventlog.database.connect import connect_async
from projections.engine.pool import open_pool
from tests.support.tcp_proxy import proxied

# A function that is immutable, as it says, is called when a query is planned, not when it runs.
_PLAN_COUNTER = """
    CREATE SEQUENCE plans;
    CREATE FUNCTION plan_number() RETURNS bigint LANGUAGE plpgsql IMMUTABLE
        AS 'BEGIN RETURN nextval(''plans''); END'
"""
_PLAN_NUMBER = SQL("SELECT plan_number() AS plan, %s::int AS value")


async def plans_of_two_queries(database: str, *, plans_kept_s: float, is_generic: bool) -> set[int]:
    async with await connect_async(database, application_name="test") as connection:
        await connection.execute(_PLAN_COUNTER)
    async with await open_pool(database, max_size=1, plans_kept_s=plans_kept_s) as pool:
        answers = [await pool.fetch(_PLAN_NUMBER, [n], is_generic=is_generic) for n in (1, 2)]
    assert [row["value"] for (row,) in answers] == [1, 2]
    return {row["plan"] for (row,) in answers}


def test_a_generic_query_keeps_its_plan(database: str) -> None:
    plans = plans_of_two_queries(database, plans_kept_s=3600, is_generic=True)
    assert len(asyncio.run(plans)) == 1


def test_a_generic_query_is_planned_anew_after_a_while(database: str) -> None:
    plans = plans_of_two_queries(database, plans_kept_s=0, is_generic=True)
    assert len(asyncio.run(plans)) == 2


def test_other_queries_are_planned_each_time(database: str) -> None:
    plans = plans_of_two_queries(database, plans_kept_s=3600, is_generic=False)
    assert len(asyncio.run(plans)) == 2


def test_a_query_that_reads_little_is_repeated_where_its_session_is_silent(database: str) -> None:
    async def scenario() -> None:
        with proxied(database) as proxy:
            async with await open_pool(proxy.dsn) as pool:
                await pool.fetch(SQL("SELECT 1 AS one"))
                proxy.fall_silent()
                async with asyncio.timeout(5):
                    assert await pool.fetch(SQL("SELECT 2 AS two"), silence_s=0.5) == [{"two": 2}]

    asyncio.run(scenario())
