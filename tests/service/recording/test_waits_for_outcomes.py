"""Test that a wait ends with the outcome whichever events the log's tail collects."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any, cast
from uuid import UUID

import pytest

from domain.invoices.outcome import WAKING_TOPICS
from domain.invoices.payment_events import PaymentSucceeded
from eventlog.follow.tail import Tail
from eventlog.reading import RecordedEvent
from service.recording.record import wait_for_outcome
from service.recording.streams import FoldedInvoice
from tests.service.harness import Shop
from tests.service.invoice_outcomes import complete_invoice
from tests.service.running_service import Service

ASYNC = {"prefer": "respond-async"}
KEPT: dict[str, Callable[[RecordedEvent], bool]] = {
    "all": lambda _: True,
    "none": lambda _: False,
    "the first": lambda event: event.originator_version == 2,
    "all but the first": lambda event: event.originator_version != 2,
    "all but the outcome": lambda event: event.topic != PaymentSucceeded.TOPIC,
}


class TailThatLosesEvents:
    """Announces all events, and collects those that are kept."""

    def __init__(self, tail: Tail, *, is_kept: Callable[[RecordedEvent], bool]) -> None:
        self._tail = tail
        self._is_kept = is_kept

    async def wait_for(
        self, stream: UUID, topics: Collection[str], after: int, deadline: float, *, collect: Any
    ) -> int | None:
        def collect_kept(event: RecordedEvent) -> None:
            if self._is_kept(event):
                collect(event)

        return await self._tail.wait_for(stream, topics, after, deadline, collect=collect_kept)


@pytest.mark.parametrize("knows_request", [True, False])
@pytest.mark.parametrize("kept", KEPT)
def test_a_wait_reads_the_events_that_the_tail_did_not_collect(
    service: Service, shop: Shop, kept: str, *, knows_request: bool
) -> None:
    invoice_id = UUID(shop.post("never", headers=ASYNC).json()["items"][0]["id"])
    log, context = service.context.recording.log, service.context.recording
    lossy = TailThatLosesEvents(context.tail, is_kept=KEPT[kept])

    async def wait() -> FoldedInvoice | None:
        recorded = await log.stream_async(invoice_id)
        waiting = asyncio.ensure_future(
            wait_for_outcome(
                replace(context, tail=cast("Tail", lossy)),
                invoice_id,
                WAKING_TOPICS,
                context.streams.first_outcome,
                after=recorded[-1].position,
                known=recorded if knows_request else (),
                wait_s=60,
            )
        )
        await asyncio.to_thread(complete_invoice, service.context, invoice_id, "paid")
        return await waiting

    outcome = service.call(wait())
    assert outcome is not None
    assert outcome.view.status == "paid"
    newest = service.call(log.stream_async(invoice_id))[-1]
    assert outcome.position == newest.position
