"""Dispatcher: send due rows of the work table to Redis, round robin over apps."""

from __future__ import annotations

import threading
from typing import Final

import structlog
from dramatiq.brokers.redis import RedisBroker
from redis.exceptions import RedisError

from projections.work.sessions import WorkUnavailable
from projections.work.table import Job, WorkNotifier, WorkTable
from workers.queue.broker import enqueue

_log = structlog.get_logger("billhook.dispatch")

_BATCH: Final = 200
_LONGEST_NAP_S: Final = 1.0
_SHORTEST_NAP_S: Final = 0.005
_AFTER_TROUBLE_S: Final = 0.5


class Dispatcher:
    """Sends due rows. Several may run concurrently: a row is marked as sent first."""

    def __init__(self, work: WorkTable, notifier: WorkNotifier, broker: RedisBroker) -> None:
        self._work = work
        self._notifier = notifier
        self._broker = broker

    def run(self, stop: threading.Event) -> None:
        """Send until `stop` is set; failures are logged and retried."""
        while not stop.is_set():
            try:
                # Before sending: a row that becomes due in between is then not overlooked.
                nap_s = self._nap_s()
                if self.send_due() < _BATCH:
                    self._notifier.wait(nap_s)
            except (RedisError, WorkUnavailable) as error:
                _log.warning("dispatch.unavailable", error=type(error).__name__)
                stop.wait(_AFTER_TROUBLE_S)

    def send_due(self) -> int:
        """Send one batch and return its size; without Redis, unmark the rows not sent."""
        jobs = self._work.take_due(limit=_BATCH)
        sent: set[int] = set()
        try:
            for job in jobs:
                enqueue(self._broker, [job])
                sent.add(job.id)
        except RedisError:
            self._take_back(jobs, sent)
            raise
        return len(jobs)

    def _take_back(self, jobs: list[Job], sent: set[int]) -> None:
        self._work.unsend(job.id for job in jobs if job.id not in sent)

    def _nap_s(self) -> float:
        due_s = self._work.next_due_s()
        if due_s is None:
            return _LONGEST_NAP_S
        return min(max(due_s, _SHORTEST_NAP_S), _LONGEST_NAP_S)
