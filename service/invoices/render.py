"""The canonical dialect (seed 002): pure functions from what we know to what callers read."""

from collections.abc import Mapping
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from domain.core.failures import Failure
from domain.invoices import status
from domain.invoices.view import Dispute, InvoiceView, Payment, Refund
from service.http.envelope import Json, Rendered, moment, render_problem, single
from service.http.errors import FieldError, Problem


def render_outcome(
    view: InvoiceView, *, position: int, document_url: str | None, provider_response: Json | None
) -> Rendered:
    """Answer a POST whose outcome is known: 200, or the provider's refusal."""
    refusal = refusal_of(view)
    if refusal is not None:
        return render_problem(refusal)
    shown = item(view, position=position, document_url=document_url)
    shown |= {"providerResponse": provider_response}
    return Rendered(status=HTTPStatus.OK, document=single("invoices", shown))


def render_pending(view: InvoiceView, *, position: int) -> Rendered:
    """Answer a POST whose outcome is not known yet; `view` is the request as recorded."""
    shown = item(view, position=position, document_url=None) | {"providerResponse": None}
    return Rendered(status=HTTPStatus.ACCEPTED, document=single("invoices", shown))


def item(view: InvoiceView, *, position: int, document_url: str | None) -> Json:
    """Show an invoice; `document_url` is our own link to it."""
    return {
        "id": str(view.id),
        "tenantUuid": None if view.tenant_id is None else str(view.tenant_id),
        "userId": view.user_id,
        "provider": view.provider,
        "connection": view.connection,
        "mode": view.mode,
        "status": view.status,
        "type": view.type,
        "origin": view.origin,
        "number": view.number,
        **_amounts(view),
        "lineItems": _requested_lines(view),
        "customer": view.customer,
        "subscriptionId": view.subscription_id,
        "periodStart": moment(view.period_start),
        "periodEnd": moment(view.period_end),
        "dueAt": moment(view.due_at),
        "description": view.description,
        "footer": view.footer,
        "metadata": view.metadata,
        "attempt": view.attempt,
        "providerObjectType": view.provider_object_type,
        "providerObjectId": view.provider_object_id,
        "nextAction": view.next_action,
        "documentUrl": document_url,
        "failure": _failure(view),
        "createdAt": moment(view.created_at),
        "updatedAt": moment(view.updated_at),
        "paidAt": moment(view.paid_at),
        "position": position,
    }


def details(view: InvoiceView, *, provider_response: Json | None) -> Json:
    """Show what only a single invoice's answer has."""
    return {
        "lines": [_line(line) for line in view.lines],
        "payments": [payment(entry) for entry in view.payments],
        "refunds": [refund(entry) for entry in view.refunds],
        "disputes": [dispute(entry) for entry in view.disputes],
        "providerResponse": provider_response,
    }


def payment(known: Payment) -> Json:
    """Show a payment: what its status does not have is left out."""
    shown: Json = {"id": known.id, "at": moment(known.updated_at), "status": known.status}
    if known.amount_minor is not None:
        shown["amountMinor"] = known.amount_minor
    if known.status == status.PAID:
        shown["method"] = known.method
    if known.failure is not None:
        shown["failure"] = failure(known.failure)
    return shown


def refund(known: Refund) -> Json:
    """Show a refund."""
    return {
        "id": known.id,
        "status": known.status,
        "amountMinor": known.amount_minor,
        "reason": known.reason,
        "creditNote": known.credit_note,
        "at": moment(known.updated_at),
        "providerRefundId": known.provider_refund_id,
        "refundedAt": moment(known.refunded_at),
        "code": known.code,
        "message": known.message,
    }


def dispute(known: Dispute) -> Json:
    """Show a dispute."""
    return {
        "id": known.id,
        "status": known.status,
        "amountMinor": known.amount_minor,
        "at": moment(known.disputed_at),
    }


def _amounts(view: InvoiceView) -> Json:
    return {
        "currency": view.currency,
        "totalMinor": view.total_minor,
        "amountPaidMinor": view.amount_paid_minor,
        "amountRefundedMinor": view.amount_refunded_minor,
        "amountDisputedMinor": view.amount_disputed_minor,
        "amountOverpaidMinor": view.amount_overpaid_minor,
        "disputeStatus": view.dispute_status,
        "taxMinor": view.tax_minor,
    }


def _requested_lines(view: InvoiceView) -> list[Json]:
    if view.origin == "request":
        return [_asked_line(asdict(line)) for line in view.request.lines]
    return [_asked_line(line) for line in view.lines]


def _asked_line(line: Mapping[str, Any]) -> Json:
    return {
        "name": line.get("name"),
        "quantity": line.get("quantity"),
        "price": line.get("price"),
        "amountMinor": line.get("amount_minor"),
        "currency": line.get("currency"),
    }


def _line(line: Mapping[str, Any]) -> Json:
    return {"id": line.get("id"), **_asked_line(line), "totalMinor": line.get("total_minor")}


def failure(known: Failure) -> Json:
    """Show why an attempt to charge, or a request, was refused."""
    return {"code": known.code, "declineCode": known.decline_code, "message": known.message}


def _failure(view: InvoiceView) -> Json | None:
    if view.failure is None:
        return None
    return failure(view.failure)


def refusal_of(view: InvoiceView) -> Problem | None:
    """Say what a caller is told of a payment declined or a request that the provider refused."""
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
