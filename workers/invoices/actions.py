"""Perform a requested action on an existing invoice: retry, void, finalise, write off, capture.

The step and its key are recorded before its first call, so the job may crash between
any two lines. After a rejection the invoice is fetched: the rejected change may have been made
before, or may no longer be needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from domain.core.steps import StepRecord
from domain.gateway.errors import GatewayRejected, GatewayUnavailable
from domain.gateway.objects import ProviderInvoice
from domain.invoices import status
from domain.invoices.invoice import Invoice
from domain.invoices.step_plans import RetryPlan
from workers.invoices.capture import capture_payment
from workers.invoices.job import (
    InvoicingDeps,
    object_id,
    record_answer,
    record_rejection,
    start_step,
)
from workers.invoices.rejections import RequestRejected, failed_payment, unpaid
from workers.provider_objects.same_account import require_same_account


def perform_action(invoice: Invoice, deps: InvoicingDeps) -> None:
    """Perform the requested action; raises GatewayUnavailable for a retry."""
    pending = invoice.view.pending_request
    assert pending is not None, "called for a pending request"  # noqa: S101 - STYLE: assert what must hold
    after = _ACTIONS[pending.action](invoice, deps)
    if after.view.pending_request is not None and after.view.in_progress:
        raise GatewayUnavailable(f"{pending.action} has no outcome yet")


def _start_action_step(
    invoice: Invoice, deps: InvoicingDeps, *, plan: RetryPlan | None = None
) -> Invoice:
    """Start the action's step; later tries keep the first try's step."""
    pending = invoice.pending_request
    return start_step(invoice, pending.step, deps, attempt=pending.attempt, plan=plan)


def _started_step(invoice: Invoice) -> StepRecord | None:
    pending = invoice.pending_request
    step = invoice.view.steps.get(pending.step)
    return step if step is not None and step.attempt == pending.attempt else None


def _retry(invoice: Invoice, deps: InvoicingDeps) -> Invoice:
    """Charge again under a new key, after looking up the invoice's current state."""
    at_provider = object_id(invoice.view)
    step = _started_step(invoice)
    if step is None or deps.key_expired(invoice, "pay"):
        answer = deps.gateway.fetch_invoice(at_provider)
        tried = step is not None and _charge_of(answer) != RetryPlan.of(step).charge
        if tried or not _payable(answer):
            return _take_attempt(invoice, answer, deps)
        invoice = _start_action_step(invoice, deps, plan=RetryPlan(charge=_charge_of(answer)))
    deps.heartbeat()
    try:
        answer = deps.gateway.pay_invoice(
            at_provider,
            off_session=invoice.view.request.off_session,
            payment_method=invoice.pending_request.payment_method,
            key=invoice.view.steps["pay"].key,
        )
    except GatewayRejected as error:
        return _retry_refused(invoice, deps, error)
    return _take_attempt(invoice, answer, deps)


def _take_attempt(invoice: Invoice, answer: ProviderInvoice, deps: InvoicingDeps) -> Invoice:
    """Record an attempt's outcome; a written-off invoice stays so until it is paid."""
    if answer.state == "uncollectible":
        return record_rejection(invoice, answer, deps, unpaid(answer.payment))
    return record_answer(invoice, answer, deps, source="answer", attempted=True)


def _retry_refused(invoice: Invoice, deps: InvoicingDeps, error: GatewayRejected) -> Invoice:
    """Distinguish a declined attempt, which is an outcome, from one that was never made."""
    answer = deps.gateway.fetch_invoice(object_id(invoice.view))
    made = _charge_of(answer) != RetryPlan.of(invoice.view.steps["pay"]).charge
    if _payable(answer) and not error.declined and not made:
        return record_rejection(invoice, answer, deps, RequestRejected.from_gateway(error))
    if answer.state == "uncollectible":
        # The invoice stays written off, whatever the attempt's outcome.
        return record_rejection(invoice, answer, deps, RequestRejected.of_payment(error))
    if answer.state == "open" and not made and not _waits_for_customer(answer):
        answer = replace(answer, payment=failed_payment(answer, error))
    return record_answer(invoice, answer, deps, source="answer", attempted=True)


def _charge_of(answer: ProviderInvoice) -> str:
    """Return the id of the last attempt."""
    return "" if answer.payment is None else answer.payment.charge or ""


def _payable(answer: ProviderInvoice) -> bool:
    processing = answer.payment is not None and answer.payment.state == "processing"
    return answer.state in ("open", "uncollectible") and not processing


def _waits_for_customer(answer: ProviderInvoice) -> bool:
    return answer.payment is not None and answer.payment.state == "requires_action"


def _void(invoice: Invoice, deps: InvoicingDeps) -> Invoice:
    """Void the invoice; delete it if it is still a draft."""
    at_provider = object_id(invoice.view)
    invoice = _start_action_step(invoice, deps)
    deps.heartbeat()
    try:
        answer = deps.gateway.fetch_invoice(at_provider)
        if answer.state == "draft":
            deps.gateway.delete_draft(at_provider)
            answer = replace(answer, state="deleted")
        elif answer.state in ("open", "uncollectible"):
            answer = deps.gateway.void_invoice(at_provider, key=invoice.view.steps["void"].key)
    except GatewayRejected as error:
        if error.missing and invoice.view.status in (status.DRAFT, status.REQUESTED):
            require_same_account(invoice.view.customer, deps.gateway)
            return deps.record_deleted(invoice)
        answer = deps.gateway.fetch_invoice(at_provider)
        if answer.state in ("open", "uncollectible", "draft"):
            return record_rejection(invoice, answer, deps, RequestRejected.from_gateway(error))
    return record_answer(invoice, answer, deps, source="answer")


def _finalize(invoice: Invoice, deps: InvoicingDeps) -> Invoice:
    """Finalise the draft; its own setting determines whether the provider then charges it."""
    return _change_state(
        invoice,
        deps,
        lambda at_provider, key: deps.gateway.finalize_invoice(at_provider, key=key, hold=False),
        unchanged=("draft",),
    )


def _write_off(invoice: Invoice, deps: InvoicingDeps) -> Invoice:
    return _change_state(
        invoice,
        deps,
        lambda at_provider, key: deps.gateway.write_off_invoice(at_provider, key=key),
        unchanged=("draft", "open"),
    )


def _change_state(
    invoice: Invoice,
    deps: InvoicingDeps,
    call: Callable[[str, str], ProviderInvoice],
    *,
    unchanged: tuple[str, ...],
) -> Invoice:
    """Change the invoice's state at the provider; a repeat is rejected without effect."""
    at_provider = object_id(invoice.view)
    invoice = _start_action_step(invoice, deps)
    deps.heartbeat()
    try:
        answer = call(at_provider, invoice.view.steps[invoice.pending_request.step].key)
    except GatewayRejected as error:
        if error.missing:
            require_same_account(invoice.view.customer, deps.gateway)
            deleted = deps.record_deleted(invoice)
            if deleted.view.in_progress:
                raise  # only a draft can be deleted: the request is refused
            return deleted
        answer = deps.gateway.fetch_invoice(at_provider)
        if answer.state in unchanged:
            return record_rejection(invoice, answer, deps, RequestRejected.from_gateway(error))
    return record_answer(invoice, answer, deps, source="answer")


_ACTIONS: Final[dict[str, Callable[[Invoice, InvoicingDeps], Invoice]]] = {
    "retry": _retry,
    "void": _void,
    "finalize": _finalize,
    "uncollectible": _write_off,
    "capture": capture_payment,
}
