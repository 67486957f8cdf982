"""Answer requests in these tests with the events that a worker would append."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Final
from uuid import UUID

from domain.core.errors import StaleWrite
from domain.gateway.setups import SessionState, SetupSession
from domain.invoices import action_events as ae
from domain.invoices import events as e
from domain.invoices.invoice import Invoice
from domain.invoices.refund_events import RefundRequested
from domain.payment_methods.events import SetupRequested
from domain.payment_methods.setup import MethodSetup
from eventlog.follow.tail import EventHeader
from service.context import Context
from tests.service import subscription_fixtures
from tests.service.invoice_outcomes import (
    CHECKOUT_URL,
    complete_action,
    complete_invoice,
    refund_as,
)

# What comes of what is asked of an invoice, unless its metadata's `then` says otherwise.
_THEN: Final = {
    ae.RetryRequested.TOPIC: "paid",
    ae.VoidRequested.TOPIC: "void",
    ae.FinalizeRequested.TOPIC: "open",
    ae.UncollectibleRequested.TOPIC: "uncollectible",
    ae.CaptureRequested.TOPIC: "paid",
    RefundRequested.TOPIC: "succeeded",
}
_WORKED_ON: Final = {
    *(e.InvoiceRequested.TOPIC, SetupRequested.TOPIC),
    *subscription_fixtures.REQUEST_TOPICS,
    *_THEN,
}


# Several services of this process may have one database: one of their workers does the work.
_claimed: Final[set[tuple[UUID, int]]] = set()
_claiming: Final = threading.Lock()
_INSISTENCE: Final = 50


class Worker:
    """Does to each requested invoice what its metadata's `outcome` says; `never` is left alone.

    What is asked of it later comes true, or what its metadata's `then` says.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._tasks: set[asyncio.Task[None]] = set()
        self._end = context.recording.tail.subscribe(self._on_event)

    async def finish(self) -> None:
        """Start no further work, and wait for what was started."""
        self._end()
        await asyncio.gather(*self._tasks)

    def _on_event(self, event: EventHeader) -> None:
        if event.topic in _WORKED_ON and _claim(event):
            self._work_on(event)

    def _work_on(self, event: EventHeader) -> None:
        if event.topic == e.InvoiceRequested.TOPIC:
            self._start(asyncio.to_thread(self._complete, event.originator_id))
        elif event.topic in subscription_fixtures.REQUEST_TOPICS:
            work = partial(subscription_fixtures.carry_out, self._context, event.originator_id)
            self._start(asyncio.to_thread(work))
        elif event.topic == SetupRequested.TOPIC:
            self._start(asyncio.to_thread(set_up, self._context, event.originator_id))
        elif event.topic in _THEN:
            self._start(asyncio.to_thread(self._carry_out, event.originator_id, event.topic))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _carry_out(self, invoice_id: UUID, topic: str) -> None:
        view = self._context.recording.billing.get(Invoice, invoice_id).view
        then = view.metadata.get("then", _THEN[topic])
        if then == "never":
            return
        if topic == RefundRequested.TOPIC:
            for refund in view.refunds:
                if refund.status == "requested":
                    _insist(
                        partial(refund_as, self._context, invoice_id, UUID(str(refund.id)), then)
                    )
        else:
            _insist(partial(complete_action, self._context, invoice_id, then))

    def _complete(self, invoice_id: UUID) -> None:
        view = self._context.recording.billing.get(Invoice, invoice_id).view
        outcome = view.metadata.get("outcome", "never")
        if outcome != "never":
            complete_invoice(self._context, invoice_id, outcome)


def _claim(event: EventHeader) -> bool:
    """Return whether this is the first worker that has seen the event."""
    claim = event.originator_id, event.position
    with _claiming:
        if claim in _claimed:
            return False
        _claimed.add(claim)
        return True


def set_up(context: Context, setup_id: UUID) -> None:
    """Append what comes of a setup, as its own `redirect_url` says: `…/open` or `…/rejected`."""
    outcome = context.recording.billing.get(MethodSetup, setup_id).view.redirect_url.rpartition(
        "/"
    )[2]
    occurred_at = datetime.now(UTC)
    if outcome == "open":
        page = setup_session("open", setup_id)
        context.recording.billing.change(
            MethodSetup,
            setup_id,
            lambda known: known.record_session(
                page, source="answer", actor="worker", occurred_at=occurred_at
            ),
        )
    elif outcome == "rejected":
        context.recording.billing.change(
            MethodSetup,
            setup_id,
            lambda known: known.reject(
                code="provider_rejected",
                message="No such customer: 'cus_1'",
                path="tenantUuid",
                provider_code="resource_missing",
                occurred_at=occurred_at,
            ),
        )


def setup_session(state: SessionState, setup_id: UUID) -> SetupSession:
    """Build the provider's session of a setup's page."""
    return SetupSession(
        id=f"cs_{setup_id.hex}",
        state=state,
        customer="cus_1",
        expires_at=int(time.time()) + 86_400,
        livemode=False,
        url=CHECKOUT_URL if state == "open" else "",
    )


def _insist(work: Callable[[], None]) -> None:
    """Do it as a worker does whose jobs are sent again while others are faster."""
    for _ in range(_INSISTENCE):
        with suppress(StaleWrite):
            return work()
    raise AssertionError("others were always faster")
