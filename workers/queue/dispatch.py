"""Dispatcher: send due rows of the work table to Redis, round robin over apps."""

from __future__ import annotations

import threading
from typing import Final

import structlog
from dramatiq.brokers.redis import RedisBroker
from redis.exceptions import RedisError

from projections.work.notifier import Notifier
from projections.work.sessions import WorkUnavailable
from projections.work.table import Job, WorkTable
from workers.queue.broker import enqueue

_log = structlog.get_logger("billhook.dispatch")

_BATCH: Final = 200
# Of an empty table, or one whose rows are due later: an opened row ends it.
_LONGEST_NAP_S: Final = 5.0
_SHORTEST_NAP_S: Final = 0.005
_AFTER_TROUBLE_S: Final = 0.5


class Dispatcher:
    """Sends due rows. Several may run concurrently: a row is marked as sent first."""

    def __init__(self, work: WorkTable, notifier: Notifier, broker: RedisBroker) -> None:
        self._work = work
        self._notifier = notifier
        self._broker = broker

    def run(self, stop: threading.Event) -> None:
        """Send until `stop` is set; failures are logged and retried."""
        while not stop.is_set():
            try:
                sent, next_due_s = self.send_due()
                if sent < _BATCH:
                    self._notifier.wait(_nap_s(next_due_s))
            except (RedisError, WorkUnavailable) as error:
                _log.warning("dispatch.unavailable", error=type(error).__name__)
                stop.wait(_AFTER_TROUBLE_S)

    def send_due(self) -> tuple[int, float | None]:
        """Send one batch; return its size, and the seconds until the next row may become due.

        Without Redis, unmark the rows not sent.
        """
        jobs, next_due_s = self._work.take_due_and_next(limit=_BATCH)
        sent: set[int] = set()
        try:
            for job in jobs:
                enqueue(self._broker, [job])
                sent.add(job.id)
        except RedisError:
            self._take_back(jobs, sent)
            raise
        return len(jobs), next_due_s

    def _take_back(self, jobs: list[Job], sent: set[int]) -> None:
        self._work.unsend(job.id for job in jobs if job.id not in sent)


def _nap_s(due_s: float | None) -> float:
    if due_s is None:
        return _LONGEST_NAP_S
    return min(max(due_s, _SHORTEST_NAP_S), _LONGEST_NAP_S)
