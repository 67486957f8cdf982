"""Leave a draft at the provider: one that it finalises and charges by itself, or one that gathers.

Nothing here moves money. As everywhere, the job may die between any two lines and goes on where the
log says it is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from domain.gateway.objects import GatewayRejected, GatewayUnavailable, ProviderInvoice
from domain.invoices.invoice import Invoice
from workers.invoices.draft_invoice import create, find_customer, open_and_fill
from workers.invoices.job import Desk, object_id, record_draft, start
from workers.invoices.rejections import Refused

_WAIT_FOR_SLOT_S: Final = 0.25


def leave_draft(invoice: Invoice, desk: Desk) -> None:
    """Fill a draft and only then let the provider advance it (seed 003); raises Refused.

    Were it advanced from the start, death before its lines would have the provider finalise an
    empty invoice as paid.
    """
    if "advance" not in invoice.view.steps:
        invoice = open_and_fill(invoice, desk, then="advance")
    desk.alive()
    at_provider = object_id(invoice.view)
    try:
        desk.gateway.advance_draft(at_provider, key=invoice.view.steps["advance"].key)
    except GatewayRejected as error:
        trust_status(at_provider, desk, error)
    _conclude(invoice, desk)


def gather_draft(invoice: Invoice, desk: Desk) -> None:
    """Open a draft that takes the customer's pending items in (seed 004); raises Refused."""
    try:
        if "create" not in invoice.view.steps:
            customer = find_customer(invoice.view, desk).id
            plan = {"customer": customer, "currency": ""}
            invoice = start(invoice, "create", desk, plan=plan)
        if invoice.view.provider_object_id is None:
            _take_slot(invoice, desk)
            invoice = create(invoice, desk, then="gather")
        _free_slot(invoice, desk)
    except GatewayRejected as error:
        _free_slot(invoice, desk)
        raise Refused.from_gateway(error) from error
    _conclude(invoice, desk)


def trust_status(at_provider: str, desk: Desk, error: GatewayRejected) -> ProviderInvoice:
    """Tell a second finalisation, which is refused but harmless, from a real refusal."""
    if error.missing:
        raise Refused.from_gateway(error) from error
    answer = desk.gateway.fetch_invoice(at_provider)
    if answer.state == "draft":
        raise Refused.from_gateway(error) from error
    return answer


def _take_slot(invoice: Invoice, desk: Desk) -> None:
    """Be the only one that gathers this customer's items, or come back soon."""
    customer = invoice.view.steps["create"].plan["customer"]
    if not desk.billing.take_customer_slot(invoice, customer, occurred_at=desk.now()):
        raise GatewayUnavailable(
            f"another invoice gathers the items of {customer}",
            retry_after_s=_WAIT_FOR_SLOT_S,
            counted=False,
        )


def _free_slot(invoice: Invoice, desk: Desk) -> None:
    customer = invoice.view.steps["create"].plan["customer"]
    desk.billing.free_customer_slot(invoice, customer, occurred_at=desk.now())


def _conclude(invoice: Invoice, desk: Desk) -> None:
    """Fetch what stands there now and remember it."""
    at_provider = object_id(invoice.view)
    try:
        answer = desk.gateway.fetch_draft(at_provider)
    except GatewayRejected as error:
        raise Refused.from_gateway(error) from error
    if answer.more_lines:
        lines = tuple(desk.gateway.list_lines(at_provider))
        answer = replace(answer, lines=lines, more_lines=False)
    after = record_draft(invoice, answer, desk)
    if after.view.settling:
        raise GatewayUnavailable(f"{at_provider} is {answer.state}, which ends nothing")
