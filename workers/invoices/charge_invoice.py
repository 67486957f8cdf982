"""Settle an invoice: open it at the provider, fill it, check it, finalise it, charge it.

Each step's key is recorded before its first call and each id before the next call, so the job may
die between any two lines, run twice, or run a day late: it goes on where the log says it is. A key
older than the provider's memory is not trusted; what it may have made is looked up first.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from domain.gateway.objects import GatewayRejected, GatewayUnavailable, ProviderInvoice
from domain.invoices.invoice import Invoice
from workers.invoices.actions import carry_out
from workers.invoices.draft_invoice import open_and_fill
from workers.invoices.job import Desk, object_id, record, start
from workers.invoices.leave_draft import gather_draft, leave_draft, trust_status
from workers.invoices.rejections import Refused, refused_payment
from workers.invoices.subscribe import subscribe


def settle_invoice(invoice_id: UUID, desk: Desk) -> None:
    """Take the invoice as far as its provider lets it; raises GatewayUnavailable to come back."""
    invoice = desk.billing.get(Invoice, invoice_id)
    if not invoice.view.settling:
        return
    if invoice.view.asked is not None:
        carry_out(invoice, desk)
        return
    try:
        _take_steps(invoice, desk)
    except Refused as refusal:
        _discard(invoice_id, desk, refusal)


def _take_steps(invoice: Invoice, desk: Desk) -> None:
    if "discard" in invoice.view.steps:
        raise Refused.from_plan(invoice.view.steps["discard"].plan)
    if invoice.view.type == "subscription":
        subscribe(invoice, desk)
        return
    match invoice.view.request["flow"]:
        case "draft":
            leave_draft(invoice, desk)
        case "gather":
            gather_draft(invoice, desk)
        case _:
            _charge_now(invoice, desk)


def _charge_now(invoice: Invoice, desk: Desk) -> None:
    if "finalize" not in invoice.view.steps:
        invoice = open_and_fill(invoice, desk, then="finalize")
    if invoice.view.status == "requested":
        invoice = _finalize(invoice, desk)
    if invoice.view.settling:
        _pay(invoice, desk)


def _finalize(invoice: Invoice, desk: Desk) -> Invoice:
    desk.alive()
    at_provider = object_id(invoice.view)
    try:
        answer = desk.gateway.finalize_invoice(at_provider, key=invoice.view.steps["finalize"].key)
    except GatewayRejected as error:
        answer = trust_status(at_provider, desk, error)
    has_method = invoice.view.steps["create"].plan["method"] != ""
    return record(invoice, answer, desk, source="answer", charging=has_method)


def _pay(invoice: Invoice, desk: Desk) -> None:
    desk.alive()
    view = invoice.view
    at_provider = object_id(view)
    if "pay" not in view.steps:
        invoice = start(invoice, "pay", desk)
    late = desk.key_expired(invoice, "pay")
    answer = desk.gateway.fetch_invoice(at_provider) if late else None
    if answer is None or _untried(answer):
        answer = _charge(invoice, desk)
    after = record(invoice, answer, desk, source="answer", attempted=True)
    if after.view.settling:
        raise GatewayUnavailable(f"after paying, {at_provider} is still {answer.state}")


def _untried(answer: ProviderInvoice) -> bool:
    return answer.state == "open" and (answer.payment is None or answer.payment.state == "open")


def _charge(invoice: Invoice, desk: Desk) -> ProviderInvoice:
    """Move the money. A refusal is asked about: only the payment says what the customer can do."""
    at_provider = object_id(invoice.view)
    try:
        return desk.gateway.pay_invoice(
            at_provider,
            off_session=invoice.view.request["off_session"],
            key=invoice.view.steps["pay"].key,
        )
    except GatewayRejected as error:
        answer = desk.gateway.fetch_invoice(at_provider)
        return (
            answer
            if not _untried(answer)
            else replace(answer, payment=refused_payment(answer, error))
        )


def _discard(invoice_id: UUID, desk: Desk, refusal: Refused) -> None:
    """Leave nothing at the provider, then record why. The reason is kept first: we may die here.

    A draft that gathered is not deleted: its items are the customer's.
    """
    invoice = desk.billing.get(Invoice, invoice_id)
    gathers = invoice.view.request["flow"] == "gather"
    if invoice.view.provider_object_id is not None and not gathers:
        invoice = start(invoice, "discard", desk, plan=refusal.to_plan())
        desk.gateway.delete_draft(object_id(invoice.view))
    occurred_at = desk.now()
    desk.billing.change(
        Invoice, invoice_id, lambda known: refusal.record(known, occurred_at=occurred_at)
    )
