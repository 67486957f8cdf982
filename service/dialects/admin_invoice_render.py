"""Render the responses of seed 003: invoices for an administrator, and drafts."""

from http import HTTPStatus
from typing import Final

from domain.invoices import status
from domain.invoices.view import InvoiceView
from service.dialects.fields import renamed
from service.dialects.response_schemas import AdminInvoice, AdminInvoices, AdminUser
from service.dialects.stripe_legacy_invoice import older_invoice
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
# Stripe's status of an invoice, which does not depend on how its payment proceeds.
_STRIPE_STATUS: Final = {
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


def failure_problem(view: InvoiceView) -> Problem | None:
    """Return why the provider rejected a draft; None for a failed payment."""
    if view.status != status.REJECTED:
        return None
    problem = invoices_render.failure_problem(view)
    return None if problem is None else renamed(problem, _FIELDS)


def render_outcome(stored: Json) -> Rendered:
    """Render Stripe's invoice as its older API versions had it."""
    return Rendered(status=HTTPStatus.OK, document=older_invoice(stored))


def render_pending() -> Rendered:
    """Render an invoice that does not exist at Stripe yet."""
    return Rendered(status=HTTPStatus.ACCEPTED, document=dict(PENDING))


def invoice(view: InvoiceView, *, name: str | None, pdf: str | None) -> AdminInvoice:
    """Build one invoice; `name` is its customer's."""
    return AdminInvoice(
        id=str(view.id),
        invoice_id=view.provider_object_id,
        user=AdminUser(id=_user_id(view), name=name),
        status=_STRIPE_STATUS[view.status],
        amount=view.total_minor or 0,
        invoice_pdf=pdf,
        created_at=view.created_at,
        updated_at=view.updated_at,
    )


def page(invoices: list[AdminInvoice], *, count: int) -> AdminInvoices:
    """Build a page of invoices; `count` is that of all pages."""
    return AdminInvoices(invoices=invoices, count=count)


def _user_id(view: InvoiceView) -> str | None:
    tenant_id = None if view.tenant_id is None else str(view.tenant_id)
    return view.user_id or tenant_id or view.customer
