"""Test that dead letters whose reason may pass are replayed, later and later, with a cap."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg

from domain.inbox.dead_letters import MOST_RETRIES, DeadLetter, replay_dead_letters
from domain.inbox.provider_event import ProviderEvent
from tests.workers.stripe_harness import Bench
from tests.workers.test_schedule import project
from workers.schedule import retry_dead_letters

EVENT = {
    "type": "invoice.paid",
    "created": 1_767_225_600,
    "data": {"object": {"id": "in_1", "object": "invoice", "metadata": {}}},
}


def dead_letter(bench: Bench, reason: str) -> UUID:
    received = bench.receive(EVENT | {"id": f"evt_{uuid4().hex}"})
    event_id = UUID(str(received.originator_id))
    park(bench, event_id, reason)
    return event_id


def park(bench: Bench, event_id: UUID, reason: str) -> None:
    occurred_at = bench.clock()
    bench.billing.change(
        ProviderEvent,
        event_id,
        lambda known: known.park(reason, retry=False, occurred_at=occurred_at, actor="t"),
    )


def test_passing_reasons_are_retried_later_and_later_and_others_wait(
    bench: Bench, database: str
) -> None:
    reasons = ("unknown invoice", "GatewayUnavailable: timed out", "unreadable: invoice.id", None)
    letters = {reason: dead_letter(bench, reason or "belongs elsewhere: it") for reason in reasons}
    passing = [letters["unknown invoice"], letters["GatewayUnavailable: timed out"]]
    asyncio.run(project(database, bench, until="deliveries"))

    def replays(event_id: UUID) -> int:
        return [one.topic for one in bench.log.stream(event_id)].count(
            "provider_event.replay_requested"
        )

    def run(*, minutes: float) -> int:
        return retry_dead_letters(
            database, bench.billing, now=bench.clock() + timedelta(minutes=minutes)
        )

    assert run(minutes=4) == 0
    assert run(minutes=6) == 2
    assert run(minutes=6) == 0, "the read model is behind, and they are no dead letters any more"
    assert [replays(event_id) for event_id in letters.values()] == [1, 1, 0, 0]

    for event_id in passing:
        park(bench, event_id, "unknown invoice")
    asyncio.run(project(database, bench, until="deliveries"))
    assert run(minutes=9) == 0
    assert run(minutes=11 + 6) == 2
    with psycopg.connect(database, autocommit=True) as session:
        session.execute("UPDATE read.deliveries SET state = 'dead', times_replayed = 8")
    assert MOST_RETRIES == 8
    assert run(minutes=10**6) == 0


def test_a_letter_that_changed_meanwhile_is_left_alone(bench: Bench) -> None:
    event_id = dead_letter(bench, "unknown invoice")
    letter = DeadLetter(id=event_id, version=bench.billing.get(ProviderEvent, event_id).version)
    for expected in (1, 0):
        requested = replay_dead_letters(
            bench.billing, [letter], actor="t", occurred_at=bench.clock()
        )
        assert requested == expected
