"""Every job is listed once, in the registry; every event that ends a request closes its row."""

from __future__ import annotations

from domain.invoices.outcome import REFUND_TOPICS, REQUEST_TOPICS
from workers.queue.broker import open_broker
from workers.queue.jobs import JOB_TYPES, QUEUES
from workers.queue.reactions import TOPICS
from workers.queue.run import JobRunner, declare_actors
from workers.runtime import Runtime


def test_the_relay_follows_every_event_that_ends_a_request() -> None:
    assert set(REQUEST_TOPICS) | set(REFUND_TOPICS) <= set(TOPICS)
    assert len(set(TOPICS)) == len(TOPICS)


def test_every_job_type_has_an_actor_on_its_queue() -> None:
    # The broker connects when a message is sent, which this test does not do.
    broker = open_broker("redis://127.0.0.1:1/0")
    declare_actors(broker, JobRunner(object.__new__(Runtime)))

    declared = {name: actor.queue_name for name, actor in broker.actors.items()}

    assert declared == {name: job_type.queue for name, job_type in JOB_TYPES.items()}
    assert set(declared.values()) == set(QUEUES)
