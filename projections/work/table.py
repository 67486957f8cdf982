"""The work table: jobs that events require and that are not finished.

The relay inserts and deletes rows in the transaction of its position; a dispatcher sends due rows
to the queue, and sends again what stays open. So the queue may lose everything at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncCursor
from psycopg.rows import TupleRow, class_row
from psycopg.types.json import Jsonb

from eventlog.database.statements import Statement, execute_together
from eventlog.follow.handler import Writes
from projections.work.scheduling import TAKE_DUE
from projections.work.sessions import SessionPool

CHANNEL: Final = "billhook_work"
RESEND_AFTER: Final = timedelta(seconds=30)
# A sent row is picked up within milliseconds, unless Redis or its worker lost it.
_IN_TRANSIT: Final = timedelta(seconds=5)


@dataclass(frozen=True, kw_only=True)
class OpenJob:
    """Insert a job; one with the same key becomes due again.

    `connection`: the name of the connection that it calls, None where the event does not have it.
    """

    key: str
    app: UUID
    queue: str
    actor: str
    args: dict[str, str]
    connection: str | None = None
    delay_s: float = 0.0


@dataclass(frozen=True)
class CloseJob:
    """Delete a job that is finished or no longer required."""

    key: str


@dataclass(frozen=True)
class GiveUpJob:
    """Mark a job whose retries are exhausted; its row waits for an operator."""

    key: str
    reason: str


@dataclass(frozen=True)
class ResendJob:
    """Retry a job that gave up, with all its tries, as an operator requested."""

    key: str


JobChange = OpenJob | CloseJob | GiveUpJob | ResendJob


@dataclass(frozen=True, kw_only=True)
class Job:
    """A row as a worker reads it. `sends` distinguishes a message from an older one of the row.

    `connection` as in OpenJob. `is_outage`: the connection's circuit breaker is open, so that it
    must not be called; true for lookups only.
    """

    id: int
    key: str
    app: UUID
    queue: str
    actor: str
    args: dict[str, Any]
    sends: int
    tries: int
    connection: str | None = None
    is_outage: bool = False


_JOB_COLUMNS: Final = "id key app queue actor args sends tries connection".split()
_CLOSE: Final = b"DELETE FROM work.jobs WHERE key = ANY(%s)"
_OPEN: Final = b"""
    INSERT INTO work.jobs (key, app, queue, actor, args, connection, due_at)
    SELECT key, app, queue, actor, args, connection,
        clock_timestamp() + make_interval(secs => delay_s)
    FROM unnest(
        %s::text[], %s::uuid[], %s::text[], %s::text[], %s::jsonb[], %s::text[], %s::float8[]
    ) AS job (key, app, queue, actor, args, connection, delay_s)
    ON CONFLICT (key) DO UPDATE
        SET due_at = excluded.due_at, args = excluded.args, sent_at = NULL, tries = 0,
            last_error = NULL, gave_up_at = NULL,
            connection = coalesce(excluded.connection, jobs.connection)
"""
_GIVE_UP: Final = """
    UPDATE work.jobs SET gave_up_at = clock_timestamp(), sent_at = NULL, last_error = %s
    WHERE key = %s
"""
_RESEND: Final = """
    UPDATE work.jobs SET gave_up_at = NULL, sent_at = NULL, due_at = clock_timestamp(), tries = 0
    WHERE key = %s AND gave_up_at IS NOT NULL
"""


def writes_of(changes: Sequence[JobChange]) -> Writes | None:
    """Return the statements that open and close jobs; None where changes must be made in order."""
    ordered = _in_order(changes)
    if not all(isinstance(change, OpenJob | CloseJob) for change in ordered):
        return None
    is_opening = any(isinstance(change, OpenJob) for change in ordered)
    return Writes(_opening_and_closing(ordered), notify=CHANNEL if is_opening else None)


async def apply_changes(cursor: AsyncCursor[TupleRow], changes: Sequence[JobChange]) -> None:
    """Apply the changes in order, in the relay's transaction.

    A row that a batch opens and closes is never written.
    """
    ordered = _in_order(changes)
    await execute_together(cursor, _opening_and_closing(ordered))
    for change in ordered:
        match change:
            case GiveUpJob():
                await cursor.execute(_GIVE_UP, [change.reason, change.key])
            case ResendJob():
                await cursor.execute(_RESEND, [change.key])
    if any(isinstance(change, OpenJob | ResendJob) for change in ordered):
        await cursor.execute(f"NOTIFY {CHANNEL}")


def _in_order(changes: Iterable[JobChange]) -> list[JobChange]:
    """Return each job's changes from the last one on that opens or closes it."""
    wanted: dict[str, list[JobChange]] = {}
    for change in changes:
        before = [] if isinstance(change, OpenJob | CloseJob) else wanted.get(change.key, [])
        wanted[change.key] = [*before, change]
    return [change for of_key in wanted.values() for change in of_key]


def _opening_and_closing(changes: Sequence[JobChange]) -> list[Statement]:
    """Return the statements for jobs that are opened, and for others that are closed."""
    closed = [change.key for change in changes if isinstance(change, CloseJob)]
    opened = [change for change in changes if isinstance(change, OpenJob)]
    columns = [list(column) for column in zip(*map(_row, opened), strict=True)]
    return [
        *([(_CLOSE, [closed])] if closed else []),
        *([(_OPEN, columns)] if opened else []),
    ]


def _row(job: OpenJob) -> tuple[object, ...]:
    args = Jsonb(job.args)
    return (job.key, job.app, job.queue, job.actor, args, job.connection, job.delay_s)


class WorkTable:
    """Work rows for dispatchers and workers; each call is a transaction of its own."""

    def __init__(
        self,
        dsn: str,
        *,
        min_size: int = 1,
        max_size: int = 4,
        resend_after: timedelta = RESEND_AFTER,
    ) -> None:
        """Set after how many seconds a sent row that is still open is sent again."""
        self._resend_after = resend_after
        self._sessions = SessionPool(
            dsn, application_name="billhook work", min_size=min_size, max_size=max_size
        )

    def open(self) -> None:
        """Open the sessions; until then nothing is connected."""
        self._sessions.open()

    def close(self) -> None:
        """Close the sessions."""
        self._sessions.close()

    def take_due(self, *, limit: int) -> list[Job]:
        """Mark due rows as sent and return them, as `take_due_and_next` does."""
        return self.take_due_and_next(limit=limit)[0]

    def take_due_and_next(self, *, limit: int) -> tuple[list[Job], float | None]:
        """Mark due rows as sent and return them: fairly by app, and no more than threads are free.

        Without a registered worker, one row at a time is sent. Also return the seconds until rows
        may become due, no more than one while a row is due or in flight; None without one.
        """
        parameters = {
            "limit": limit,
            "resend": self._resend_after,
            "in_transit": min(_IN_TRANSIT, self._resend_after),
        }
        with self._sessions.session() as connection:
            rows = connection.execute(TAKE_DUE, parameters).fetchall()
        jobs = [
            Job(**dict(zip(_JOB_COLUMNS, row[1:], strict=True)))
            for row in rows
            if row[1] is not None
        ]
        return jobs, rows[0][0]

    def unsend(self, job_ids: Iterable[int]) -> None:
        """Clear the sent mark of jobs that could not be sent, so that they are due at once."""
        self._sessions.execute(
            "UPDATE work.jobs SET sent_at = NULL WHERE id = ANY(%s)", [list(job_ids)]
        )

    def touch(self, job_id: int) -> None:
        """Renew the sent mark of a running job, so that it is not sent again meanwhile."""
        self._sessions.execute(
            """UPDATE work.jobs SET sent_at = clock_timestamp()
               WHERE id = %s AND sent_at IS NOT NULL""",
            [job_id],
        )

    def postpone(self, job_id: int, *, delay_s: float, counted: bool, error: str) -> None:
        """Reschedule a job; `counted`: whether this used up a try."""
        self._sessions.execute(
            """UPDATE work.jobs SET sent_at = NULL, tries = tries + %s, last_error = %s,
                   due_at = clock_timestamp() + make_interval(secs => %s)
               WHERE id = %s""",
            [int(counted), error, delay_s, job_id],
        )

    def finish(self, job: Job) -> None:
        """Delete the row of a job with nothing left to do, unless it became due again since."""
        self._sessions.execute(
            "DELETE FROM work.jobs WHERE id = %s AND sends = %s AND sent_at IS NOT NULL",
            [job.id, job.sends],
        )

    def give_up(self, job: Job, *, error: str) -> None:
        """Mark a job as waiting for an operator, unless it became due again since."""
        self._sessions.execute(
            """UPDATE work.jobs SET gave_up_at = clock_timestamp(), sent_at = NULL, last_error = %s
               WHERE id = %s AND sends = %s AND sent_at IS NOT NULL""",
            [error, job.id, job.sends],
        )

    def overdue(self, *, older_than: timedelta, limit: int = 100) -> list[Job]:
        """List jobs that have been open for longer than that, oldest first.

        A job that is scheduled for later and has not failed yet is not overdue.
        """
        with self._sessions.session() as connection:
            cursor = connection.cursor(row_factory=class_row(Job))
            cursor.execute(
                """SELECT id, key, app, queue, actor, args, sends, tries FROM work.jobs
                   WHERE opened_at <= clock_timestamp() - %s AND gave_up_at IS NULL
                       AND (tries > 0 OR due_at <= clock_timestamp())
                   ORDER BY id LIMIT %s""",
                [older_than, limit],
            )
            return cursor.fetchall()
