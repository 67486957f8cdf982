"""Build the responses to actions on invoices."""

from http import HTTPStatus
from typing import Final
from uuid import UUID

from domain.invoices import status
from domain.invoices.action_events import RequestRefused
from domain.invoices.events import CheckoutOpened
from domain.invoices.outcome import PAYMENT_DECLINED
from domain.invoices.refund_events import RefundFailed
from domain.invoices.refunds import find_refund, parts_of_refund
from domain.invoices.view import InvoiceView
from service.http import envelope
from service.http.errors import ACTION_PARTICIPLES, FieldError, Problem
from service.http.response_model import one_item
from service.invoices import render as invoices_render
from service.invoices.response_schemas import (
    RefundedInvoice,
    RefundedInvoices,
    RequestedInvoice,
    RequestedInvoices,
)
from service.recording.streams import FoldedInvoice

# Statuses of an invoice after each action succeeded. Voiding a draft deletes it (canceled); a
# finalised one may be charged at once. A refund succeeds or fails by its own events.
_SUCCEEDED: Final = {
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
    "capture": set(status.ALL) - {status.CANCELED, status.EXPIRED, status.VOID},
    "refund": set(status.ALL),
}


def failure_problem(action: str, outcome: FoldedInvoice) -> Problem | None:
    """Return why an action failed; None if it succeeded."""
    view, event = outcome.view, outcome.event
    if isinstance(event, RequestRefused):
        return _refused(event)
    if isinstance(event, RefundFailed) and _all_failed(view, event):
        return _bad(FieldError(message=event.message, provider_code=event.code))
    if action == "retry" and isinstance(event, CheckoutOpened):
        return None  # another payment waits for the customer, where the provider has no invoices
    if action == "retry" and view.status == status.FAILED:
        return invoices_render.failure_problem(view)
    if view.status in _SUCCEEDED[action]:
        return None
    message = (
        f"status: the invoice is {view.status} by now, so it was not {ACTION_PARTICIPLES[action]}"
    )
    return _bad(FieldError(message=message, path="status"))


def _all_failed(view: InvoiceView, event: RefundFailed) -> bool:
    """Return whether no part of the request of a failed refund was refunded."""
    failed = find_refund(view, event.refund_id, None)
    if failed is None or failed.id is None:
        return True
    parts = parts_of_refund(view, UUID(failed.part_of or failed.id))
    return all(part.status == "failed" for part in parts)


def document(
    view: InvoiceView,
    *,
    position: int,
    document_url: str | None,
    provider_response: envelope.Json | None,
    refund_id: UUID | None,
) -> RequestedInvoices | RefundedInvoices:
    """Build the answer with the invoice; with `refund_id`, the requested one of its refunds."""
    fields = invoices_render.fields(view, position=position, document_url=document_url)
    fields["provider_response"] = provider_response
    kind = invoices_render.KIND
    if refund_id is None:
        return one_item(RequestedInvoices, kind=kind, item=RequestedInvoice(**fields))
    refunds = [invoices_render.refund(entry) for entry in view.refunds]
    shown = RefundedInvoice(**fields, refund_id=refund_id, refunds=refunds)
    return one_item(RefundedInvoices, kind=kind, item=shown)


def _refused(event: RequestRefused) -> Problem:
    code = event.provider_code or event.code
    field_error = FieldError(message=event.message, path=event.path, provider_code=code)
    if event.code == PAYMENT_DECLINED:
        return Problem(status=HTTPStatus.PAYMENT_REQUIRED, code="[E4020]", faults=(field_error,))
    return _bad(field_error)


def _bad(field_error: FieldError) -> Problem:
    return Problem(status=HTTPStatus.BAD_REQUEST, code="[E4000]", faults=(field_error,))
