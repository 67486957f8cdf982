"""Run jobs: claim the row that a message names, run the job, and postpone it when it fails."""

from __future__ import annotations

import threading
from functools import partial
from typing import Final

import dramatiq
import structlog
from dramatiq.brokers.redis import RedisBroker
from eventsourcing.persistence import DataError, PersistenceError

from domain.core.errors import DomainError, StaleWrite
from domain.gateway.errors import (
    GatewayConflict,
    GatewayError,
    GatewayMisconfigured,
    GatewayRejected,
    GatewayUnavailable,
)
from eventlog.errors import LogClosed, LogUnavailable
from eventlog.process.backoff import backoff_s
from eventlog.process.heartbeat import BEAT_S, beat_until
from projections.work.sessions import WorkUnavailable
from projections.work.slots import JOBS, LOOKUPS, RECONCILE
from projections.work.table import Job
from workers.provider_objects.assign_to_tenant import ReadModelBehind
from workers.providers.job_slots import ConnectionBusy, JobSlots
from workers.providers.reconciliation_budget import reconciliation_budget
from workers.queue.broker import open_broker
from workers.queue.final_errors import FailedJob, RowAction
from workers.queue.job_type import EVENTS, REQUESTS
from workers.queue.job_type import LOOKUPS as LOOKUP_QUEUE
from workers.queue.job_type import RECONCILE as RECONCILE_QUEUE
from workers.queue.jobs import JOB_TYPES
from workers.queue.quiet_worker import QuietWorker
from workers.queue.retries_exhausted import ExhaustedJob
from workers.runtime import Runtime, open_runtime, utc_now
from workers.settings import Settings

_log = structlog.get_logger("billhook.jobs")

# Delays double from half a second to 15 minutes.
_FIRST_BACKOFF_S: Final = 0.5
_LONGEST_BACKOFF_S: Final = 900.0
_MISCONFIGURED_BACKOFF_S: Final = 60.0
# Tries before an error is final: of a conflict (32 s), and of an exception that nobody expected.
_MOST_CONFLICTS: Final = 7
_MOST_EXCEPTIONS: Final = 3
_CHECK_LATER_S: Final = 6 * 3600.0


class JobRunner:
    """Runs rows of the work table with one process's runtime."""

    def __init__(self, runtime: Runtime, *, lane: str = JOBS) -> None:
        """Store the lane whose threads run the jobs."""
        self._runtime = runtime
        self._lane = lane

    def run(self, job_id: int, sends: int) -> None:
        """Run one job. No exception escapes: a failed job is postponed with its error."""
        try:
            with self._runtime.slots.claimed(job_id, sends=sends, lane=self._lane) as job:
                if job is not None:
                    self._run_claimed(job)
        except (WorkUnavailable, LogUnavailable) as error:
            # The row stays open and is sent again.
            _log.warning("job.database_unavailable", job=job_id, error=type(error).__name__)

    def _run_claimed(self, job: Job) -> None:
        with structlog.contextvars.bound_contextvars(job=job.key):
            try:
                with reconciliation_budget(applies=self._lane == RECONCILE):
                    JOB_TYPES[job.actor].execute(job, self._runtime)
            except (WorkUnavailable, LogUnavailable):
                raise
            except Exception as error:  # noqa: BLE001 - the process's edge: a job never ends it
                self._handle(job, error)
            else:
                self._runtime.slots.finish()

    def _handle(self, job: Job, error: Exception) -> None:
        """Postpone a job, or end it where no retry can mend the error."""
        match error:
            case ConnectionBusy():
                self._runtime.work.unsend([job.id])
            case StaleWrite() | ReadModelBehind():
                self._runtime.work.postpone(
                    job.id, delay_s=_FIRST_BACKOFF_S, counted=False, error=type(error).__name__
                )
            case GatewayRejected():
                self._end(job, error)
            case GatewayConflict():
                self._retry_or_end(job, error, most_tries=_MOST_CONFLICTS)
            case GatewayError() | LogClosed():
                self._postpone(job, error)
            case PersistenceError() if not isinstance(error, DataError):
                self._postpone(job, error)
            case _:
                _log.error("job.failed", actor=job.actor, exc_info=error)
                most_tries = 1 if isinstance(error, DomainError) else _MOST_EXCEPTIONS
                self._retry_or_end(job, error, most_tries=most_tries)

    def _retry_or_end(self, job: Job, error: Exception, *, most_tries: int) -> None:
        if job.tries + 1 < most_tries:
            self._postpone(job, error)
        else:
            self._end(job, error)

    def _end(self, job: Job, error: Exception) -> None:
        """Record a final error as the job's outcome, and what its row waits for."""
        failed = FailedJob(job=job, error=error, occurred_at=utc_now())
        try:
            action = JOB_TYPES[job.actor].on_failed(failed, self._runtime)
        except (WorkUnavailable, LogUnavailable):
            raise
        except (GatewayUnavailable, StaleWrite) as later:
            self._postpone(job, later)
            return
        except Exception:  # noqa: BLE001 - the process's edge, as above
            _log.exception("job.outcome_not_recorded", actor=job.actor)
            action = RowAction.KEEP_FOR_OPERATOR
        _log.warning("job.ended", reason=failed.reason, row=action.value)
        match action:
            case RowAction.DELETE:
                self._runtime.work.finish(job)
            case RowAction.KEEP_FOR_OPERATOR:
                self._runtime.work.give_up(job, error=failed.reason)
            case RowAction.CHECK_LATER:
                self._runtime.work.postpone(
                    job.id, delay_s=_CHECK_LATER_S, counted=False, error=failed.reason
                )

    def _postpone(self, job: Job, error: Exception) -> None:
        counted = True
        delay_s = backoff_s(job.tries, first_s=_FIRST_BACKOFF_S, longest_s=_LONGEST_BACKOFF_S)
        if isinstance(error, GatewayUnavailable):
            counted, delay_s = error.counted, error.retry_after_s or delay_s
        elif isinstance(error, GatewayMisconfigured):
            delay_s = max(delay_s, _MISCONFIGURED_BACKOFF_S)
            _log.error("job.misconfigured", error=str(error))
        reason = f"{type(error).__name__}: {error}"
        _log.info("job.postponed", tries=job.tries, delay_s=delay_s, reason=reason)
        if counted and job.tries + 1 >= self._runtime.max_tries:
            self._record_exhausted(job, reason)
        self._runtime.work.postpone(job.id, delay_s=delay_s, counted=counted, error=reason)

    def _record_exhausted(self, job: Job, reason: str) -> None:
        on_exhausted = JOB_TYPES[job.actor].on_exhausted
        if on_exhausted is not None:
            exhausted = ExhaustedJob(job=job, reason=reason, occurred_at=utc_now())
            on_exhausted(exhausted, self._runtime.billing)


def declare_actors(broker: RedisBroker, runner: JobRunner) -> None:
    """Declare one dramatiq actor per job type of the broker's queues."""
    declared = broker.get_declared_queues()
    for job_type in JOB_TYPES.values():
        queue = next((queue for queue in job_type.queues if queue in declared), None)
        if queue is not None:
            dramatiq.actor(broker=broker, actor_name=job_type.name, queue_name=queue)(runner.run)


def run_workers(settings: Settings, stop: threading.Event) -> None:
    """Run jobs until `stop` is set; jobs in progress are finished first.

    Lookups, for which a caller waits, and reconciliation, for which nobody does, have threads and
    messages in flight of their own.
    """
    with open_runtime(settings) as runtime:
        workers = [
            _start(settings, runtime, lane, queues=queues, threads=threads)
            for lane, queues, threads in (
                (JOBS, [REQUESTS, EVENTS], settings.threads),
                (LOOKUPS, [LOOKUP_QUEUE], settings.lookup_threads),
                (RECONCILE, [RECONCILE_QUEUE], settings.reconcile_threads),
            )
        ]
        beat = partial(_renew, runtime.slots)
        beat_until(stop, settings.heartbeat_file, also=beat)
        stopping = [threading.Thread(target=_stop, args=[worker]) for worker in workers]
        for thread in stopping:
            thread.start()
        # Jobs in progress keep their threads until they are done.
        while any(thread.is_alive() for thread in stopping):
            beat()
            for thread in stopping:
                thread.join(BEAT_S)
        _unregister(runtime.slots)


def _start(
    settings: Settings, runtime: Runtime, lane: str, *, queues: list[str], threads: int
) -> QuietWorker:
    broker = open_broker(settings.redis_url, queues=queues)
    declare_actors(broker, JobRunner(runtime, lane=lane))
    worker = QuietWorker(broker, threads=threads)
    worker.start()
    return worker


def _stop(worker: dramatiq.Worker) -> None:
    worker.stop()
    worker.broker.close()


def _unregister(slots: JobSlots) -> None:
    try:
        slots.unregister()
    except WorkUnavailable as error:  # its threads count for some seconds more
        _log.warning("slots.unavailable", error=str(error))


def _renew(slots: JobSlots) -> None:
    try:
        slots.heartbeat()
    except WorkUnavailable as error:
        _log.warning("slots.unavailable", error=str(error))
