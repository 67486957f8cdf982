"""Rows of invoices: the columns of their table, and their values."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from domain.invoices.view import InvoiceView
from projections.engine.binary_values import WRITERS
from projections.engine.copy_rows import columns
from projections.engine.tables import Row, Table
from projections.engine.view_codec import to_json
from projections.invoices.accumulate import InvoiceAccumulator
from projections.invoices.facets import Facet, facet_of

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


_COLUMNS: Final = columns(len(INVOICES.columns))


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


class _OfFacet(NamedTuple):
    """Columns that the rows of a facet have the same, in the binary format of COPY."""

    kinds: bytes
    origin: bytes
    connection: bytes
    facet: bytes


@lru_cache(maxsize=4096)
def _of_facet(facet: Facet) -> _OfFacet:
    kinds = (facet.provider, facet.mode, facet.type, facet.status, facet.currency)
    return _OfFacet(
        kinds=b"".join(map(_value, kinds)),
        origin=_value(facet.origin),
        connection=_value(facet.connection),
        facet=_value(facet.at_provider) + _value(facet.number),
    )


def _value(value: object) -> bytes:
    return WRITERS[type(value)](value)


def packed_invoice(invoice: InvoiceAccumulator) -> bytes:
    """Return the row of an invoice in the binary format of COPY."""
    view = invoice.view
    assert view is not None, "nothing was folded"  # noqa: S101 - STYLE: assert what must hold
    same = _of_facet(invoice.facet or facet_of(view))
    return b"".join(
        (
            _COLUMNS,
            _value(view.id),
            _value(view.app_id),
            _value(view.tenant_id),
            same.kinds,
            _value(view.total_minor),
            _value(view.user_id),
            _value(view.customer),
            _value(view.subscription_id),
            same.origin,
            _value(view.created_at),
            _value(view.paid_at),
            _value(view.capture_before),
            same.connection,
            _value(view.provider_object_id),
            same.facet,
            _value(invoice.version),
            _value(invoice.position),
            _value(to_json(view)),
        )
    )
