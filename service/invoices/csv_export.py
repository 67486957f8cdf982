"""CSV responses (RFC 4180): streamed lists of invoices, and short tables."""

import asyncio
import csv
import io
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, fields
from datetime import datetime
from operator import itemgetter
from typing import Any, Final, TypeVar
from uuid import UUID

import orjson
from pydantic.alias_generators import to_snake
from starlette.responses import Response, StreamingResponse

from domain.invoices.view import InvoiceView
from projections.invoices.queries import StoredInvoice
from service.http.envelope import moment
from service.http.responses import PRIVATE
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
_ANY_FORMULA: Final = re.compile(r"(?:^|[;\x1f])\s*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]")
_PART_ROWS: Final = 100
_MOMENTS: Final = (
    "created_at", "updated_at", "paid_at", "period_start", "period_end", "due_at", "capture_before",
)  # fmt: skip
_WHOLE_SECONDS: Final = len("2026-01-31T00:00:00+00:00")
_NO_FAILURE: Final[Mapping[str, str | None]] = {}
# The fields of a view in the order of the columns.
_RENAMED: Final = {"tenantUuid": "tenant_id"}
_FIELDS: Final = tuple(_RENAMED.get(name, to_snake(name)) for name in COLUMNS)
_cells_of: Final = itemgetter(*_FIELDS)
# Texts that begin with any character: not numbers, ids of ours, times, or links to us.
_OWN: Final = frozenset(
    {"id", "tenant_id", "revision_of", "revised_by", "document_url", "position"}
)
_texts_of: Final = itemgetter(
    *(
        name
        for name in _FIELDS
        if name not in _OWN | set(_MOMENTS) and not name.endswith("_minor") and name != "attempt"
    )
)
_DEFAULTS: Final[Mapping[str, Any]] = {
    **dict.fromkeys(_FIELDS),
    **{one.name: one.default for one in fields(InvoiceView) if one.default is not MISSING},
    "metadata": {},
    "failure": None,
}

Cell = str | int | float | None
Row = TypeVar("Row")


async def csv_answer(
    chunks: AsyncIterator[Sequence[StoredInvoice]], *, links: Links, headers: Mapping[str, str]
) -> Response:
    """Stream a list of invoices; errors and memory as in `csv_stream`."""
    return await csv_stream(
        COLUMNS,
        chunks,
        row=lambda row: cells(row, links=links),
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
    """Stream a list; only two chunks are in memory, and `row` makes its cells harmless.

    The first chunk is read before the response starts, so that its errors become error responses.
    A later error closes the connection, which the caller can tell from the end of the list. The
    next chunk is read while one is written, in parts, so that other requests are served in between.
    """
    rows: Sequence[Row] | None = await anext(chunks)

    async def lines() -> AsyncIterator[bytes]:
        nonlocal rows
        yield _written([columns])
        while rows is not None:
            upcoming = asyncio.ensure_future(anext(chunks, None))
            try:
                await asyncio.sleep(0)  # lets it send its query
                for start in range(0, len(rows), _PART_ROWS):
                    yield _written([row(one) for one in rows[start : start + _PART_ROWS]])
                rows = await upcoming
            finally:
                upcoming.cancel()

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


def cells(row: StoredInvoice, *, links: Links) -> list[Cell]:
    """Return an invoice's cells as the JSON of a list has them, from its view as it is stored.

    Neither a view nor a response model is built: that takes most of the time of a long list.
    """
    view = _DEFAULTS | orjson.loads(row.view)
    failure = view["failure"] or _NO_FAILURE
    for name in _MOMENTS:
        if view[name] is not None:
            view[name] = _moment(view[name])
    view["metadata"] = orjson.dumps(view["metadata"]).decode()
    view["document_url"] = links.document_url_of(
        UUID(view["id"]), view["provider_object_id"], view["status"]
    )
    view["failure_code"] = failure.get("code")
    view["failure_decline_code"] = failure.get("decline_code")
    view["failure_message"] = failure.get("message")
    view["position"] = row.position
    found: tuple[Cell, ...] = _cells_of(view)
    if _ANY_FORMULA.search("\x1f".join([text for text in _texts_of(view) if text])):
        return [harmless(cell) for cell in found]
    return list(found)


def _moment(text: str) -> str | None:
    """Write a stored time as responses have it: in UTC, with milliseconds."""
    if not text.endswith("+00:00"):
        return moment(datetime.fromisoformat(text))
    return f"{text[:-6]}.000Z" if len(text) == _WHOLE_SECONDS else f"{text[:23]}Z"


def harmless(value: Cell) -> Cell:
    """Put an apostrophe before text that a spreadsheet would evaluate."""
    return _FORMULA.sub(r"\1'", value) if isinstance(value, str) else value


def _written(rows: Sequence[Sequence[Cell]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
