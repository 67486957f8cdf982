"""Consumers block in Redis while there is nothing to do, and fetch a message at once."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit
from uuid import uuid4

import dramatiq
import pytest
import redis

from projections.work.table import Job
from tests.support.sandbox import wait_for
from tests.support.wait_until import DEADLINE_S
from workers.queue.broker import BlockingRedisBroker, enqueue, open_broker
from workers.queue.jobs import QUEUES
from workers.queue.quiet_worker import QuietWorker

ACTOR = "noted"


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as connected:
        yield connected


@pytest.fixture
def seen() -> queue.Queue[int]:
    return queue.Queue()


@pytest.fixture
def broker(redis_url: str, seen: queue.Queue[int]) -> Iterator[BlockingRedisBroker]:
    """A worker of one thread that notes the jobs of the first queue, and may prefetch two."""
    opened = open_broker(redis_url)
    dramatiq.actor(broker=opened, actor_name=ACTOR, queue_name=QUEUES[0])(
        lambda job, _: seen.put(job)
    )
    worker = QuietWorker(opened, threads=1)
    worker.queue_prefetch = 2
    worker.start()
    yield opened
    worker.stop()
    opened.close()


def job(number: int) -> Job:
    return Job(
        id=number,
        key=str(number),
        app=uuid4(),
        queue=QUEUES[0],
        actor=ACTOR,
        args={},
        sends=1,
        tries=0,
    )


def blocked(client: redis.Redis) -> int:
    found = client.info("clients")["blocked_clients"]
    return int(found)


def test_an_idle_worker_blocks_in_redis(
    client: redis.Redis, broker: BlockingRedisBroker, seen: queue.Queue[int]
) -> None:
    wait_for(lambda: blocked(client) == len(QUEUES))

    before = client.info("stats")["total_commands_processed"]
    client.blpop(["nothing"], timeout=1)
    after = client.info("stats")["total_commands_processed"]

    # A block of a second and a fetch for each queue, with what the script itself calls.
    assert after - before <= 10 * len(QUEUES)

    enqueue(broker, [job(7)])
    assert seen.get(timeout=DEADLINE_S) == 7


def test_more_messages_than_may_be_prefetched_are_all_delivered(
    client: redis.Redis, broker: BlockingRedisBroker, seen: queue.Queue[int]
) -> None:
    enqueue(broker, [job(number) for number in range(50)])
    assert [seen.get(timeout=DEADLINE_S) for _ in range(50)] == list(range(50))
    wait_for(lambda: client.exists(f"dramatiq:{QUEUES[0]}.msgs") == 0)


def test_a_worker_stops_while_its_threads_wait(client: redis.Redis, redis_url: str) -> None:
    opened = open_broker(redis_url)
    worker = QuietWorker(opened, threads=3)
    worker.start()
    wait_for(lambda: blocked(client) == len(QUEUES))

    stopping = threading.Thread(target=worker.stop)
    stopping.start()
    stopping.join(DEADLINE_S)

    assert not stopping.is_alive()
    assert not any(thread.is_alive() for thread in [*worker.workers, *worker.consumers.values()])
    assert blocked(client) == 0


def test_the_end_of_waits_leaves_those_of_other_workers(
    client: redis.Redis, broker: BlockingRedisBroker, redis_url: str, seen: queue.Queue[int]
) -> None:
    wait_for(lambda: blocked(client) == len(QUEUES))
    open_broker(redis_url, queues=[]).end_waits()
    assert blocked(client) == len(QUEUES)

    enqueue(broker, [job(7)])
    assert seen.get(timeout=DEADLINE_S) == 7


@pytest.mark.usefixtures("broker")
def test_messages_of_a_killed_worker_are_fetched_by_a_blocked_one(
    client: redis.Redis, redis_url: str, seen: queue.Queue[int]
) -> None:
    wait_for(lambda: blocked(client) == len(QUEUES))
    killed = open_broker(redis_url, queues=QUEUES[1:2])
    taken = dramatiq.Message(
        queue_name=QUEUES[0], actor_name=ACTOR, args=(9, 1), kwargs={}, options={}
    ).copy(options={"redis_message_id": "taken"})
    # What a worker leaves: a fetched message, and a heartbeat that has become old.
    client.hset(f"dramatiq:{QUEUES[0]}.msgs", "taken", taken.encode())
    client.sadd(f"dramatiq:__acks__.{killed.broker_id}.{QUEUES[0]}", "taken")
    client.zadd("dramatiq:__heartbeats__", {killed.broker_id: 1})

    assert seen.get(timeout=DEADLINE_S) == 9


def test_a_worker_needs_no_right_to_manage_clients(
    client: redis.Redis, redis_url: str, seen: queue.Queue[int]
) -> None:
    """Without it, waits end with their time-outs when the worker stops."""
    client.acl_setuser(
        "limited", enabled=True, nopass=True, keys=["*"], commands=["-client"], categories=["+@all"]
    )
    limited_url = urlsplit(redis_url)._replace(netloc=f"limited:x@{urlsplit(redis_url).netloc}")
    broker = open_broker(limited_url.geturl())
    dramatiq.actor(broker=broker, actor_name=ACTOR, queue_name=QUEUES[0])(
        lambda job, _: seen.put(job)
    )
    worker = QuietWorker(broker, threads=1)
    worker.start()
    try:
        enqueue(broker, [job(1)])
        assert seen.get(timeout=DEADLINE_S) == 1
    finally:
        worker.stop()
        broker.close()
        client.acl_deluser("limited")
