"""Answer provider lookups by a worker without a queue; the job and the work table are real."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID, uuid4

from domain.gateway.port import ProviderGateway
from eventlog.security.vault import Vault
from projections.work.notifier import WorkNotifier
from projections.work.provider_lookup import ProviderLookupQueue
from projections.work.slots import LOOKUPS, BreakerLimits, WorkerSlots
from projections.work.table import Job, WorkTable
from workers.invoices.provider_lookup import answer_lookup


class LookupWorker:
    """Runs due jobs of the work table, as the dispatcher and the worker do."""

    def __init__(self, database: str, gateway: ProviderGateway, *, vault: Vault) -> None:
        self.gateway = gateway
        self.vault = vault
        self.work, self.notifier = WorkTable(database), WorkNotifier(database)
        self.table = ProviderLookupQueue(database)
        self.slots = WorkerSlots(
            database,
            worker=uuid4(),
            threads={LOOKUPS: 30},
            breaker=BreakerLimits(most_timeouts=5, probe_after=timedelta(seconds=10)),
        )
        self.stop = threading.Event()
        self.looked_up: list[tuple[UUID, str]] = []

    def run(self) -> None:
        while not self.stop.is_set():
            self.slots.heartbeat([])
            while due := self.work.take_due(limit=10):
                for job in due:
                    # Other tests leave other jobs in the database that they share.
                    if "lookup_id" in job.args:
                        self.answer(job)
            self.notifier.wait(0.2)

    def answer(self, job: Job) -> None:
        answer_lookup(
            UUID(job.args["lookup_id"]),
            table=self.table,
            vault=self.vault,
            gateway_of=self.gateway_of,
        )
        self.work.finish(job)

    def gateway_of(self, app_id: UUID, name: str) -> ProviderGateway:
        self.looked_up.append((app_id, name))
        return self.gateway


@contextmanager
def lookup_worker(
    database: str, gateway: ProviderGateway, *, vault: Vault
) -> Iterator[LookupWorker]:
    worker = LookupWorker(database, gateway, vault=vault)
    worker.work.open()
    worker.slots.open()
    worker.table.open()
    thread = threading.Thread(target=worker.run)
    thread.start()
    yield worker
    worker.stop.set()
    thread.join()
    worker.table.close()
    worker.notifier.close()
    worker.slots.close()
    worker.work.close()
