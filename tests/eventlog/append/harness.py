"""Run a scenario on a log, and hold its appends up at the server."""

import asyncio
from collections.abc import Awaitable, Callable

import psycopg

from eventlog.append.limits import DEFAULT_LIMITS, CommitLimits
from eventlog.log import Log
from tests.support.wait_until import until_async

_LOCK = "SELECT pg_advisory_lock(x'6576656e746c6f67'::bigint)"
_UNLOCK = "SELECT pg_advisory_unlock_all()"
_WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def with_log(
    dsn: str, scenario: Callable[[Log], Awaitable[None]], limits: CommitLimits = DEFAULT_LIMITS
) -> None:
    async def run() -> None:
        log = await Log.open_async(dsn, limits=limits)
        try:
            await scenario(log)
        finally:
            await log.close_async()

    asyncio.run(run())


class Gate:
    """Holds every append up at the server until it is opened."""

    def __init__(self, database: str) -> None:
        self._connection = psycopg.connect(database, autocommit=True)
        self._connection.execute(_LOCK)

    async def reached(self, appends: int = 1) -> None:
        async def waiting() -> bool:
            row = self._connection.execute(_WAITING).fetchone()
            return row is not None and row[0] >= appends

        await until_async(waiting)

    def open(self) -> None:
        self._connection.execute(_UNLOCK)

    def close(self) -> None:
        self._connection.close()
