"""The Redis broker. Redis holds only messages in flight and may lose all of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from projections.work.table import Job
from workers.queue.jobs import QUEUES

# Other workers requeue a killed worker's messages after 10 s without its heartbeat. The chance of
# maintenance (in a million commands) is raised so that the requeue happens within seconds.
_HEARTBEAT_TIMEOUT_MS: Final = 10_000
_MAINTENANCE_CHANCE: Final = 10_000


def open_broker(redis_url: str) -> RedisBroker:
    """Open a broker without middleware: the work table keeps retries, time-outs and results."""
    broker = RedisBroker(  # type: ignore[no-untyped-call]
        url=redis_url,
        middleware=[],
        heartbeat_timeout=_HEARTBEAT_TIMEOUT_MS,
        maintenance_chance=_MAINTENANCE_CHANCE,
    )
    for queue in QUEUES:
        broker.declare_queue(queue)
    return broker


def enqueue(broker: RedisBroker, jobs: Iterable[Job]) -> None:
    """Enqueue one message per job; it carries the row's id and the number of this sending."""
    for job in jobs:
        broker.enqueue(
            dramatiq.Message(
                queue_name=job.queue,
                actor_name=job.actor,
                args=(job.id, job.sends),
                kwargs={},
                options={},
            )
        )
