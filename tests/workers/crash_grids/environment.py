"""Environment of the crash grids: one database, one account per flow, a bench per row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta

from domain.billing import Billing
from eventlog import persistence
from eventlog.log import Log
from tests.support.stripe_account import Account
from tests.workers.crash_grids.stripe_invoice_flows import (
    End,
    Flow,
    Job,
    found,
    move,
)
from tests.workers.crash_points import Death, Died, arm, disarm
from tests.workers.stripe_harness import Bench, Clock
from workers.runtime import open_billing

Kill = Callable[[Bench, Job, int], None]


@dataclass
class Stand:
    """State that rows share. Each row has its own app and customer; clocks only go forward."""

    log: Log
    billing: Billing
    sandbox_url: str
    _accounts: dict[str, tuple[Account, Clock]] = field(default_factory=dict)

    def bench(self, flow: str) -> Bench:
        """Create a bench for one row of a flow."""
        if flow not in self._accounts:
            self._accounts[flow] = (Account(self.sandbox_url), Clock())
        account, clock = self._accounts[flow]
        bench = Bench(self.log, self.billing, account)
        bench.clock = clock
        return bench

    def steps(self, flow: Flow) -> list[str]:
        """Run a flow's job once, undisturbed, and name its calls and appends in their order."""
        bench = self.bench(flow.name)
        job = flow.prepare(bench)
        death = Death()
        arm(bench, death)
        job.run(bench)
        disarm(bench)
        return death.steps

    def row(self, flow: Flow, point: int, gap: timedelta, kill: Kill) -> End:
        """Kill a flow's job at a point, let time pass, run it again; tells how it ended."""
        bench = self.bench(flow.name)
        job = flow.prepare(bench)
        kill(bench, job, point)
        move(bench, gap)
        job.run(bench)
        if flow.meanwhile is not None:
            flow.meanwhile(bench, job)
        return found(bench, job)

    def close(self) -> None:
        """Close what the rows used."""
        for account, _ in self._accounts.values():
            account.__exit__()


def die_inside(bench: Bench, job: Job, point: int) -> None:
    """Die as an exception that nothing catches: quick, for the whole table."""
    death = Death()
    death.occurred_at = point
    arm(bench, death)
    with suppress(Died):
        job.run(bench)
        death.end()
    disarm(bench)
    assert death.occurred_at is None, "the job must have died"


@contextmanager
def open_stand(dsn: str, sandbox_url: str) -> Iterator[Stand]:
    """Set the stand up on a database with every table."""
    log = Log.open(dsn)
    stand = Stand(log, open_billing(log, name="kills"), sandbox_url)
    try:
        yield stand
    finally:
        stand.close()
        persistence.register("kills", None)
        log.close()
