"""Seed 004: a draft that gathers what waits for a customer's next invoice."""

from typing import Final

from domain.invoices import status
from domain.invoices.view import InvoiceView
from service.dialects.admin_invoice_render import render_outcome, render_pending
from service.dialects.fields import renamed
from service.http.errors import Problem
from service.invoices import render as invoices_render

__all__ = ["DIALECT", "refusal_of", "render_outcome", "render_pending"]

DIALECT: Final = "004"
_FIELDS: Final = {"tenantUuid": "customer", "connection": "connection_name"}


def refusal_of(view: InvoiceView) -> Problem | None:
    """Say why the provider refused."""
    if view.status != status.REJECTED:
        return None
    problem = invoices_render.refusal_of(view)
    return None if problem is None else renamed(problem, _FIELDS)
