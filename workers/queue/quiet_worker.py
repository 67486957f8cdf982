"""dramatiq's worker, without the timers by which its idle threads notice that they should stop."""

from __future__ import annotations

import time
from queue import Empty, PriorityQueue
from typing import TYPE_CHECKING, Final

import dramatiq
from dramatiq.common import join_all

from workers.queue.broker import BlockingRedisBroker

if TYPE_CHECKING:
    from dramatiq.worker import _WorkQueueItem

# The queue of messages wakes idle threads when the worker stops; this is the time without it.
_IDLE_WAKE_MS: Final = 60_000
_JOIN_S: Final = 0.05


class _WorkQueue(PriorityQueue["_WorkQueueItem"]):
    """A queue that ends the waits of its readers."""

    def __init__(self) -> None:
        super().__init__()
        self._is_ended = False

    def get(self, block: bool = True, timeout: float | None = None) -> _WorkQueueItem:  # noqa: FBT001, FBT002 - as in the base class
        """Return the next item; raises Empty after one wait, for whatever reason it ended."""
        with self.not_empty:
            if block and not self._qsize() and not self._is_ended:
                self.not_empty.wait(timeout)
            if not self._qsize():
                raise Empty
            item: _WorkQueueItem = self._get()
            self.not_full.notify()
            return item

    def end(self) -> None:
        """End all waits, also later ones."""
        with self.mutex:
            self._is_ended = True
            self.not_empty.notify_all()


class QuietWorker(dramatiq.Worker):
    """Threads that wait for messages of the broker's queues, and for nothing else."""

    def __init__(self, broker: BlockingRedisBroker, *, threads: int) -> None:
        """Store the number of threads; `start` starts them."""
        super().__init__(broker, worker_threads=threads, worker_timeout=_IDLE_WAKE_MS)
        self._blocking = broker
        self.work_queue = self._ending = _WorkQueue()
        # Messages beyond this process's threads stay in Redis for the threads of others.
        self.queue_prefetch = threads

    def stop(self, timeout: int = 600_000) -> None:
        """Finish the jobs in progress, and stop; the time-out of the whole is in milliseconds."""
        ends_at_s = time.monotonic() + timeout / 1000
        for thread in self.workers:
            thread.stop()
        self._ending.end()
        join_all(self.workers, timeout)  # type: ignore[no-untyped-call]
        consumers = list(self.consumers.values())
        for consumer in consumers:
            consumer.stop()
        while any(one.is_alive() for one in consumers) and time.monotonic() < ends_at_s:
            self._blocking.end_waits()  # one that begins to wait now is found next time
            for consumer in consumers:
                consumer.join(_JOIN_S)
        super().stop(max(int((ends_at_s - time.monotonic()) * 1000), 0))
