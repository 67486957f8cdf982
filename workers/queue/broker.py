"""The Redis broker. Redis holds only messages in flight and may lose all of them."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable
from contextlib import suppress
from functools import partial
from typing import Final
from uuid import uuid4

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.errors import ConnectionClosed

from projections.work.table import Job
from workers.queue.jobs import QUEUES

# A wait in Redis, and so the pause between two heartbeats of an idle consumer. Redis may end a wait
# a second late, and the client's own time-out is 5 s.
_LONGEST_WAIT_S: Final = 3.0
# Other workers requeue a killed worker's messages after 10 s without its heartbeat. A consumer
# that blocks sends few commands, so each of them does the maintenance that finds dead workers.
_HEARTBEAT_TIMEOUT_MS: Final = 10_000
_ALWAYS: Final = 1_000_000


class _BlockingConsumer(_RedisConsumer):
    """A consumer that blocks in Redis while its queue is empty; dramatiq's own one polls it."""

    def __init__(
        self, broker: RedisBroker, queue_name: str, prefetch: int, timeout_ms: int
    ) -> None:
        # Without a time-out the library's consumer does not sleep after an empty fetch.
        super().__init__(broker, queue_name, prefetch, 0)  # type: ignore[no-untyped-call]
        self._key = f"{broker.namespace}:{queue_name}"
        self._timeout_s = min(timeout_ms / 1000, _LONGEST_WAIT_S)
        self._acknowledged = threading.Event()
        self._is_drained = False

    def __next__(self) -> dramatiq.MessageProxy | None:
        """Return the next message; None after a wait, so that the thread can be stopped.

        After a fetch that took all messages there were, wait for the next one, and fetch then.
        """
        if self._is_drained and not self.message_cache:
            self._is_drained = False
            self._wait()
        wanted = 0 if self.message_cache else self.prefetch - self.outstanding_message_count
        message: dramatiq.MessageProxy | None = super().__next__()  # type: ignore[no-untyped-call]
        if message is None:
            self._wait()
        else:
            self._is_drained = self._is_drained or 1 + len(self.message_cache) < wanted
        return message

    def ack(self, message: dramatiq.MessageProxy) -> None:
        """Acknowledge a message, and let a consumer whose prefetch was used up fetch again."""
        super().ack(message)  # type: ignore[no-untyped-call]
        self._acknowledged.set()

    def nack(self, message: dramatiq.MessageProxy) -> None:
        """Reject a message; as `ack`."""
        super().nack(message)  # type: ignore[no-untyped-call]
        self._acknowledged.set()

    def _wait(self) -> None:
        if self.outstanding_message_count >= self.prefetch:
            self._acknowledged.wait(self._timeout_s)
            self._acknowledged.clear()
            return
        try:
            # Moves the first message to where it is: nothing changes, and the call blocks until
            # there is one. The library's script then fetches it. BLMOVE is of Redis 6.2.
            self.broker.client.blmove(self._key, self._key, self._timeout_s, "LEFT", "LEFT")
        except (redis.ConnectionError, redis.TimeoutError) as error:
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]


class BlockingRedisBroker(RedisBroker):
    """dramatiq's Redis broker with consumers that block, and without queues for delayed messages.

    The work table keeps what is due later; a consumer of delayed messages would be idle for ever.
    """

    @property
    def consumer_class(self) -> type[_BlockingConsumer]:
        """Return the class that `consume` creates."""
        return _BlockingConsumer

    client_name = ""
    """Name of its connections in Redis, where it may set one."""

    def end_waits(self) -> None:
        """End the waits of its consumers in Redis.

        Without Redis, or without the right to do so, they end with their time-outs.
        """
        with suppress(redis.RedisError):
            for known in self.client.client_list():
                if known["name"] == self.client_name and known["cmd"] == "blmove":
                    self.client.client_unblock(int(known["id"]))

    def declare_queue(self, queue_name: str) -> None:
        """Declare a queue; nothing happens if it is declared already."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.emit_after("declare_queue", queue_name)


def open_broker(redis_url: str, *, queues: Collection[str] = QUEUES) -> BlockingRedisBroker:
    """Open a broker without middleware: the work table keeps retries, time-outs and results."""
    name = f"billhook-{uuid4()}"
    broker = BlockingRedisBroker(  # type: ignore[no-untyped-call]
        client=redis.Redis.from_url(redis_url, redis_connect_func=partial(_connect, name)),
        middleware=[],
        heartbeat_timeout=_HEARTBEAT_TIMEOUT_MS,
        maintenance_chance=_ALWAYS,
    )
    broker.client_name = name
    for queue in queues:
        broker.declare_queue(queue)
    return broker


def _connect(name: str, connection: redis.Connection) -> None:
    """Begin a session, and name it for `end_waits` where the server allows it.

    With its own option for a name, the library refuses to connect without the right to set one.
    """
    connection.on_connect()  # type: ignore[no-untyped-call]
    with suppress(redis.ResponseError):
        connection.send_command("CLIENT", "SETNAME", name)  # type: ignore[no-untyped-call]
        connection.read_response()


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
