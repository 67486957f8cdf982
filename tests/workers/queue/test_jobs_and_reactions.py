"""Every job is listed once, in the registry; every event that ends a request closes its row."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from domain.inbox.payment_hint import PaymentHintRepeated
from domain.inbox.provider_event import ProviderEventParked
from domain.invoices.outcome import REFUND_TOPICS, REQUEST_TOPICS
from workers.queue.broker import open_broker
from workers.queue.job_type import EVENTS, RECONCILE
from workers.queue.jobs import JOB_TYPES, QUEUES
from workers.queue.reactions import TOPICS, changes_for
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
    assert {*declared.values(), RECONCILE} == set(QUEUES)


def test_what_reconciliation_found_has_a_queue_of_its_own() -> None:
    broker = open_broker("redis://127.0.0.1:1/0", queues=[RECONCILE])
    declare_actors(broker, JobRunner(object.__new__(Runtime)))
    assert {name: actor.queue_name for name, actor in broker.actors.items()} == {
        "fetch_and_apply": RECONCILE,
        "apply_payment_hint": RECONCILE,
    }
    facts: dict[str, Any] = {"originator_id": UUID(int=1), "originator_version": 2}
    facts |= {"timestamp": datetime.now(UTC), "actor": "t", "app_id": UUID(int=2)}
    for found_by, queue in (("audit", RECONCILE), (None, EVENTS)):
        mine = facts | {"found_by": found_by}
        parked = ProviderEventParked(**mine | {"reason": "fetch", "retry": True})
        hinted = PaymentHintRepeated(**mine)
        opened = [*changes_for(parked), *changes_for(hinted)]
        assert [getattr(change, "queue", None) for change in opened] == [queue, queue]
