"""Checks of the event log's hash chains that were started on the dashboard, with their progress.

Any process of the service shows them. They are not events: a lost one is started again.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

import psycopg
from psycopg.rows import class_row
from psycopg_pool import PoolClosed, PoolTimeout

from eventlog.database.connect import pool
from projections.engine.errors import ReadModelUnavailable

KEPT: Final = 10
"""Finished checks of an app that are kept."""
_CONNECT_WITHIN_S: Final = 5.0

# One of an app at a time: its row is alive while its process writes to it.
_START: Final[LiteralString] = """
    INSERT INTO work.log_checks (id, app, stream, first, last, "of")
    SELECT %(id)s, %(app)s, %(stream)s, %(first)s, %(last)s, %(of)s
    WHERE NOT EXISTS (
        SELECT FROM work.log_checks WHERE app = %(app)s AND finished_at IS NULL
            AND seen_at > clock_timestamp() - interval '15 seconds'
    )
    RETURNING id
"""
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('billhook log checks', 0))"
_TRIM: Final[LiteralString] = """
    DELETE FROM work.log_checks WHERE app = %(app)s AND id NOT IN (
        SELECT id FROM work.log_checks WHERE app = %(app)s ORDER BY started_at DESC LIMIT %(kept)s
    )
"""
_UPDATE: Final[LiteralString] = """
    UPDATE work.log_checks SET checked = %(checked)s, first_broken = %(first_broken)s,
        reason = %(reason)s, seen_at = clock_timestamp(),
        finished_at = CASE WHEN %(is_over)s THEN clock_timestamp() END
    WHERE id = %(id)s
    RETURNING canceled_at IS NOT NULL
"""
_CANCEL: Final[LiteralString] = """
    UPDATE work.log_checks SET canceled_at = clock_timestamp()
    WHERE id = %s AND app = %s AND finished_at IS NULL AND canceled_at IS NULL
"""
_LIST: Final[LiteralString] = """
    SELECT id, stream, first, last, "of", checked, first_broken, reason, started_at, finished_at,
        coalesce(canceled_at IS NOT NULL AND checked < "of", false) AS is_canceled,
        finished_at IS NULL AND seen_at <= clock_timestamp() - interval '15 seconds' AS is_lost
    FROM work.log_checks WHERE app = %s ORDER BY started_at DESC LIMIT %s
"""


@dataclass(frozen=True, kw_only=True)
class LogCheck:
    """A check of a range of positions, or of one stream, and how far it is.

    `of`: how many events there are to check, where it is known. `is_lost`: its process ended.
    `is_canceled`: someone canceled it; it ends with the part that is being checked.
    `reason`: why the log is not sound at `first_broken`, or why the check failed.
    """

    id: UUID
    stream: UUID | None
    first: int
    last: int
    of: int | None
    checked: int
    first_broken: int | None
    reason: str | None
    started_at: datetime
    finished_at: datetime | None
    is_canceled: bool
    is_lost: bool

    @property
    def is_running(self) -> bool:
        """Return whether its process is at work on it."""
        return self.finished_at is None and not self.is_lost


class LogChecks:
    """Stores checks; connects at the first one."""

    def __init__(self, dsn: str) -> None:
        """Use `open` before the first call."""
        self._pool = pool(dsn, application_name="billhook log checks", min_size=0, max_size=2)

    async def open(self) -> None:
        """Allow sessions to be opened on demand."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Close the sessions."""
        await self._pool.close()

    async def start(
        self,
        check_id: UUID,
        app_id: UUID,
        *,
        stream: UUID | None,
        first: int,
        last: int,
        of: int | None,
    ) -> bool:
        """Add a check; return whether it may begin: not while another of the app is running.

        Raises ReadModelUnavailable.
        """
        known = {"id": check_id, "app": app_id, "stream": stream, "first": first, "last": last}
        try:
            async with (
                self._pool.connection(timeout=_CONNECT_WITHIN_S) as connection,
                connection.transaction(),
            ):
                await connection.execute(_LOCK)
                cursor = await connection.execute(_START, known | {"of": of})
                may_begin = await cursor.fetchone() is not None
                await connection.execute(_TRIM, {"app": app_id, "kept": KEPT + 1})
        except (psycopg.Error, PoolTimeout, PoolClosed) as error:
            raise ReadModelUnavailable(type(error).__name__) from None
        return may_begin

    async def update(
        self,
        check_id: UUID,
        *,
        checked: int,
        is_over: bool = False,
        first_broken: int | None = None,
        reason: str | None = None,
    ) -> bool:
        """Store the progress or the result of a check; return whether to go on.

        Not when it was canceled or its row was deleted. Raises ReadModelUnavailable.
        """
        known = {"id": check_id, "checked": checked, "is_over": is_over}
        found = {"first_broken": first_broken, "reason": reason}
        try:
            async with self._pool.connection(timeout=_CONNECT_WITHIN_S) as connection:
                cursor = await connection.execute(_UPDATE, known | found)
                row = await cursor.fetchone()
        except (psycopg.Error, PoolTimeout, PoolClosed) as error:
            raise ReadModelUnavailable(type(error).__name__) from None
        return row is not None and not row[0]

    async def cancel(self, app_id: UUID, check_id: UUID) -> None:
        """Cancel an app's check, if it runs. Raises ReadModelUnavailable."""
        try:
            async with self._pool.connection(timeout=_CONNECT_WITHIN_S) as connection:
                await connection.execute(_CANCEL, [check_id, app_id])
        except (psycopg.Error, PoolTimeout, PoolClosed) as error:
            raise ReadModelUnavailable(type(error).__name__) from None

    async def newest(self, app_id: UUID) -> list[LogCheck]:
        """Return an app's checks, newest first. Raises ReadModelUnavailable."""
        try:
            async with (
                self._pool.connection(timeout=_CONNECT_WITHIN_S) as connection,
                connection.cursor(row_factory=class_row(LogCheck)) as cursor,
            ):
                await cursor.execute(_LIST, [app_id, KEPT])
                return await cursor.fetchall()
        except (psycopg.Error, PoolTimeout, PoolClosed) as error:
            raise ReadModelUnavailable(type(error).__name__) from None
