"""Seed 004: a draft that gathers what waits for a customer's next invoice."""

from typing import Final

from domain import status
from domain.invoice_view import InvoiceView
from service.dialects import d002
from service.dialects.d003 import render_outcome, render_pending
from service.dialects.fields import renamed
from service.errors import Problem

__all__ = ["DIALECT", "refusal_of", "render_outcome", "render_pending"]

DIALECT: Final = "004"
_FIELDS: Final = {"tenantUuid": "customer", "connection": "connection_name"}


def refusal_of(view: InvoiceView) -> Problem | None:
    """Say why the provider refused."""
    if view.status != status.REJECTED:
        return None
    problem = d002.refusal_of(view)
    return None if problem is None else renamed(problem, _FIELDS)
