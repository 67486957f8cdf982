"""Answers as CSV (RFC 4180): a list of invoices, sent while it is read; short tables at once."""

import csv
import io
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Final

import orjson
from starlette.responses import Response, StreamingResponse

from projections.invoices.queries import InvoiceRow
from service.http.responses import PRIVATE
from service.invoices import render as invoices_render
from service.invoices.documents import Links

COLUMNS: Final = (
    "id", "tenantUuid", "userId", "provider", "connection", "mode", "status", "type", "origin",
    "number", "currency", "totalMinor", "amountPaidMinor", "amountRefundedMinor",
    "amountDisputedMinor", "amountOverpaidMinor", "disputeStatus", "taxMinor", "customer",
    "subscriptionId", "periodStart", "periodEnd", "dueAt", "description", "footer", "metadata",
    "attempt", "providerObjectType", "providerObjectId", "documentUrl", "failureCode",
    "failureDeclineCode", "failureMessage", "createdAt", "updatedAt", "paidAt", "position",
)  # fmt: skip
_NOT_IN_CSV: Final = {"line_items", "next_action"}
_CSV: Final = "text/csv; header=present"
# Spreadsheets run a cell that begins so, the full-width forms included. Where a semicolon
# separates cells, one begins behind each.
_FORMULA: Final = re.compile(r"(^|;)(?=\s*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20])")

Cell = str | int | float | None


async def csv_answer(
    chunks: AsyncIterator[Sequence[InvoiceRow]], *, links: Links, headers: Mapping[str, str]
) -> Response:
    """Send chunks of invoices as they come: only one is in memory.

    The first is read before anything is sent, so that what is refused is refused in full. What
    fails later breaks the connection off, which a caller tells from an end.
    """
    first = await anext(chunks)

    async def lines() -> AsyncIterator[bytes]:
        yield _written([COLUMNS])
        yield _written([_cells(row, links=links) for row in first])
        async for rows in chunks:
            yield _written([_cells(row, links=links) for row in rows])

    return StreamingResponse(lines(), headers=_as_file("invoices", headers), media_type=_CSV)


def csv_file(
    columns: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    name: str,
    headers: Mapping[str, str],
) -> Response:
    """Send a table of which nothing is a caller's text."""
    written = _written([columns, *rows])
    return Response(written, headers=_as_file(name, headers), media_type=_CSV)


def _as_file(name: str, headers: Mapping[str, str]) -> dict[str, str]:
    return {**PRIVATE, "content-disposition": f'attachment; filename="{name}.csv"', **headers}


def _cells(row: InvoiceRow, *, links: Links) -> list[Cell]:
    url = links.document_url(row.view)
    shown = invoices_render.item(row.view, position=row.position, document_url=url)
    item = shown.model_dump(mode="json", by_alias=True, exclude=_NOT_IN_CSV)
    failure = item["failure"] or {}
    known = item | {
        "metadata": orjson.dumps(item["metadata"]).decode(),
        "failureCode": failure.get("code"),
        "failureDeclineCode": failure.get("declineCode"),
        "failureMessage": failure.get("message"),
    }
    return [harmless(known[name]) for name in COLUMNS]


def harmless(value: Cell) -> Cell:
    """Put an apostrophe before text that a spreadsheet would run."""
    return _FORMULA.sub(r"\1'", value) if isinstance(value, str) else value


def _written(rows: Sequence[Sequence[Cell]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
