"""The kinds of jobs and the queues that they run in; `jobs.py` lists them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Generic, TypeVar
from uuid import UUID

from domain.billing import Billing
from domain.core.aggregate import AggregateRoot
from eventlog.errors import HistoryDetached
from projections.work import provider_lookup as lookup_table
from projections.work.table import Job, OpenJob
from workers.queue.final_errors import FailedJob, RowAction
from workers.queue.retries_exhausted import ExhaustedJob
from workers.runtime import Runtime

# Redis queues. They are separate because Redis has no priorities within one queue.
REQUESTS: Final = "requests"
EVENTS: Final = "events"
LOOKUPS: Final = lookup_table.QUEUE
# For changes that reconciliation found: nobody waits for them, and there may be thousands.
RECONCILE: Final = "reconcile"

Deps = TypeVar("Deps")


@dataclass(frozen=True, kw_only=True)
class JobType(Generic[Deps]):
    """A kind of job.

    `name`: the actor's name in the work table and in Redis. `dependencies` builds the arguments of
    `run` from the process's runtime. `on_exhausted` records that the retries are used up; None: the
    job is retried without end and reported as overdue. `on_failed` records an error that no retry
    can mend: a provider's refusal that the job does not handle itself, or an error of our own.
    `is_reconciled`: the job also runs in the queue of reconciliation. `reuses`: the aggregates that
    the job works on alone, as a rule: they are read once and go on from the job's own changes.
    `reads`: the ids of the aggregates that each job reads first; they are read by one query.
    """

    name: str
    queue: str
    run: Callable[[Job, Deps], object]
    dependencies: Callable[[Runtime, Job], Deps]
    on_exhausted: Callable[[ExhaustedJob, Billing], None] | None
    on_failed: Callable[[FailedJob, Runtime], RowAction]
    is_reconciled: bool = False
    reuses: tuple[type[AggregateRoot], ...] = ()
    reads: Callable[[Job], Collection[UUID]] = lambda _: ()

    @property
    def queues(self) -> tuple[str, ...]:
        """Return the queues that the job runs in."""
        return (self.queue, RECONCILE) if self.is_reconciled else (self.queue,)

    def open(
        self,
        *,
        key: str,
        app_id: UUID,
        args: dict[str, str],
        connection: str | None = None,
        found_by: str | None = None,
    ) -> OpenJob:
        """Return the change that opens a row of the work table for this job.

        `connection`: the name of the connection that the job calls, if the event has it.
        `found_by`: the part of reconciliation that found the job's object; None for a webhook.
        """
        return OpenJob(
            key=key,
            app=app_id,
            queue=self.queue if found_by is None else RECONCILE,
            actor=self.name,
            args=args,
            connection=connection,
        )

    def execute(self, job: Job, runtime: Runtime) -> None:
        """Build the dependencies and run the job."""
        with runtime.billing.reusing_states(*self.reuses):
            self._read_ahead(job, runtime.billing)
            self.run(job, self.dependencies(runtime, job))

    def _read_ahead(self, job: Job, billing: Billing) -> None:
        streams = self.reads(job)
        if len(streams) > 1:
            with suppress(HistoryDetached):  # the job may do without, or raises it itself
                billing.read_ahead(streams)
