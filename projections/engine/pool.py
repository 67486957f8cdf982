"""Run read-model queries on a connection pool."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from weakref import WeakKeyDictionary, WeakSet

import psycopg
from psycopg.abc import PQGen
from psycopg.errors import error_from_result
from psycopg.generators import fetch_many
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn
from psycopg.rows import DictRow, dict_row
from psycopg.sql import SQL, Composed
from psycopg.waiting import Wait
from psycopg_pool import PoolClosed, PoolTimeout

from eventlog.database.answering import lost_after
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
_GATHER_S: Final = 0.002
"""Time in which lines of COPY gather, less than what fills the socket (some 400 lines)."""

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
_KEEP_PLANS: Final = SQL("SET plan_cache_mode = force_generic_plan")
_PLAN_EACH: Final = SQL("SET plan_cache_mode = force_custom_plan")
_FORGET_PLANS: Final = SQL("DISCARD PLANS")
# A plan that was made while a table was small may read far too much of it soon after.
_PLANS_KEPT_S: Final = 10.0


class ReadPool:
    """Sessions for one process's readers, and the bell that tells them of new positions.

    Opening does not connect: a database that is away is met at the first question.
    """

    def __init__(
        self, dsn: str, *, max_size: int, deadline_s: float, plans_kept_s: float = _PLANS_KEPT_S
    ) -> None:
        """Use `open_pool`."""
        self._pool = pool(
            dsn, application_name="billhook read", max_size=max_size, settings=READ_SETTINGS
        )
        self._share = FairShare(sessions=max_size)
        self._deadline_s = deadline_s
        self._plans_kept_s = plans_kept_s
        self._generic = WeakSet[psycopg.AsyncConnection[Any]]()
        self._planned_from_s = WeakKeyDictionary[psycopg.AsyncConnection[Any], float]()
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
                reads, pgconn = cursor.connection.wait, cursor.connection.pgconn
                while await reads(_read_lines(pgconn, lines)):  # noqa: ASYNC110 - lines gather
                    await asyncio.sleep(_GATHER_S)
            return lines

        return await self._run(run)

    async def fetch(
        self,
        query: SQL | Composed,
        parameters: Sequence[object] | Mapping[str, object] = (),
        *,
        is_generic: bool = False,
        silence_s: float | None = None,
    ) -> list[DictRow]:
        """Run one query; repeat it on another session while connections are lost.

        `is_generic`: one plan suits any values, and a session keeps it for `plans_kept_s`. Its
        answer comes in binary: bits have half the length. All other queries are planned each time.
        A session without an answer for `silence_s` is lost: for a query that reads little.
        One statement only: its snapshot is newer than its look at where the views point, so that
        a switch of generations in between takes no row from the reader.
        Raises ReadModelUnavailable.
        """

        async def run(cursor: Cursor) -> list[DictRow]:
            if (cursor.connection in self._generic) != is_generic:
                await self._set_plans(cursor, is_generic=is_generic)
            if is_generic:
                await self._forget_old_plans(cursor)
            prepare = True if is_generic else None
            await cursor.execute(query, parameters, prepare=prepare, binary=is_generic)
            return await cursor.fetchall()

        return await self._run(run, silence_s=silence_s)

    async def _set_plans(self, cursor: Cursor, *, is_generic: bool) -> None:
        """Let a session keep plans, or plan each query anew; it costs less than a plan."""
        await cursor.execute(_KEEP_PLANS if is_generic else _PLAN_EACH)
        if is_generic:
            self._generic.add(cursor.connection)
        else:
            self._generic.discard(cursor.connection)

    async def _forget_old_plans(self, cursor: Cursor) -> None:
        """Let a session plan its queries anew where it has had their plans for too long."""
        now_s = time.monotonic()
        planned_from_s = self._planned_from_s.setdefault(cursor.connection, now_s)
        if now_s - planned_from_s >= self._plans_kept_s:
            await cursor.execute(_FORGET_PLANS)
            self._planned_from_s[cursor.connection] = now_s

    async def _run(
        self, run: Callable[[Cursor], Awaitable[list[Row]]], *, silence_s: float | None = None
    ) -> list[Row]:
        deadline_s = time.monotonic() + self._deadline_s
        while True:
            left_s = max(deadline_s - time.monotonic(), 0.001)
            try:
                async with (
                    self._share.hold(timeout_s=left_s),
                    self._pool.connection(timeout=left_s) as connection,
                ):
                    with lost_after(connection, silence_s):
                        return await run(connection.cursor(row_factory=dict_row))
            except (TimeoutError, PoolTimeout, PoolClosed, psycopg.errors.QueryCanceled) as error:
                raise ReadModelUnavailable(type(error).__name__) from None
            except _LOST as error:
                if time.monotonic() > deadline_s:
                    raise ReadModelUnavailable(type(error).__name__) from None
                await asyncio.sleep(_RETRY_PAUSE_S)
            except psycopg.Error as error:
                raise ReadModelUnavailable(type(error).__name__) from None


def _read_lines(pgconn: PGconn, lines: list[bytes]) -> PQGen[bool]:
    """Wait until lines come and read them; return whether there may be more.

    psycopg's own iterator of COPY makes a generator for each line, and waits for the socket as
    often as the server sends its buffer of 8 KiB.
    """
    has_waited = False
    while True:
        known = len(lines)
        size, line = pgconn.get_copy_data(1)
        while size > 0:
            lines.append(bytes(line))
            size, line = pgconn.get_copy_data(1)
        if size < 0:
            (result,) = yield from fetch_many(pgconn)
            if result.status != ExecStatus.COMMAND_OK:
                raise error_from_result(result)
            return False
        if has_waited and len(lines) == known:
            return True
        while not (has_waited or (yield Wait.R)):
            pass
        has_waited = True
        pgconn.consume_input()


async def open_pool(
    dsn: str, *, max_size: int = 8, deadline_s: float = 5, plans_kept_s: float = _PLANS_KEPT_S
) -> ReadPool:
    """Open a pool on the running loop. Close it with `close`, or use it in `async with`."""
    opened = ReadPool(dsn, max_size=max_size, deadline_s=deadline_s, plans_kept_s=plans_kept_s)
    await opened.open()
    return opened
