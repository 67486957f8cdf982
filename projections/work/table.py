"""The work table: jobs that events require and that are not finished.

The relay inserts and deletes rows in the transaction of its position; a dispatcher sends due rows
to the queue, and sends again what stays open. So the queue may lose everything at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, LiteralString
from uuid import UUID

import psycopg
from psycopg import AsyncCursor
from psycopg.rows import TupleRow, class_row
from psycopg.types.json import Jsonb

from eventlog.database.connect import connect
from projections.work.sessions import SessionPool, WorkUnavailable

CHANNEL: Final = "billhook_work"
RESEND_AFTER: Final = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class OpenJob:
    """Insert a job; one with the same key becomes due again."""

    key: str
    app: UUID
    queue: str
    actor: str
    args: dict[str, str]
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
    """A row as a worker reads it. `sends` distinguishes a message from an older one of the row."""

    id: int
    key: str
    app: UUID
    queue: str
    actor: str
    args: dict[str, Any]
    sends: int
    tries: int


_OPEN: Final = """
    INSERT INTO work.jobs (key, app, queue, actor, args, due_at)
    VALUES (%s, %s, %s, %s, %s, clock_timestamp() + make_interval(secs => %s))
    ON CONFLICT (key) DO UPDATE
        SET due_at = excluded.due_at, args = excluded.args, sent_at = NULL, tries = 0,
            last_error = NULL, gave_up_at = NULL
"""
_GIVE_UP: Final = """
    UPDATE work.jobs SET gave_up_at = clock_timestamp(), sent_at = NULL, last_error = %s
    WHERE key = %s
"""
_RESEND: Final = """
    UPDATE work.jobs SET gave_up_at = NULL, sent_at = NULL, due_at = clock_timestamp(), tries = 0
    WHERE key = %s AND gave_up_at IS NOT NULL
"""


async def apply_changes(cursor: AsyncCursor[TupleRow], changes: Sequence[JobChange]) -> None:
    """Apply the changes in order, in the relay's transaction.

    A row that a batch opens and closes is never written.
    """
    wanted: dict[str, list[JobChange]] = {}
    for change in changes:
        before = [] if isinstance(change, OpenJob | CloseJob) else wanted.get(change.key, [])
        wanted[change.key] = [*before, change]
    ordered = [change for of_key in wanted.values() for change in of_key]
    closed = [change.key for change in ordered if isinstance(change, CloseJob)]
    opened = [change for change in ordered if isinstance(change, OpenJob)]
    if closed:
        await cursor.execute("DELETE FROM work.jobs WHERE key = ANY(%s)", [closed])
    if opened:
        await cursor.executemany(_OPEN, [_row(job) for job in opened])
    for change in ordered:
        match change:
            case GiveUpJob():
                await cursor.execute(_GIVE_UP, [change.reason, change.key])
            case ResendJob():
                await cursor.execute(_RESEND, [change.key])
    if opened or any(isinstance(change, ResendJob) for change in ordered):
        await cursor.execute(f"NOTIFY {CHANNEL}")


def _row(job: OpenJob) -> tuple[object, ...]:
    return (job.key, job.app, job.queue, job.actor, Jsonb(job.args), job.delay_s)


# Round robin: each app's oldest row first, then each app's second, and so on; an app that has
# `cap` rows in flight waits. SKIP LOCKED lets several dispatchers work beside each other.
_TAKE_DUE: Final[LiteralString] = """
    WITH flying AS (
        SELECT app, count(*) AS rows FROM work.jobs
        WHERE sent_at > clock_timestamp() - %(resend)s GROUP BY app
    ), due AS (
        SELECT jobs.id, jobs.due_at,
               row_number() OVER (PARTITION BY jobs.app ORDER BY jobs.due_at, jobs.id)
                   + coalesce(flying.rows, 0) AS turn
        FROM work.jobs LEFT JOIN flying USING (app)
        WHERE jobs.due_at <= clock_timestamp() AND jobs.gave_up_at IS NULL
          AND (jobs.sent_at IS NULL OR jobs.sent_at <= clock_timestamp() - %(resend)s)
    ), chosen AS (
        SELECT jobs.id FROM work.jobs JOIN due USING (id)
        WHERE due.turn <= %(cap)s AND jobs.gave_up_at IS NULL
          AND (jobs.sent_at IS NULL OR jobs.sent_at <= clock_timestamp() - %(resend)s)
        ORDER BY due.turn, due.due_at, jobs.id
        LIMIT %(limit)s
        FOR UPDATE OF jobs SKIP LOCKED
    )
    UPDATE work.jobs SET sent_at = clock_timestamp(), sends = sends + 1
    FROM chosen WHERE jobs.id = chosen.id
    RETURNING jobs.id, key, app, queue, actor, args, sends, tries
"""


# Each half by its index: rows may wait for months, and are many then.
NEXT_DUE: Final[LiteralString] = """
    SELECT extract(epoch FROM least(
        (SELECT due_at FROM work.jobs
         WHERE sent_at IS NULL AND gave_up_at IS NULL ORDER BY due_at LIMIT 1),
        (SELECT min(greatest(due_at, sent_at + %s)) FROM work.jobs
         WHERE sent_at IS NOT NULL AND gave_up_at IS NULL)
    ) - clock_timestamp())::float8
"""


class WorkTable:
    """Work rows for dispatchers and workers; each call is a transaction of its own."""

    def __init__(
        self, dsn: str, *, max_size: int = 4, resend_after: timedelta = RESEND_AFTER
    ) -> None:
        """Take how long a sent row may stay open before it is sent again."""
        self._resend_after = resend_after
        self._sessions = SessionPool(
            dsn, application_name="billhook work", min_size=1, max_size=max_size
        )

    def open(self) -> None:
        """Open the sessions; until then nothing is connected."""
        self._sessions.open()

    def close(self) -> None:
        """Close the sessions."""
        self._sessions.close()

    def take_due(self, *, limit: int, cap: int) -> list[Job]:
        """Mark what is due as sent and return it, fairly by app, at most `cap` an app in flight."""
        with self._sessions.session() as connection:
            cursor = connection.cursor(row_factory=class_row(Job))
            cursor.execute(_TAKE_DUE, {"limit": limit, "cap": cap, "resend": self._resend_after})
            return cursor.fetchall()

    def unsend(self, job_ids: Iterable[int]) -> None:
        """Clear the sent mark of jobs that could not be sent, so that they are due at once."""
        self._sessions.execute(
            "UPDATE work.jobs SET sent_at = NULL WHERE id = ANY(%s)", [list(job_ids)]
        )

    def claim(self, job_id: int, *, sends: int) -> Job | None:
        """Claim a job; None when it is finished or a newer message was sent for it."""
        with self._sessions.session() as connection:
            cursor = connection.cursor(row_factory=class_row(Job))
            cursor.execute(
                """UPDATE work.jobs SET sent_at = clock_timestamp()
                   WHERE id = %s AND sends = %s AND sent_at IS NOT NULL
                   RETURNING id, key, app, queue, actor, args, sends, tries""",
                [job_id, sends],
            )
            return cursor.fetchone()

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

    def next_due_s(self) -> float | None:
        """Return the seconds until the next row is due (negative: overdue), None without rows."""
        with self._sessions.session() as connection:
            row = connection.execute(NEXT_DUE, [self._resend_after]).fetchone()
        return None if row is None else row[0]


class WorkNotifier:
    """Wakes a dispatcher when rows were opened."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: psycopg.Connection[TupleRow] | None = None

    def wait(self, timeout_s: float) -> None:
        """Return when a row was opened, or after the time-out."""
        try:
            if self._connection is None or self._connection.closed:
                self._connection = connect(self._dsn, application_name="billhook work listener")
                self._connection.execute(f"LISTEN {CHANNEL}")
                return
            for _ in self._connection.notifies(timeout=timeout_s, stop_after=1):
                pass
        except psycopg.Error as error:
            raise WorkUnavailable(type(error).__name__) from error

    def close(self) -> None:
        """Close the session."""
        if self._connection is not None:
            self._connection.close()
