"""The threads of this process: each runs a claimed job, whose connection is noted before a call."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from domain.gateway.errors import GatewayUnavailable
from projections.work.slots import LOOKUPS, WorkerSlots
from projections.work.table import Job
from workers.providers import call_results


class ConnectionBusy(Exception):
    """A job's connection has no thread left, or its circuit breaker is open: the job waits."""


class JobSlots:
    """Claims jobs for this process's threads, and frees the threads again."""

    def __init__(self, slots: WorkerSlots) -> None:
        """Store the opened table of threads."""
        self._slots = slots
        self._held: set[tuple[int, int]] = set()
        self._lock = threading.Lock()
        self._current = threading.local()

    def heartbeat(self) -> None:
        """Register the threads again; a thread that could not be freed before is freed now."""
        with self._lock:
            held = sorted(self._held)
        self._slots.heartbeat(held)

    def unregister(self) -> None:
        """Remove the process's threads."""
        self._slots.unregister()

    @contextmanager
    def claimed(self, job_id: int, *, sends: int, lane: str) -> Iterator[Job | None]:
        """Claim a job for this thread, which is freed at the end. None as `WorkerSlots.claim`."""
        with self._lock:
            self._held.add((job_id, sends))
        try:
            job = self._slots.claim(job_id, sends=sends, lane=lane)
            self._current.job, self._current.lane = job, lane
            self._current.connection = None if job is None else job.connection
            self._current.finished = False
            call_results.start_job()
            try:
                yield job
            finally:
                self._current.job = None
                if job is not None:
                    self._slots.release(
                        job,
                        answered=call_results.last_answered(),
                        finished=self._current.finished,
                    )
        finally:
            with self._lock:
                self._held.discard((job_id, sends))

    def finish(self) -> None:
        """Mark this thread's job as finished: its row is deleted when the thread is freed."""
        self._current.finished = True

    def before_calls(self, _: UUID, connection: str) -> None:
        """Record the connection that this thread's job is about to call, unless it is known.

        Raises ConnectionBusy; for a lookup of an open breaker GatewayUnavailable, its answer.
        """
        job: Job | None = getattr(self._current, "job", None)
        if job is None:
            return
        lane: str = self._current.lane
        if job.is_outage:
            raise _outage()
        if self._current.connection == connection:
            return
        verdict = self._slots.bind_connection(job, connection, lane=lane)
        if verdict == "open" and lane == LOOKUPS:
            raise _outage()
        if verdict in ("full", "open"):
            raise ConnectionBusy(verdict)
        self._current.connection = connection


def _outage() -> GatewayUnavailable:
    return GatewayUnavailable("the connection's circuit breaker is open", counted=False)
