"""Charge an invoice: create the draft, add and check its lines, finalise it, pay it.

Each step's key is recorded before its first call and each id before the next call, so the job may
crash between any two lines, run twice, or run a day late: it resumes from the log. A key
that the provider may have forgotten is not reused; its possible object is looked up first.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from domain.gateway.errors import GatewayRejected, GatewayUnavailable
from domain.gateway.objects import ProviderInvoice
from domain.invoices.invoice import Invoice
from domain.invoices.step_plans import DraftPlan, SubscribePlan
from workers.invoices.actions import perform_action
from workers.invoices.draft_invoice import draft_invoice
from workers.invoices.hand_over_draft import (
    draft_with_pending_items,
    hand_over_draft,
    status_after_rejection,
)
from workers.invoices.job import InvoicingDeps, object_id, record_answer, start_step
from workers.invoices.rejections import RequestRejected, failed_payment
from workers.invoices.subscribe import subscribe
from workers.provider_objects.same_account import require_same_account


def charge_invoice(invoice_id: UUID, deps: InvoicingDeps) -> None:
    """Perform the remaining steps of the charge; raises GatewayUnavailable for a retry."""
    invoice = deps.billing.get(Invoice, invoice_id)
    if not invoice.view.in_progress:
        return
    if invoice.view.pending_request is not None:
        perform_action(invoice, deps)
        return
    try:
        _take_steps(invoice, deps)
    except RequestRejected as rejection:
        _require_same_account(invoice_id, deps, rejection)
        _discard(invoice_id, deps, rejection)


def _require_same_account(
    invoice_id: UUID, deps: InvoicingDeps, rejection: RequestRejected
) -> None:
    """Raise GatewayMisconfigured if an object is missing because the key is another account's."""
    cause = rejection.__cause__
    if isinstance(cause, GatewayRejected) and cause.missing:
        steps = deps.billing.get(Invoice, invoice_id).view.steps
        if "create" in steps:
            require_same_account(DraftPlan.of(steps["create"]).customer, deps.gateway)
        elif "subscribe" in steps:
            require_same_account(SubscribePlan.of(steps["subscribe"]).customer, deps.gateway)


def _take_steps(invoice: Invoice, deps: InvoicingDeps) -> None:
    if "discard" in invoice.view.steps:
        raise RequestRejected.of_discarded(invoice.view.steps["discard"])
    if invoice.view.type == "subscription":
        subscribe(invoice, deps)
        return
    match invoice.view.request.flow:
        case "draft":
            hand_over_draft(invoice, deps)
        case "include_pending_items":
            draft_with_pending_items(invoice, deps)
        case _:
            _charge_now(invoice, deps)


def _charge_now(invoice: Invoice, deps: InvoicingDeps) -> None:
    if "finalize" not in invoice.view.steps:
        invoice = draft_invoice(invoice, deps, then="finalize")
    if invoice.view.status == "requested":
        invoice = _finalize(invoice, deps)
    if invoice.view.in_progress:
        _pay(invoice, deps)


def _finalize(invoice: Invoice, deps: InvoicingDeps) -> Invoice:
    deps.heartbeat()
    at_provider = object_id(invoice.view)
    try:
        answer = deps.gateway.finalize_invoice(at_provider, key=invoice.view.steps["finalize"].key)
    except GatewayRejected as error:
        answer = status_after_rejection(at_provider, deps, error)
    has_method = DraftPlan.of(invoice.view.steps["create"]).method is not None
    return record_answer(invoice, answer, deps, source="answer", charging=has_method)


def _pay(invoice: Invoice, deps: InvoicingDeps) -> None:
    deps.heartbeat()
    view = invoice.view
    at_provider = object_id(view)
    if "pay" not in view.steps:
        invoice = start_step(invoice, "pay", deps)
    may_be_paid = deps.must_look_up(invoice, "pay")
    answer = deps.gateway.fetch_invoice(at_provider) if may_be_paid else None
    if answer is None or _untried(answer):
        answer = _charge(invoice, deps)
    after = record_answer(invoice, answer, deps, source="answer", attempted=True)
    if after.view.in_progress:
        raise GatewayUnavailable(f"after paying, {at_provider} is still {answer.state}")


def _untried(answer: ProviderInvoice) -> bool:
    return answer.state == "open" and (answer.payment is None or answer.payment.state == "open")


def _charge(invoice: Invoice, deps: InvoicingDeps) -> ProviderInvoice:
    """Pay the invoice. After a rejection its payment is fetched, which states the next action."""
    at_provider = object_id(invoice.view)
    try:
        return deps.gateway.pay_invoice(
            at_provider,
            off_session=invoice.view.request.off_session,
            key=invoice.view.steps["pay"].key,
        )
    except GatewayRejected as error:
        answer = deps.gateway.fetch_invoice(at_provider)
        return (
            answer
            if not _untried(answer)
            else replace(answer, payment=failed_payment(answer, error))
        )


def _discard(invoice_id: UUID, deps: InvoicingDeps, rejection: RequestRejected) -> None:
    """Delete the draft, then record the rejection. The reason is stored first, in case we crash.

    A draft with pending items is not deleted: the items belong to the customer.
    """
    invoice = deps.billing.get(Invoice, invoice_id)
    gathers = invoice.view.request.flow == "include_pending_items"
    if invoice.view.provider_object_id is not None and not gathers:
        invoice = start_step(invoice, "discard", deps, plan=rejection.to_plan())
        deps.gateway.delete_draft(object_id(invoice.view))
    occurred_at = deps.now()
    deps.billing.change(
        Invoice, invoice_id, lambda known: rejection.record(known, occurred_at=occurred_at)
    )
