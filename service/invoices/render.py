"""The canonical dialect (seed 002): pure functions from what we know to what callers read."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from domain.invoices import status
from domain.invoices.view import InvoiceView
from service.http.envelope import Json, Rendered, moment, render_problem, single, written_moment
from service.http.errors import Fault, Problem


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
        "lineItems": [_asked_line(line) for line in view.request.get("lines", view.lines)],
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
        "payments": [entry | {"at": written_moment(entry["at"])} for entry in view.payments],
        "refunds": [refund(entry) for entry in view.refunds],
        "disputes": [dispute(entry) for entry in view.disputes],
        "providerResponse": provider_response,
    }


def refund(entry: Mapping[str, Any]) -> Json:
    """Show money that goes back."""
    return {
        "id": entry["id"],
        "status": entry["status"],
        "amountMinor": entry["amountMinor"],
        "reason": entry.get("reason"),
        "creditNote": entry.get("creditNote"),
        "at": written_moment(entry["at"]),
        "providerRefundId": entry.get("providerRefundId"),
        "refundedAt": written_moment(entry.get("refundedAt")),
        "code": entry.get("code"),
        "message": entry.get("message"),
    }


def dispute(entry: Mapping[str, Any]) -> Json:
    """Show money that the customer's bank took back, for now or for good."""
    return {
        "id": entry["id"],
        "status": entry["status"],
        "amountMinor": entry["amountMinor"],
        "at": written_moment(entry["at"]),
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


def _failure(view: InvoiceView) -> Json | None:
    if view.failure is None:
        return None
    return {name: view.failure.get(name) for name in ("code", "declineCode", "message")}


def refusal_of(view: InvoiceView) -> Problem | None:
    """Say what a caller is told of a payment declined or a request that the provider refused."""
    known = view.failure or {}
    message = known.get("message") or "The provider refused."
    if view.status == status.FAILED:
        declined = Fault(
            message=message,
            provider_code=known.get("code"),
            decline_code=known.get("declineCode"),
        )
        return Problem(status=HTTPStatus.PAYMENT_REQUIRED, code="[E4020]", faults=(declined,))
    if view.status == status.REJECTED:
        refused = Fault(
            message=message,
            path=known.get("path"),
            provider_code=known.get("providerCode") or known.get("code"),
        )
        return Problem(status=HTTPStatus.BAD_REQUEST, code="[E4000]", faults=(refused,))
    return None
