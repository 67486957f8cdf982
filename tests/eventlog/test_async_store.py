"""Append aggregates on the event loop, measured and refused as the log does."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import cast
from uuid import UUID

import pytest

from domain.apps.app import App
from domain.inbox.commands import ReceivePaymentHint
from domain.inbox.payment_hint import PaymentHint, PaymentHintReceived
from eventlog.async_store import AsyncStore, pending_events
from eventlog.errors import Conflict
from eventlog.log import Log
from tests.support.memory_log import MemoryLog

AT = datetime(2026, 1, 1, tzinfo=UTC)


def payment_hint() -> PaymentHint:
    command = ReceivePaymentHint(
        app_id=UUID(int=1),
        connection_id=UUID(int=2),
        connection="mollie-1",
        provider="mollie",
        mode="test",
        payment_id="tr_1",
        actor="webhook:tr_1",
    )
    return PaymentHint.receive(command, occurred_at=datetime(2026, 1, 1, tzinfo=UTC))


def test_only_durable_appends_are_measured(database: str) -> None:
    measured: list[int] = []

    def measure(*, events: int, seconds: float) -> None:
        assert seconds >= 0
        measured.append(events)

    async def scenario() -> None:
        log = await Log.open_async(database)
        try:
            store = AsyncStore(log, on_append=measure)
            hint = payment_hint()
            assert await store.newest_event(hint.id) is None
            assert await store.create(hint) == 1
            assert isinstance(await store.newest_event(hint.id), PaymentHintReceived)
            with pytest.raises(Conflict):
                await store.create(payment_hint())
        finally:
            await log.close_async()

    asyncio.run(scenario())
    assert measured == [1]


def test_recorded_events_are_returned_as_they_would_be_read(database: str) -> None:
    async def scenario() -> None:
        log = await Log.open_async(database)
        try:
            hint = payment_hint()
            recorded = await AsyncStore(log).record(hint)
            assert recorded == await log.stream_async(hint.id)
        finally:
            await log.close_async()

    asyncio.run(scenario())


def test_a_long_stream_that_lost_events_is_loaded_as_a_whole() -> None:
    async def scenario() -> None:
        log = MemoryLog()
        store = AsyncStore(cast("Log", log))
        hint = payment_hint()
        for _ in range(30):
            hint.start_fetch(actor="worker", occurred_at=AT)
            hint.record_fetched([], reason=None, actor="worker", occurred_at=AT)
            hint.repeat(actor="webhook:tr_1", occurred_at=AT)
        await store.append(pending_events(hint))
        before = (await store.load([hint.id]))[hint.id]
        for left in (91, 80, 0):
            log.reset(before[:left])
            known = await store.load([hint.id])
            found = store.rebuild(PaymentHint, known[hint.id])
            assert (0 if found is None else found.version) == left

    asyncio.run(scenario())


def test_of_a_long_stream_the_newest_events_are_loaded(database: str) -> None:
    async def scenario() -> None:
        log = await Log.open_async(database)
        try:
            store = AsyncStore(log)
            hint = payment_hint()
            for _ in range(30):
                hint.start_fetch(actor="worker", occurred_at=AT)
                hint.record_fetched([], reason=None, actor="worker", occurred_at=AT)
                hint.repeat(actor="webhook:tr_1", occurred_at=AT)
            await store.append(pending_events(hint))
            sizes = []
            for _ in range(12):
                streams = await store.load([hint.id, UUID(int=9)])
                assert streams[UUID(int=9)] == []
                sizes.append(len(streams[hint.id]))
                for _ in range(2):  # each call has an aggregate of its own
                    loaded = store.rebuild(PaymentHint, streams[hint.id])
                    assert loaded is not None
                    assert loaded.version == sum(sizes[:1]) + len(sizes) - 1
                    assert store.rebuild(App, streams[hint.id]) is None
                    if loaded.waiting:
                        loaded.start_fetch(actor="worker", occurred_at=AT)
                    elif loaded.fetching:
                        loaded.record_fetched([], reason=None, actor="worker", occurred_at=AT)
                    else:
                        loaded.repeat(actor="webhook:tr_1", occurred_at=AT)
                assert loaded is not None
                await store.append(pending_events(loaded))
            assert sizes[0] == 91
            assert max(sizes[1:]) <= 8
        finally:
            await log.close_async()

    asyncio.run(scenario())
