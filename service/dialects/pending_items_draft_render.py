"""Render the responses of seed 004: a draft with a customer's pending items."""

from typing import Final

from domain.invoices import status
from domain.invoices.view import InvoiceView
from service.dialects.admin_invoice_render import render_outcome, render_pending
from service.dialects.fields import renamed
from service.http.errors import Problem
from service.invoices import render as invoices_render

__all__ = ["DIALECT", "failure_problem", "render_outcome", "render_pending"]

DIALECT: Final = "004"
_FIELDS: Final = {"tenantUuid": "customer", "connection": "connection_name"}


def failure_problem(view: InvoiceView) -> Problem | None:
    """Return why the provider rejected a draft; None if it did not."""
    if view.status != status.REJECTED:
        return None
    problem = invoices_render.failure_problem(view)
    return None if problem is None else renamed(problem, _FIELDS)
