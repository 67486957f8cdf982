"""Seed 003: an administrator's list of invoices, and drafts that Stripe finalises by itself."""

from http import HTTPStatus
from typing import Final

from domain.invoices import status
from domain.invoices.view import InvoiceView
from service.dialects.fields import renamed
from service.dialects.stripe_legacy_invoice import older_invoice
from service.http import envelope
from service.http.envelope import Json, Rendered
from service.http.errors import Problem
from service.invoices import render as invoices_render

DIALECT: Final = "003"
PENDING: Final[Json] = {"id": None, "object": "invoice", "status": "requested"}

_FIELDS: Final = {
    "lineItems": "items",
    **{f"lineItems.{index}": f"items.{index}" for index in range(250)},
    "paymentMethod": "paymentMethod",
    "tenantUuid": "customer",
}
# Stripe's own word for where an invoice is; what happens to its payment is another matter there.
_STRIPES_WORD: Final = {
    status.REQUESTED: "draft",
    status.DRAFT: "draft",
    status.OPEN: "open",
    status.REQUIRES_ACTION: "open",
    status.PROCESSING: "open",
    status.FAILED: "open",
    status.PAID: "paid",
    status.UNCOLLECTIBLE: "uncollectible",
    status.VOID: "void",
    status.EXPIRED: "void",
    status.CANCELED: "void",
    status.REJECTED: "void",
}


def refusal_of(view: InvoiceView) -> Problem | None:
    """Say why the provider refused a draft; how a payment of it went is no refusal."""
    if view.status != status.REJECTED:
        return None
    problem = invoices_render.refusal_of(view)
    return None if problem is None else renamed(problem, _FIELDS)


def render_outcome(stored: Json) -> Rendered:
    """Answer with Stripe's invoice in its older shape."""
    return Rendered(status=HTTPStatus.OK, document=older_invoice(stored))


def render_pending() -> Rendered:
    """Answer that the invoice is not there yet."""
    return Rendered(status=HTTPStatus.ACCEPTED, document=dict(PENDING))


def invoice(view: InvoiceView, *, name: str | None, pdf: str | None) -> Json:
    """Show one invoice; `name` is that of who pays it."""
    return {
        "_id": str(view.id),
        "invoiceId": view.provider_object_id,
        "user": {"_id": _user_id(view), "name": name},
        "status": _STRIPES_WORD[view.status],
        "amount": view.total_minor or 0,
        "invoicePdf": pdf,
        "createdAt": envelope.moment(view.created_at),
        "updatedAt": envelope.moment(view.updated_at),
    }


def page(invoices: list[Json], *, count: int) -> Json:
    """Put a page into the envelope."""
    return {"invoices": invoices, "count": count}


def _user_id(view: InvoiceView) -> str | None:
    tenant_id = None if view.tenant_id is None else str(view.tenant_id)
    return view.user_id or tenant_id or view.customer
