"""Answer requests in these tests with the events that a worker would append."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Final
from uuid import UUID

import orjson

from domain.core.errors import StaleWrite
from domain.gateway.objects import (
    InvoiceState,
    ProviderInvoice,
    ProviderPayment,
    ProviderRefund,
    RefundsAndDisputes,
    RefundState,
)
from domain.gateway.setups import SessionState, SetupSession
from domain.invoices import action_events as ae
from domain.invoices import events as e
from domain.invoices.invoice import Invoice
from domain.invoices.refund_events import RefundRequested
from domain.payment_methods.events import SetupRequested
from domain.payment_methods.setup import MethodSetup
from eventlog.bodies import Body
from eventlog.follow.tail import EventHeader
from service.context import Context
from tests.service import subscription_fixtures

SECRET = "pi_1_secret_never_shown"
HOSTED_URL = "https://invoice.stripe.test/i/1"
CHECKOUT_URL = "https://checkout.stripe.test/c/1"

_PAYMENT = ProviderPayment(id="pi_1", state="succeeded", amount_minor=1999, method="card")
_PAYMENTS = {
    "paid": _PAYMENT,
    "declined": replace(
        _PAYMENT,
        state="failed",
        code="card_declined",
        decline_code="insufficient_funds",
        message="Your card has insufficient funds.",
    ),
    "requires_action": replace(_PAYMENT, state="requires_action"),
    "processing": replace(_PAYMENT, state="processing"),
    "authorized": replace(_PAYMENT, state="processing"),
}
_STATES: Final[dict[str, InvoiceState]] = {
    "paid": "paid",
    "void": "void",
    "draft": "draft",
    "deleted": "deleted",
    "uncollectible": "uncollectible",
}
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
_REFUND_STATES: Final[dict[str, RefundState]] = {"succeeded": "succeeded", "pending": "pending"}


def provider_invoice(outcome: str, *, attempts: int = 1) -> ProviderInvoice:
    """Build the provider's invoice after the steps that lead to an outcome."""
    paid, held = outcome == "paid", outcome == "authorized"
    return ProviderInvoice(
        id="in_1",
        state=_STATES.get(outcome, "open"),
        as_of=int(time.time()),
        livemode=False,
        currency="eur",
        customer="cus_1",
        number="A-1",
        total_minor=1999,
        tax_minor=0,
        amount_paid_minor=1999 if paid else 0,
        amount_due_minor=0 if paid else 1999,
        attempt_count=0 if outcome in ("open", "draft", "deleted") else attempts,
        hosted_url=HOSTED_URL,
        due_at=None,
        period_start=None,
        period_end=None,
        paid_at=int(time.time()) if paid else None,
        amount_capturable_minor=1999 if held else 0,
        capture_before=int(time.time()) + 604_800 if held else None,
        capturable_payment="pi_1" if held else None,
        payment=_PAYMENTS.get(outcome),
        raw=orjson.dumps({"id": "in_1", "confirmation_secret": {"client_secret": SECRET}}),
    )


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


def complete_invoice(context: Context, invoice_id: UUID, outcome: str) -> None:
    """Append the events of an outcome."""
    if outcome == "rejected":
        context.recording.billing.change(Invoice, invoice_id, _reject)
        return
    if outcome == "draft":
        context.recording.billing.change(Invoice, invoice_id, _leave_as_draft)
        return
    if outcome != "open":
        _record(context, invoice_id, "open", charging=True)
    _record(context, invoice_id, outcome)


def complete_action(context: Context, invoice_id: UUID, outcome: str) -> None:
    """Append what comes of what was asked of an invoice: a state of it, `refused` or `checkout`."""
    if outcome in _OTHER_OUTCOMES:
        context.recording.billing.change(Invoice, invoice_id, _OTHER_OUTCOMES[outcome])
        return
    invoice = context.recording.billing.get(Invoice, invoice_id)
    if outcome == "void" and invoice.view.status == "draft":
        outcome = "deleted"
    _record(context, invoice_id, outcome, attempts=2)


def refund_as(context: Context, invoice_id: UUID, refund_id: UUID, outcome: str) -> None:
    """Append what comes of a refund: pending, succeeded or failed."""

    def change(invoice: Invoice) -> None:
        occurred_at = datetime.now(UTC)
        if outcome == "failed":
            message = "The card's bank takes nothing back."
            invoice.fail_refund(
                refund_id, code="refund_refused", message=message, occurred_at=occurred_at
            )
            return
        (requested,) = (each for each in invoice.view.refunds if each.id == str(refund_id))
        refund = ProviderRefund(
            id=f"re_{refund_id.hex[:8]}",
            state=_REFUND_STATES[outcome],
            amount_minor=requested.amount_minor,
            refunded_at=int(time.time()),
            reference=str(refund_id),
        )
        invoice.record_refunds_and_disputes(
            RefundsAndDisputes(refunds=(refund,)),
            source="answer",
            actor="worker",
            occurred_at=occurred_at,
        )

    context.recording.billing.change(Invoice, invoice_id, change)


def _refuse(invoice: Invoice) -> None:
    invoice.refuse_request(
        code="provider_rejected",
        message="No such PaymentMethod: 'pm_gone'",
        path="paymentMethod",
        provider_code="resource_missing",
        occurred_at=datetime.now(UTC),
    )


def _open_checkout(invoice: Invoice) -> None:
    """Append what a retry makes where the provider has payments, and no invoices."""
    snapshot = provider_invoice("open")
    made = replace(snapshot, id="tr_2", object_type="payment", hosted_url=CHECKOUT_URL)
    body = Body.of(made.raw, None).sha256.hex()
    invoice.record_checkout(made, occurred_at=datetime.now(UTC), body=body, dashboard_url=None)


_OTHER_OUTCOMES: Final = {"refused": _refuse, "checkout": _open_checkout}


def _leave_as_draft(invoice: Invoice) -> None:
    snapshot = provider_invoice("draft")
    body = Body.of(snapshot.raw, None)
    invoice.record_drafted(snapshot, occurred_at=datetime.now(UTC), body=body.sha256.hex())


def _record(
    context: Context,
    invoice_id: UUID,
    outcome: str,
    *,
    charging: bool = False,
    attempts: int = 1,
) -> None:
    snapshot = provider_invoice(outcome, attempts=attempts)
    body = Body.of(snapshot.raw, None)
    context.recording.billing.record_provider_state(
        invoice_id,
        snapshot,
        source="answer",
        actor="worker",
        occurred_at=datetime.now(UTC),
        charging=charging,
        body=body.sha256.hex(),
        bodies=[body],
    )


def _reject(invoice: Invoice) -> None:
    invoice.reject(
        code="provider_rejected",
        message="No such price: 'price_gone'",
        path="lineItems.0.price",
        provider_code="resource_missing",
        occurred_at=datetime.now(UTC),
    )
