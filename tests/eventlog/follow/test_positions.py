import asyncio

from eventlog.database.connect import connect_async
from eventlog.follow.positions import (
    failed_attempts,
    forget_failure,
    record_failure,
    stored_position,
)


def test_attempts_are_counted_at_one_position_and_anew_at_the_next(database: str) -> None:
    async def scenario() -> None:
        async with await connect_async(database, application_name="test") as connection:
            assert await stored_position(connection, "rows") == 0

            async def fail(position: int) -> int:
                error = ValueError("unfit")
                return await record_failure(connection, "rows", position=position, error=error)

            assert [await fail(3), await fail(3), await fail(3)] == [1, 2, 3]
            assert await failed_attempts(connection, "rows") == 3
            assert await fail(5) == 1
            await forget_failure(connection.cursor(), "rows")
            assert await failed_attempts(connection, "rows") == 0

    asyncio.run(scenario())
