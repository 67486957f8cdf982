"""Run read-model queries on a connection pool."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Final, Self, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.generators import copy_from
from psycopg.pq.abc import PGconn
from psycopg.rows import DictRow, dict_row
from psycopg.sql import SQL, Composed
from psycopg_pool import PoolClosed, PoolTimeout

from eventlog.database.connect import POOL_SETTINGS, pool
from eventlog.database.fair_share import FairShare
from projections.engine.errors import ReadModelUnavailable
from projections.engine.notify import ReadModelNotifier

_LOST: Final = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.ReadOnlySqlTransaction,
)
_RETRY_PAUSE_S: Final = 0.05

Row = TypeVar("Row")
Cursor = psycopg.AsyncCursor[DictRow]

# Every question has its index. Without fresh statistics, or where one app has most of the rows, the
# planner would rather read the table from its beginning, and find that app's rows at its end.
# Counts stop at a cap, and pages at their end: what would first read or hash all that fits is off.
# A plan fits its values: what is rare in one app is most of another.
READ_SETTINGS: Final = {
    **POOL_SETTINGS,
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "plan_cache_mode": "force_custom_plan",
}


class ReadPool:
    """Sessions for one process's readers, and the bell that tells them of new positions.

    Opening does not connect: a database that is away is met at the first question.
    """

    def __init__(self, dsn: str, *, max_size: int, deadline_s: float) -> None:
        """Use `open_pool`."""
        self._pool = pool(
            dsn, application_name="billhook read", max_size=max_size, settings=READ_SETTINGS
        )
        self._share = FairShare(sessions=max_size)
        self._deadline_s = deadline_s
        self.notifier = ReadModelNotifier(dsn)

    async def open(self) -> None:
        """Begin to connect."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Hang up. Closing twice changes nothing."""
        await self.notifier.close()
        await self._pool.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def copy_csv(
        self, query: SQL | Composed, parameters: Sequence[object] | Mapping[str, object] = ()
    ) -> list[bytes]:
        """Run one query as `fetch`; return its rows as lines of CSV, which suits very many."""
        statement = SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(query)

        async def run(cursor: Cursor) -> list[bytes]:
            lines: list[bytes] = []
            async with cursor.copy(statement, parameters):
                await cursor.connection.wait(_read_lines(cursor.connection.pgconn, lines))
            return lines

        return await self._run(run)

    async def fetch(
        self, query: SQL | Composed, parameters: Sequence[object] | Mapping[str, object] = ()
    ) -> list[DictRow]:
        """Run one query; repeat it on another session while connections are lost.

        One statement only: its snapshot is newer than its look at where the views point, so that
        a switch of generations in between takes no row from the reader.
        Raises ReadModelUnavailable.
        """

        async def run(cursor: Cursor) -> list[DictRow]:
            await cursor.execute(query, parameters)
            return await cursor.fetchall()

        return await self._run(run)

    async def _run(self, run: Callable[[Cursor], Awaitable[list[Row]]]) -> list[Row]:
        deadline_s = time.monotonic() + self._deadline_s
        while True:
            left_s = max(deadline_s - time.monotonic(), 0.001)
            try:
                async with (
                    self._share.hold(timeout_s=left_s),
                    self._pool.connection(timeout=left_s) as connection,
                ):
                    return await run(connection.cursor(row_factory=dict_row))
            except (TimeoutError, PoolTimeout, PoolClosed, psycopg.errors.QueryCanceled) as error:
                raise ReadModelUnavailable(type(error).__name__) from None
            except _LOST as error:
                if time.monotonic() > deadline_s:
                    raise ReadModelUnavailable(type(error).__name__) from None
                await asyncio.sleep(_RETRY_PAUSE_S)
            except psycopg.Error as error:
                raise ReadModelUnavailable(type(error).__name__) from None


def _read_lines(pgconn: PGconn, lines: list[bytes]) -> PQGen[None]:
    """Read all lines of a COPY; its own iterator would wait for the socket line by line."""
    while isinstance(line := (yield from copy_from(pgconn)), memoryview):
        lines.append(bytes(line))


async def open_pool(dsn: str, *, max_size: int = 8, deadline_s: float = 5) -> ReadPool:
    """Open a pool on the running loop. Close it with `close`, or use it in `async with`."""
    opened = ReadPool(dsn, max_size=max_size, deadline_s=deadline_s)
    await opened.open()
    return opened
