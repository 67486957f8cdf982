"""Signed events of any content are refused, or recorded, applied or parked, and folded everywhere.

The events are those of stories in the sandbox, with random changes of types, sizes and values.
Their objects are also what the provider answers with when it is asked about them.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import orjson
import pytest

from domain.core import ids
from domain.gateway.errors import GatewayError
from domain.inbox.commands import ReceiveProviderEvent
from domain.inbox.provider_event import (
    ProviderEvent,
    ProviderEventApplied,
    ProviderEventParked,
    ProviderEventReceived,
)
from domain.invoices.commands import RequestRefund
from eventlog.bodies import Body
from eventlog.codec import Codec
from eventlog.security.safe_json import Unreadable
from service.webhooks.stripe import StripeEvent, read_event
from tests.support.fuzzing import fuzz_seed, size
from tests.support.mutations import Json, mutated
from tests.workers.stripe_harness import Bench
from tests.workers.webhooks.all_followers import all_followers, caught_up
from tests.workers.webhooks.echo_gateway import EchoGateway
from workers.providers.stripe.event_types import EVENT_TYPES
from workers.webhooks.fetch_and_apply import fetch_and_apply
from workers.webhooks.record_fetched import FetchDeps

PART = 250


def corpus(bench: Bench) -> list[Json]:
    """Return the events of a paid, a refunded and a declined invoice and of two subscriptions."""
    paid = bench.request(bench.add_tenant())
    bench.charge(paid)
    refund_id = bench.request_action(paid, RequestRefund, amount_minor=500, reason=None)
    bench.refund(paid, refund_id)
    bench.charge(bench.request(bench.add_tenant("declined")))
    price = bench.account.add_price(1999, recurring={"interval": "month"})
    rate = bench.account.v1.tax_rates.create(
        {"display_name": "VAT", "percentage": 19, "inclusive": True}
    )
    bench.charge(bench.subscribe(bench.add_tenant(), price))
    bench.charge(bench.subscribe(bench.add_tenant(), price, tax_rate_id=rate.id))
    events = [event for event in bench.events("") if event["type"] in EVENT_TYPES]
    assert {event["data"]["object"]["object"] for event in events} >= {"invoice", "subscription"}
    return events


def received(bench: Bench, event: StripeEvent, *, number: int) -> tuple[ProviderEvent, Body]:
    """Make the inbox's entry, as the webhook endpoint does."""
    body = Body.of(event.body, None)
    command = ReceiveProviderEvent(
        event_id=ids.for_provider_event(bench.connection_id, "test", f"{event.id}{number}"),
        app_id=bench.app_id,
        connection_id=bench.connection_id,
        connection=bench.connection,
        provider="stripe",
        mode="test",
        provider_event_id=event.id,
        type=event.type,
        object_type=event.object_type,
        object_id=event.object_id,
        invoice_id=event.invoice_id,
        occurred_at=event.created_s,
        body=body.sha256.hex(),
        actor=f"webhook:{event.id}",
    )
    return ProviderEvent.receive(command, occurred_at=datetime.now(UTC)), body


class Run:
    """Record mutated events in parts while all followers are running."""

    def __init__(self, bench: Bench, *, seed: int) -> None:
        self.bench = bench
        self.source = random.Random(seed)  # noqa: S311 - repeatable by its seed
        self.results: Counter[str] = Counter()
        self._codec = Codec()

    def record(self, events: Sequence[Json], count: int) -> list[UUID]:
        """Record so many mutated events; return their streams."""
        entries, bodies = [], []
        for number in range(count):
            event = mutated(self.source, self.source.choice(events))
            raw = json.dumps(event).encode("utf-8", "surrogatepass")
            try:
                read = read_event(raw)
            except Unreadable:
                self.results["refused"] += 1
                continue
            entry, body = received(self.bench, read, number=self.source.getrandbits(40) + number)
            entries.append(entry)
            bodies.append(body)
        stored = [self._codec.encode(fact) for one in entries for fact in one.collect_events()]
        self.bench.log.append(stored, bodies)
        return [UUID(str(entry.id)) for entry in entries]

    def fetch(self, streams: Sequence[UUID]) -> None:
        """Run the job of each event whose object must be fetched."""
        for stream in streams:
            events = self.bench.log.stream(stream)
            first, last = self._codec.decode(events[0]), self._codec.decode(events[-1])
            assert isinstance(first, ProviderEventReceived)
            assert isinstance(last, ProviderEventApplied | ProviderEventParked)
            self.results[last.TOPIC] += 1
            if isinstance(last, ProviderEventApplied) or not last.retry:
                continue
            stored = self.bench.log.body(bytes.fromhex(first.body))
            gateway = EchoGateway(orjson.loads(stored or b"{}"))
            deps = FetchDeps(
                billing=self.bench.billing,
                bodies=self.bench.log,
                gateway_of=lambda *_, gateway=gateway: gateway,
                now=self.bench.clock,
            )
            try:
                fetch_and_apply(stream, deps)
            except GatewayError as error:
                self.results[f"postponed: {error}"] += 1
            else:
                self.results[f"fetched: {self.bench.log.stream(stream)[-1].topic}"] += 1


async def follow(run: Run, events: Sequence[Json], *, count: int) -> None:
    """Record and apply mutated events, part by part, with all followers running."""
    bench = run.bench
    async with all_followers(bench.log.dsn, now=bench.clock):
        for start in range(0, count, PART):
            size = min(PART, count - start)
            streams = await asyncio.to_thread(run.record, events, size)
            await caught_up(bench.log.dsn)
            await asyncio.to_thread(run.fetch, streams)


def check(bench: Bench, *, seed: int, count: int) -> None:
    run = Run(bench, seed=seed)
    try:
        asyncio.run(follow(run, corpus(bench), count=count))
    except BaseException as error:
        error.add_note(f"{dict(run.results)}")
        raise
    parts = ("refused", "provider_event.applied", "provider_event.parked")
    assert sum(run.results[part] for part in parts) == count, run.results
    assert all(run.results[part] > count / 20 for part in parts), run.results


def test_mutated_events_stop_no_follower(bench: Bench) -> None:
    check(bench, seed=1, count=60)


@pytest.mark.extended
@pytest.mark.fuzz
def test_thousands_of_mutated_events_stop_no_follower(bench: Bench) -> None:
    with fuzz_seed() as seed:
        check(bench, seed=seed, count=size(600, large=6_000))
