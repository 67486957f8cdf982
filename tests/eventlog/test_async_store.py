"""Append aggregates on the event loop, measured and refused as the log does."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest

from domain.inbox.commands import ReceivePaymentHint
from domain.inbox.payment_hint import PaymentHint, PaymentHintReceived
from eventlog.async_store import AsyncStore
from eventlog.errors import Conflict
from eventlog.log import Log


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
