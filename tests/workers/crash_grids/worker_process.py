"""A worker process that kills itself with SIGKILL at a chosen point of a job.

Children are forked from a server that has imported everything, so that each costs little.
"""

from __future__ import annotations

import multiprocessing
import signal
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from eventlog.log import Log
from tests.support.stripe_account import Account
from tests.workers.crash_grids.stripe_invoice_flows import Job
from tests.workers.crash_points import Death, arm, kill_self
from tests.workers.stripe_harness import Bench
from workers.runtime import open_billing

_LONGEST_S = 120.0


@dataclass(frozen=True)
class Order:
    """Job of a child process, and the point at which it is killed."""

    dsn: str
    sandbox_url: str
    key: str
    app_id: UUID
    connection_id: UUID
    added: timedelta
    job: Job
    point: int


def kill_process(bench: Bench, job: Job, point: int) -> None:
    """Run the job in a child process that is killed at a point."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    order = Order(
        dsn=bench.log.dsn,
        sandbox_url=bench.account.url,
        key=bench.account.key,
        app_id=bench.app_id,
        connection_id=bench.connection_id,
        added=bench.clock.added,
        job=job,
        point=point,
    )
    child = context.Process(target=_work, args=(order,))
    child.start()
    child.join(_LONGEST_S)
    code = child.exitcode
    child.close()
    assert code == -signal.SIGKILL, f"the worker must have been killed, it ended with {code}"


def _work(order: Order) -> None:
    """Do the job in a worker process, until death."""
    log = Log.open(order.dsn)
    account = Account(order.sandbox_url, order.key)
    bench = Bench(log, open_billing(log, name="child"), account)
    bench.app_id, bench.connection_id = order.app_id, order.connection_id
    bench.clock.added = order.added
    death = Death(kill_self)
    death.occurred_at = order.point
    arm(bench, death)
    order.job.run(bench)
    death.end()
