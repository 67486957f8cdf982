"""What the canonical dialect answers to what was asked of an invoice that exists."""

from http import HTTPStatus
from typing import Final
from uuid import UUID

from domain.invoices import status
from domain.invoices.events import CheckoutOpened, InvoiceEvent, RequestRefused
from domain.invoices.outcome import PAYMENT_DECLINED
from domain.invoices.refund_events import RefundFailed
from domain.invoices.view import InvoiceView
from service.http import envelope
from service.http.errors import DONE, FieldError, Problem
from service.invoices import render as invoices_render
from service.invoices.response_schemas import (
    AskedInvoice,
    AskedInvoices,
    RefundedInvoice,
    RefundedInvoices,
)
from service.openapi.common_schemas import one_item

# How an invoice may stand once what was asked came true. A draft that is taken back is deleted; one
# that is finalised may be charged at once. Of a refund its own facts tell.
_CAME_TRUE: Final = {
    "retry": {status.PAID, status.PROCESSING, status.REQUIRES_ACTION},
    "void": {status.VOID, status.CANCELED},
    "finalize": {
        status.OPEN,
        status.PAID,
        status.PROCESSING,
        status.REQUIRES_ACTION,
        status.FAILED,
        status.UNCOLLECTIBLE,
    },
    "uncollectible": {status.UNCOLLECTIBLE},
    "refund": set(status.ALL),
}


def refusal_of(action: str, view: InvoiceView, fact: InvoiceEvent) -> Problem | None:
    """Say why what was asked did not come true; None where it did."""
    if isinstance(fact, RequestRefused):
        return _refused(fact)
    if isinstance(fact, RefundFailed):
        return _bad(FieldError(message=fact.message, provider_code=fact.code))
    if action == "retry" and isinstance(fact, CheckoutOpened):
        return None  # another payment waits for the customer, where the provider has no invoices
    if action == "retry" and view.status == status.FAILED:
        return invoices_render.refusal_of(view)
    if view.status in _CAME_TRUE[action]:
        return None
    message = f"status: the invoice is {view.status} by now, so it was not {DONE[action]}"
    return _bad(FieldError(message=message, path="status"))


def document(
    view: InvoiceView,
    *,
    position: int,
    document_url: str | None,
    provider_response: envelope.Json | None,
    refund_id: UUID | None,
) -> AskedInvoices | RefundedInvoices:
    """Build the answer with the invoice; with `refund_id`, the requested one of its refunds."""
    fields = invoices_render.fields(view, position=position, document_url=document_url)
    fields["provider_response"] = provider_response
    kind = invoices_render.KIND
    if refund_id is None:
        return one_item(AskedInvoices, kind=kind, item=AskedInvoice(**fields))
    refunds = [invoices_render.refund(entry) for entry in view.refunds]
    shown = RefundedInvoice(**fields, refund_id=refund_id, refunds=refunds)
    return one_item(RefundedInvoices, kind=kind, item=shown)


def _refused(fact: RequestRefused) -> Problem:
    code = fact.provider_code or fact.code
    fault = FieldError(message=fact.message, path=fact.path, provider_code=code)
    if fact.code == PAYMENT_DECLINED:
        return Problem(status=HTTPStatus.PAYMENT_REQUIRED, code="[E4020]", faults=(fault,))
    return _bad(fault)


def _bad(fault: FieldError) -> Problem:
    return Problem(status=HTTPStatus.BAD_REQUEST, code="[E4000]", faults=(fault,))
