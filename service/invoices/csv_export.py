"""CSV responses (RFC 4180): streamed lists of invoices, and short tables."""

import csv
import io
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

import orjson
from starlette.responses import Response, StreamingResponse

from projections.invoices.queries import InvoiceRow
from service.http.responses import PRIVATE
from service.invoices import render as invoices_render
from service.invoices.documents import Links

COLUMNS: Final = (
    "id", "tenantUuid", "userId", "provider", "connection", "mode", "status", "type", "origin",
    "number", "currency", "totalMinor", "amountPaidMinor", "amountDueMinor",
    "amountCapturableMinor", "amountRefundedMinor",
    "amountDisputedMinor", "amountOverpaidMinor", "disputeStatus", "taxMinor", "customer",
    "revisionOf", "revisedBy", "subscriptionId", "periodStart", "periodEnd", "dueAt",
    "captureBefore", "description", "footer", "metadata",
    "attempt", "providerObjectType", "providerObjectId", "documentUrl", "failureCode",
    "failureDeclineCode", "failureMessage", "createdAt", "updatedAt", "paidAt", "position",
)  # fmt: skip
_CSV: Final = "text/csv; header=present"
# Spreadsheets evaluate cells that begin with these characters, full-width forms included, and
# some treat a semicolon as the separator of cells.
_FORMULA: Final = re.compile(r"(^|;)(?=\s*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20])")

Cell = str | int | float | None
Row = TypeVar("Row")


async def csv_answer(
    chunks: AsyncIterator[Sequence[InvoiceRow]], *, links: Links, headers: Mapping[str, str]
) -> Response:
    """Stream a list of invoices; errors and memory as in `csv_stream`."""
    return await csv_stream(
        COLUMNS,
        chunks,
        row=lambda row: _cells(row, links=links),
        name="invoices",
        headers=headers,
    )


async def csv_stream(
    columns: Sequence[str],
    chunks: AsyncIterator[Sequence[Row]],
    *,
    row: Callable[[Row], Sequence[Cell]],
    name: str,
    headers: Mapping[str, str],
) -> Response:
    """Stream a list; only one chunk is in memory, and `row` makes its cells harmless.

    The first chunk is read before the response starts, so that its errors become error responses.
    A later error closes the connection, which the caller can tell from the end of the list.
    """
    first = await anext(chunks)

    async def lines() -> AsyncIterator[bytes]:
        yield _written([columns])
        yield _written([row(one) for one in first])
        async for rows in chunks:
            yield _written([row(one) for one in rows])

    return StreamingResponse(lines(), headers=_as_file(name, headers), media_type=_CSV)


def csv_file(
    columns: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    name: str,
    headers: Mapping[str, str],
) -> Response:
    """Return a table without texts of callers, which are not escaped here."""
    written = _written([columns, *rows])
    return Response(written, headers=_as_file(name, headers), media_type=_CSV)


def _as_file(name: str, headers: Mapping[str, str]) -> dict[str, str]:
    return {**PRIVATE, "content-disposition": f'attachment; filename="{name}.csv"', **headers}


def _cells(row: InvoiceRow, *, links: Links) -> list[Cell]:
    url = links.document_url(row.view)
    shown = invoices_render.item(row.view, position=row.position, document_url=url)
    item = shown.to_json()
    failure = item["failure"] or {}
    known = item | {
        "metadata": orjson.dumps(item["metadata"]).decode(),
        "failureCode": failure.get("code"),
        "failureDeclineCode": failure.get("declineCode"),
        "failureMessage": failure.get("message"),
    }
    return [harmless(known[name]) for name in COLUMNS]


def harmless(value: Cell) -> Cell:
    """Put an apostrophe before text that a spreadsheet would evaluate."""
    return _FORMULA.sub(r"\1'", value) if isinstance(value, str) else value


def _written(rows: Sequence[Sequence[Cell]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
