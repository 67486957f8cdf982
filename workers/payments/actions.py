"""Perform a requested action on an invoice that has payments: retry, void, capture.

A retry is another payment for the same invoice. It is created before the last one is canceled, so
that a rejection leaves the customer a payment; the first one that is paid counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Final
from uuid import UUID

from domain.gateway.errors import GatewayRejected, GatewayUnavailable
from domain.gateway.objects import ProviderInvoice
from domain.invoices.invoice import Invoice
from workers.invoices.capture import capture_payment
from workers.invoices.job import object_id, record_answer, record_rejection, start_step
from workers.invoices.rejections import RequestRejected
from workers.payments.checkout import (
    CREATE,
    CheckoutDeps,
    create_invoice_payment,
    find_or_create_payment,
    record_payment,
)
from workers.payments.plan import PaymentPlan


def charge_or_perform_action(invoice_id: UUID, deps: CheckoutDeps) -> None:
    """Create the invoice's payment, or perform the requested action; raises GatewayUnavailable."""
    invoice = deps.billing.get(Invoice, invoice_id)
    if invoice.view.pending_request is None:
        create_invoice_payment(invoice_id, deps)
    elif invoice.view.in_progress:
        _perform_action(invoice, deps)


def _perform_action(invoice: Invoice, deps: CheckoutDeps) -> None:
    pending = invoice.view.pending_request
    assert pending is not None, "called for a pending request"  # noqa: S101 - STYLE: assert what must hold
    after = _ACTIONS[pending.action](invoice, deps)
    if after.view.pending_request is not None and after.view.in_progress:
        raise GatewayUnavailable(f"{pending.action} has no outcome yet")


def _retry(invoice: Invoice, deps: CheckoutDeps) -> Invoice:
    """Create another payment, after looking up the state of the last one."""
    pending, at_provider = invoice.pending_request, object_id(invoice.view)
    begun = invoice.view.steps.get(pending.step)
    is_repeat = begun is not None and begun.attempt >= pending.attempt
    last = deps.gateway.fetch_invoice(at_provider)
    if last.state == "paid" or _under_way(last):
        return record_answer(invoice, last, deps, source="answer", attempted=True)
    try:
        if not is_repeat:
            plan = _plan(invoice, pending.payment_method)
            invoice = start_step(invoice, pending.step, deps, attempt=pending.attempt, plan=plan)
        invoice, made = find_or_create_payment(invoice, pending.step, deps, is_repeat=is_repeat)
    except RequestRejected as rejection:
        return record_rejection(invoice, last, deps, rejection)
    cancel_if_possible([known for known in invoice.view.objects if known != made.id], deps)
    return record_payment(invoice, made, pending.step, deps)


def _plan(invoice: Invoice, method: str | None) -> PaymentPlan:
    """Plan a payment of the same amount, perhaps by another method. Raises RequestRejected."""
    first = invoice.view.steps.get(CREATE)
    if first is None:
        raise RequestRejected(
            code="not_asked_for_here",
            message="The payment was not requested here and cannot be repeated.",
        )
    return PaymentPlan.of(first).paid_by(method)


def _under_way(payment: ProviderInvoice) -> bool:
    return payment.payment is not None and payment.payment.state == "processing"


def _void(invoice: Invoice, deps: CheckoutDeps) -> Invoice:
    """Cancel the payment; a failed one needs no cancellation and is void."""
    pending, at_provider = invoice.pending_request, object_id(invoice.view)
    invoice = start_step(invoice, pending.step, deps, attempt=pending.attempt)
    deps.heartbeat()
    seen = deps.gateway.fetch_invoice(at_provider)
    if seen.payment is not None and seen.payment.state == "failed":
        seen = replace(seen, state="void")
    elif seen.state == "open":
        try:
            seen = deps.gateway.cancel_payment(at_provider)
        except GatewayRejected:
            seen = deps.gateway.fetch_invoice(at_provider)
            if seen.state == "open":
                return record_rejection(invoice, seen, deps, _not_cancelable())
    cancel_if_possible([known for known in invoice.view.objects if known != at_provider], deps)
    return record_answer(invoice, seen, deps, source="answer")


def _not_cancelable() -> RequestRejected:
    """Return a rejection with a code of ours: Mollie has one code for all."""
    return RequestRejected(
        code="not_cancelable",
        message="Mollie cannot cancel an open payment of this method; it expires unless paid.",
    )


_ACTIONS: Final[dict[str, Callable[[Invoice, CheckoutDeps], Invoice]]] = {
    "retry": _retry,
    "void": _void,
    "capture": capture_payment,
}


def cancel_if_possible(payments: Iterable[str], deps: CheckoutDeps) -> None:
    """Cancel an open payment; one that cannot be canceled expires by itself."""
    for payment in payments:
        with suppress(GatewayRejected):
            deps.gateway.cancel_payment(payment)


def cancel_other_payments(invoice_id: UUID, deps: CheckoutDeps) -> None:
    """Cancel the other payments of an invoice after one of them was paid."""
    view = deps.billing.get(Invoice, invoice_id).view
    cancel_if_possible([known for known in view.objects if known != view.paid_by_object], deps)
