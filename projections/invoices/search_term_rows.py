"""Rows of search terms: the columns of their table, and their values."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from projections.engine.binary_values import WRITERS
from projections.engine.copy_rows import columns
from projections.engine.tables import Row, Table
from projections.invoices.accumulate import InvoiceAccumulator

SEARCH_TERMS: Final = Table(
    "invoice_search_terms",
    key=("invoice_id", "term"),
    columns=("app_id", "term", "created_at", "invoice_id", "position"),
    types=("uuid", "text", "timestamptz", "uuid", "bigint"),
)
_COLUMNS: Final = columns(len(SEARCH_TERMS.columns))
_id, _text, _moment, _bigint = (WRITERS[kind] for kind in (UUID, str, datetime, int))


def search_term_rows(invoices: Iterable[InvoiceAccumulator]) -> list[Row]:
    """Return the rows of new terms, in the order of SEARCH_TERMS.columns."""
    rows: list[Row] = []
    for invoice in invoices:
        view = invoice.view
        if view is None or not invoice.terms:
            continue
        for term, position in invoice.terms.items():
            rows.append(
                {
                    "app_id": view.app_id,
                    "term": term,
                    "created_at": view.created_at,
                    "invoice_id": view.id,
                    "position": position,
                }
            )
    return rows


def packed_search_terms(invoice: InvoiceAccumulator) -> bytes:
    """Return an invoice's rows of new terms in the binary format of COPY."""
    view = invoice.view
    if view is None or not invoice.terms:
        return b""
    before = _COLUMNS + _id(view.app_id)
    behind = _moment(view.created_at) + _id(view.id)
    parts = [
        part
        for term, position in invoice.terms.items()
        for part in (before, _text(term), behind, _bigint(position))
    ]
    return b"".join(parts)
