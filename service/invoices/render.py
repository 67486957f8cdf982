"""Build the responses with invoices of the canonical API (seed 002)."""

from collections.abc import Sequence
from http import HTTPStatus
from operator import attrgetter
from typing import Any, Final

from domain.core.failures import Failure
from domain.invoices import status
from domain.invoices.view import CreditNote, Dispute, InvoiceView, Line, NextAction, Payment, Refund
from projections.invoices.queries import TimelineEntry
from service.http.canonical_errors import render_problem
from service.http.envelope import Json, Rendered
from service.http.errors import FieldError, Problem
from service.http.response_model import one_item
from service.invoices import response_schemas as schemas

KIND: Final = "invoices"
_FIELDS: Final = tuple(schemas.Invoice.model_fields)
RENAMED: Final = {"tenant_uuid": "tenant_id"}
"""Attributes of the view by field, where the names differ."""
# Computed fields only keep their place in the order.
_ATTRIBUTES: Final = {
    **RENAMED,
    "line_items": "id",
    "document_url": "id",
    "position": "id",
}
_LINE_FIELDS: Final = tuple(schemas.RequestedLine.model_fields)
_read_all: Final = attrgetter(*(_ATTRIBUTES.get(name, name) for name in _FIELDS))


def render_outcome(
    view: InvoiceView, *, position: int, document_url: str | None, provider_response: Json | None
) -> Rendered:
    """Render a requested invoice with its outcome: 200, or the error of the provider."""
    problem = failure_problem(view)
    if problem is not None:
        return render_problem(problem)
    shown = schemas.RequestedInvoice(
        **fields(view, position=position, document_url=document_url),
        provider_response=provider_response,
    )
    return Rendered(status=HTTPStatus.OK, document=_envelope(shown))


def render_pending(view: InvoiceView, *, position: int) -> Rendered:
    """Render a requested invoice without an outcome; `view` is the request as recorded."""
    shown = schemas.RequestedInvoice(
        **fields(view, position=position, document_url=None), provider_response=None
    )
    return Rendered(status=HTTPStatus.ACCEPTED, document=_envelope(shown))


def item(view: InvoiceView, *, position: int, document_url: str | None) -> schemas.Invoice:
    """Build an invoice of a list; `document_url` is our own link to its document."""
    return schemas.Invoice(**fields(view, position=position, document_url=document_url))


def single(
    view: InvoiceView, *, position: int, document_url: str | None, provider_response: Json | None
) -> schemas.SingleInvoices:
    """Build the response with one invoice, its lines, payments, refunds and disputes."""
    shown = schemas.SingleInvoice(
        **fields(view, position=position, document_url=document_url),
        provider_response=provider_response,
        lines=[_line(line) for line in view.lines],
        payments=[payment(entry) for entry in view.payments],
        refunds=[refund(entry) for entry in view.refunds],
        disputes=[dispute(entry) for entry in view.disputes],
        credit_notes=[credit_note(entry) for entry in view.credit_notes],
    )
    return one_item(schemas.SingleInvoices, kind=KIND, item=shown)


def timeline(entries: Sequence[TimelineEntry]) -> schemas.Timeline:
    """Build a timeline; entries are in the order of the log."""
    items = [
        schemas.TimelineEvent(
            position=entry.position,
            type=entry.type,
            at=entry.occurred_at,
            by=entry.actor,
            data=entry.data,
        )
        for entry in entries
    ]
    return schemas.Timeline(kind="events", items=items)


def fields(view: InvoiceView, *, position: int, document_url: str | None) -> dict[str, Any]:
    """Return the fields of schemas.Invoice, which its subclasses share."""
    found: dict[str, Any] = dict(zip(_FIELDS, _read_all(view), strict=True))
    found["line_items"] = _requested_lines(view)
    found["next_action"] = None if view.next_action is None else _next_action(view.next_action)
    found["document_url"] = document_url
    found["failure"] = None if view.failure is None else failure(view.failure)
    found["position"] = position
    return found


def payment(known: Payment) -> schemas.Payment:
    """Build a payment: fields that its status does not have are left out."""
    optional: dict[str, Any] = {}
    if known.amount_minor is not None:
        optional["amount_minor"] = known.amount_minor
    if known.status == status.PAID:
        optional["method"] = known.method
    if known.failure is not None:
        optional["failure"] = failure(known.failure)
    return schemas.Payment(id=known.id, at=known.updated_at, status=known.status, **optional)


def refund(known: Refund) -> schemas.Refund:
    """Build a refund."""
    return schemas.Refund(
        id=known.id,
        status=known.status,
        amount_minor=known.amount_minor,
        reason=known.reason,
        credit_note=known.credit_note,
        at=known.updated_at,
        provider_refund_id=known.provider_refund_id,
        refunded_at=known.refunded_at,
        code=known.code,
        message=known.message,
        payment_id=known.payment_id,
        part_of=known.part_of,
    )


def credit_note(known: CreditNote) -> schemas.CreditNote:
    """Build a credit note."""
    return schemas.CreditNote(
        id=known.id,
        number=known.number,
        status=known.status,
        amount_minor=known.amount_minor,
        credited_minor=known.credited_minor,
        refund_id=known.refund_id,
        at=known.updated_at,
    )


def dispute(known: Dispute) -> schemas.Dispute:
    """Build a dispute."""
    return schemas.Dispute(
        id=known.id,
        status=known.status,
        amount_minor=known.amount_minor,
        at=known.disputed_at,
    )


def failure(known: Failure) -> schemas.Failure:
    """Build the reason why an attempt to charge, or a request, was refused."""
    return schemas.Failure(code=known.code, decline_code=known.decline_code, message=known.message)


def _next_action(known: NextAction) -> schemas.NextAction:
    return schemas.NextAction(type=known["type"], url=known["url"])


def _requested_lines(view: InvoiceView) -> list[schemas.RequestedLine]:
    if view.origin != "request":
        return [schemas.RequestedLine(**_line_fields(line)) for line in view.lines]
    return [
        schemas.RequestedLine(
            name=line.name,
            quantity=line.quantity,
            price=line.price,
            amount_minor=line.amount_minor,
            currency=line.currency,
        )
        for line in view.request.lines
    ]


def _line(line: Line) -> schemas.Line:
    return schemas.Line(
        id=line.get("id"), **_line_fields(line), total_minor=line.get("total_minor")
    )


def _line_fields(line: Line) -> dict[str, Any]:
    return {name: line.get(name) for name in _LINE_FIELDS}


def _envelope(shown: schemas.RequestedInvoice) -> schemas.RequestedInvoices:
    return one_item(schemas.RequestedInvoices, kind=KIND, item=shown)


def failure_problem(view: InvoiceView) -> Problem | None:
    """Return the error of a declined payment or a rejected request; None without either."""
    known = view.failure or Failure(code="", message="")
    message = known.message or "The provider refused."
    if view.status == status.FAILED:
        declined = FieldError(
            message=message,
            provider_code=known.code or None,
            decline_code=known.decline_code,
        )
        return Problem(status=HTTPStatus.PAYMENT_REQUIRED, code="[E4020]", faults=(declined,))
    if view.status == status.REJECTED:
        refused = FieldError(
            message=message,
            path=known.path,
            provider_code=known.provider_code or known.code or None,
        )
        return Problem(status=HTTPStatus.BAD_REQUEST, code="[E4000]", faults=(refused,))
    return None
