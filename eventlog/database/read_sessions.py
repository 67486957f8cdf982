"""Run the log's queries on pooled sessions."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg
from eventsourcing.persistence import DatabaseError
from psycopg.rows import TupleRow

from eventlog.database.answering import lost_after
from eventlog.database.connect import POOL_SETTINGS, pool
from eventlog.database.fair_share import FairShare
from eventlog.errors import LogClosed, LogUnavailable

T = TypeVar("T")

_PAUSE_S = 0.1
_SESSIONS = 4
_POOL_WAIT_S = 1.0
# Planning a query of streams takes longer than executing it, and its plan fits all values.
_SETTINGS = {**POOL_SETTINGS, "plan_cache_mode": "force_generic_plan"}


class ReadSessions:
    """Sessions that read the log, shared fairly by their callers."""

    def __init__(
        self, dsn: str, *, application_name: str, deadline_s: float, is_closed: Callable[[], bool]
    ) -> None:
        """Connect nothing yet. `is_closed`: whether queries are to be refused."""
        self._pool = pool(
            dsn, application_name=application_name, max_size=_SESSIONS, settings=_SETTINGS
        )
        self._share = FairShare(sessions=_SESSIONS)
        self._deadline_s = deadline_s
        self._is_closed = is_closed

    async def open(self) -> None:
        """Start the pool, without waiting for a session."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Close the sessions."""
        await self._pool.close()

    async def run(
        self,
        query: Callable[[psycopg.AsyncConnection[TupleRow]], Awaitable[T]],
        *,
        silence_s: float | None = None,
    ) -> T:
        """Run a query on a pooled session; replace a lost connection until the deadline.

        A session without an answer for `silence_s` is lost: for a query that reads little.
        """
        deadline_s = time.monotonic() + self._deadline_s
        while True:
            if self._is_closed():
                raise LogClosed("the event log is closed")
            left_s = max(deadline_s - time.monotonic(), 0.001)
            try:
                async with (
                    self._share.hold(timeout_s=left_s),
                    self._pool.connection(timeout=min(left_s, _POOL_WAIT_S)) as session,
                ):
                    with lost_after(session, silence_s):
                        return await query(session)
            except (TimeoutError, psycopg.OperationalError, psycopg.InterfaceError) as error:
                if time.monotonic() >= deadline_s:
                    raise LogUnavailable(type(error).__name__) from None
            except psycopg.Error as error:
                raise DatabaseError(f"{type(error).__name__} ({error.sqlstate})") from error
            await asyncio.sleep(_PAUSE_S)
