"""Threads of worker processes: who runs what, how many each app and connection may have.

A claim is exact over all processes: claims follow each other under one lock, and each counts the
threads that run jobs in processes that live. The rule is the function work.admits.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, LiteralString, cast
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow, class_row
from psycopg.types.json import Jsonb

from eventlog.database.answering import SILENCE_S
from eventlog.database.connect import connect
from projections.work.sessions import SessionPool, WorkUnavailable
from projections.work.table import Job

JOBS: Final = "jobs"
LOOKUPS: Final = "lookups"
RECONCILE: Final = "reconcile"

Verdict = Literal["yes", "probe", "full", "open"]

# Also renews the sent marks of running jobs, so that no other process runs them meanwhile; deletes
# threads that the process does not use any more, and what processes that are long gone left.
_HEARTBEAT: Final[LiteralString] = """
    WITH seen AS (
        INSERT INTO work.workers (id, lane, threads)
        SELECT %(worker)s, lane, threads::int FROM jsonb_each_text(%(threads)s) AS t (lane, threads)
        ON CONFLICT (id, lane) DO UPDATE
            SET seen_at = clock_timestamp(), threads = excluded.threads
    ), renewed AS (
        UPDATE work.jobs SET sent_at = clock_timestamp() FROM work.running
        WHERE running.worker = %(worker)s AND jobs.id = running.job
            AND jobs.sends = running.sends AND jobs.sent_at IS NOT NULL
    ), gone AS (
        DELETE FROM work.workers WHERE seen_at < clock_timestamp() - interval '10 minutes'
        RETURNING id
    )
    DELETE FROM work.running WHERE worker IN (SELECT id FROM gone)
        OR worker = %(worker)s AND NOT EXISTS (
            SELECT FROM unnest(%(jobs)s::bigint[], %(sends)s::int[]) AS held (job, sends)
            WHERE held.job = running.job AND held.sends = running.sends
        )
"""
# Until it has the lock: a lost session may have it for some seconds more.
_LOCK: Final[LiteralString] = "SELECT pg_try_advisory_lock(work.worker_lock(%s))"
_UNREGISTER: Final[LiteralString] = """
    WITH worker AS (DELETE FROM work.workers WHERE id = %(worker)s)
    DELETE FROM work.running WHERE worker = %(worker)s
"""
_CLAIM: Final[LiteralString] = "SELECT * FROM work.claim(%s, %s, %s, %s)"
_BIND: Final[LiteralString] = "SELECT work.bind_connection(%s, %s, %s, %s, %s)"
_RELEASE: Final[LiteralString] = "SELECT work.release(%s, %s, %s, %s, %s, %s, %s)"


@dataclass(frozen=True, kw_only=True)
class BreakerLimits:
    """Limits of circuit breakers: time-outs until one opens, and time until a call is probed."""

    most_timeouts: int
    probe_after: timedelta


class WorkerSlots:
    """The threads of one worker process; each call is a transaction, may raise WorkUnavailable."""

    def __init__(
        self,
        dsn: str,
        *,
        worker: UUID,
        threads: Mapping[str, int],
        breaker: BreakerLimits,
        max_size: int = 4,
    ) -> None:
        """Store the process's id and its number of threads by lane. Use `open` before a call."""
        self._dsn = dsn
        self._worker = worker
        self._threads = dict(threads)
        self._breaker = breaker
        self._sessions = SessionPool(
            dsn, application_name="billhook work slots", min_size=1, max_size=max_size
        )
        self._registration: psycopg.Connection[TupleRow] | None = None
        self._is_locked = False

    def open(self) -> None:
        """Allow sessions to be opened on demand."""
        self._sessions.open()

    def close(self) -> None:
        """Close the sessions."""
        self._sessions.close()
        if self._registration is not None:
            self._registration.close()

    def heartbeat(self, held: Collection[tuple[int, int]]) -> None:
        """Register the process's threads again, and renew the sent marks of its jobs.

        `held`: the (job, sends) that its threads run or are about to claim; others are freed.
        Call it from one thread.
        """
        parameters = {
            "worker": self._worker,
            "threads": Jsonb(self._threads),
            "jobs": [job for job, _ in held],
            "sends": [sends for _, sends in held],
        }
        try:
            self._register().execute(_HEARTBEAT, parameters)
        except psycopg.Error as error:
            raise WorkUnavailable(type(error).__name__) from error

    def _register(self) -> psycopg.Connection[TupleRow]:
        """Return the session whose lock tells the others that the process lives."""
        if self._registration is None or self._registration.closed:
            self._is_locked = False
            self._registration = connect(
                self._dsn, application_name="billhook work registration", silence_s=SILENCE_S
            )
        if not self._is_locked:
            row = self._registration.execute(_LOCK, [self._worker]).fetchone()
            self._is_locked = row is not None and bool(row[0])
        return self._registration

    def unregister(self) -> None:
        """Remove the process and the threads that it had. Call it from heartbeat's thread.

        Not with a session of the pool, which waits for the database half a minute.
        """
        try:
            self._register().execute(_UNREGISTER, {"worker": self._worker})
        except psycopg.Error as error:
            raise WorkUnavailable(type(error).__name__) from error

    def claim(self, job_id: int, *, sends: int, lane: str = JOBS) -> Job | None:
        """Claim a job for one thread.

        None when the job is finished, a newer message was sent for it, or its app or connection
        has no thread left: then it is due again, uncounted, and sent when a thread is free.
        """
        with self._sessions.session() as connection:
            cursor = connection.cursor(row_factory=class_row(Job))
            cursor.execute(_CLAIM, [job_id, sends, self._worker, self._threads.get(lane, 1)])
            return cursor.fetchone()

    def bind_connection(self, job: Job, name: str, *, lane: str = JOBS) -> Verdict:
        """Record the connection that a claimed job is about to call; return the verdict."""
        parameters = [self._worker, job.id, job.sends, name, self._threads.get(lane, 1)]
        with self._sessions.session() as connection:
            row = connection.execute(_BIND, parameters).fetchone()
        return cast("Verdict", "full" if row is None else row[0])

    def release(self, job: Job, *, answered: bool | None, finished: bool = False) -> None:
        """Free a claimed job's thread.

        `answered`: whether the connection answered the job's last call; None without a call.
        `finished`: also delete its row, unless it became due again since.
        """
        limits = self._breaker
        parameters = [self._worker, job.id, job.sends, finished, answered]
        self._sessions.execute(_RELEASE, [*parameters, limits.most_timeouts, limits.probe_after])
