"""Rows of invoices: the columns of their table, and their values."""

from collections.abc import Iterable
from typing import Final

from domain.invoices.view import InvoiceView
from projections.engine.tables import Row, Table
from projections.engine.view_codec import to_json
from projections.invoices.accumulate import InvoiceAccumulator
from projections.invoices.facets import facet_of

INVOICES: Final = Table(
    "invoices",
    key=("invoice_id",),
    columns=(
        "invoice_id",
        "app_id",
        "tenant_id",
        "provider",
        "mode",
        "type",
        "status",
        "currency",
        "total_minor",
        "user_id",
        "customer",
        "subscription_id",
        "origin",
        "created_at",
        "paid_at",
        "capture_before",
        "connection",
        "provider_object_id",
        "at_provider",
        "facet",
        "version",
        "position",
        "view",
    ),
    types=(
        "uuid",
        "uuid",
        "uuid",
        "text",
        "text",
        "text",
        "text",
        "text",
        "bigint",
        "text",
        "text",
        "text",
        "text",
        "timestamptz",
        "timestamptz",
        "timestamptz",
        "text",
        "text",
        "boolean",
        "bigint",
        "bigint",
        "bigint",
        "jsonb",
    ),
)


def rows_of(invoices: Iterable[InvoiceAccumulator]) -> list[Row]:
    """Return the rows of invoices, in the order of INVOICES.columns."""
    return [_row(invoice, invoice.view) for invoice in invoices if invoice.view is not None]


def _row(invoice: InvoiceAccumulator, view: InvoiceView) -> Row:
    facet = invoice.facet or facet_of(view)
    return {
        "invoice_id": view.id,
        "app_id": view.app_id,
        "tenant_id": view.tenant_id,
        "provider": view.provider,
        "mode": view.mode,
        "type": view.type,
        "status": view.status,
        "currency": view.currency,
        "total_minor": view.total_minor,
        "user_id": view.user_id,
        "customer": view.customer,
        "subscription_id": view.subscription_id,
        "origin": view.origin,
        "created_at": view.created_at,
        "paid_at": view.paid_at,
        "capture_before": view.capture_before,
        "connection": view.connection,
        "provider_object_id": view.provider_object_id,
        "at_provider": facet.at_provider,
        "facet": facet.number,
        "version": invoice.version,
        "position": invoice.position,
        "view": to_json(view),
    }
