"""Return a draft to the provider's automatic finalisation, or fill it with pending items.

Nothing here moves money. The job may crash between any two lines and resumes from the
log.
"""

from __future__ import annotations

from typing import Final

from domain.gateway.errors import GatewayRejected, GatewayUnavailable, JobPostponed
from domain.gateway.objects import ProviderInvoice
from domain.invoices.invoice import Invoice
from domain.invoices.step_plans import DraftPlan
from workers.invoices.draft_invoice import create, draft_invoice, find_customer
from workers.invoices.job import InvoicingDeps, object_id, record_draft, start_step
from workers.invoices.rejections import RequestRejected

_WAIT_FOR_SLOT_S: Final = 0.25


def hand_over_draft(invoice: Invoice, deps: InvoicingDeps) -> None:
    """Fill a draft, then let the provider advance it (seed 003). Raises RequestRejected.

    If it advanced from the start, a crash before its lines would let the provider finalise an
    empty invoice as paid.
    """
    if "advance" not in invoice.view.steps:
        invoice = draft_invoice(invoice, deps, then="advance")
    deps.heartbeat()
    at_provider = object_id(invoice.view)
    try:
        deps.gateway.advance_draft(at_provider, key=invoice.view.steps["advance"].key)
    except GatewayRejected as error:
        status_after_rejection(at_provider, deps, error)
    _record_draft_state(invoice, deps)


def draft_with_pending_items(invoice: Invoice, deps: InvoicingDeps) -> None:
    """Create a draft with the customer's pending items (seed 004). Raises RequestRejected."""
    try:
        if "create" not in invoice.view.steps:
            plan = DraftPlan(customer=find_customer(invoice.view, deps).id)
            invoice = start_step(invoice, "create", deps, plan=plan)
        if invoice.view.provider_object_id is None:
            _acquire_lock(invoice, deps)
            invoice = create(invoice, deps, then="include_pending_items")
        _release_lock(invoice, deps)
    except GatewayRejected as error:
        _release_lock(invoice, deps)
        raise RequestRejected.from_gateway(error) from error
    _record_draft_state(invoice, deps)


def status_after_rejection(
    at_provider: str, deps: InvoicingDeps, error: GatewayRejected
) -> ProviderInvoice:
    """Distinguish a repeated finalisation, rejected without effect, from a real rejection."""
    if error.missing:
        raise RequestRejected.from_gateway(error) from error
    answer = deps.gateway.fetch_invoice(at_provider)
    if answer.state == "draft":
        raise RequestRejected.from_gateway(error) from error
    return answer


def _acquire_lock(invoice: Invoice, deps: InvoicingDeps) -> None:
    """Acquire the lock on the customer's pending items; raises JobPostponed if it is held."""
    customer = DraftPlan.of(invoice.view.steps["create"]).customer
    if not deps.billing.acquire_pending_items_lock(invoice, customer, occurred_at=deps.now()):
        raise JobPostponed(
            f"another invoice includes the pending items of {customer}",
            retry_after_s=_WAIT_FOR_SLOT_S,
        )


def _release_lock(invoice: Invoice, deps: InvoicingDeps) -> None:
    customer = DraftPlan.of(invoice.view.steps["create"]).customer
    deps.billing.release_pending_items_lock(invoice, customer, occurred_at=deps.now())


def _record_draft_state(invoice: Invoice, deps: InvoicingDeps) -> None:
    """Fetch and record the draft's current state."""
    at_provider = object_id(invoice.view)
    try:
        answer = deps.gateway.fetch_draft(at_provider)
    except GatewayRejected as error:
        raise RequestRejected.from_gateway(error) from error
    after = record_draft(invoice, answer, deps)
    if after.view.in_progress:
        raise GatewayUnavailable(f"{at_provider} is {answer.state}, not in a final state")
