"""Redis as a queue: it holds what was sent lately, and may lose all of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from projections.work.table import Job
from workers.queue.reactions import QUEUES

# A killed worker's messages are taken over by others after 10 s without its heartbeat; the chance
# (in a million commands) is raised so that somebody looks soon.
_HEARTBEAT_TIMEOUT_MS: Final = 10_000
_MAINTENANCE_CHANCE: Final = 10_000


def open_broker(redis_url: str) -> RedisBroker:
    """Make a broker without middleware: retries, time-outs and results are the work table's."""
    broker = RedisBroker(  # type: ignore[no-untyped-call]
        url=redis_url,
        middleware=[],
        heartbeat_timeout=_HEARTBEAT_TIMEOUT_MS,
        maintenance_chance=_MAINTENANCE_CHANCE,
    )
    for queue in QUEUES:
        broker.declare_queue(queue)
    return broker


def send(broker: RedisBroker, jobs: Iterable[Job]) -> None:
    """Put jobs on their queues; a message names the row and which sending of it this is."""
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
