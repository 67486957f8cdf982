"""CSV responses (RFC 4180): streamed lists of invoices, and short tables."""

import asyncio
import csv
import io
import re
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import orjson
from pydantic.alias_generators import to_snake
from starlette.responses import Response, StreamingResponse

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
# The same in lines as they are written: what is in front of a text becomes a comma, and what may
# begin a formula an equals sign, as do the first bytes of full-width signs and of wide blanks.
_SIMPLER: Final = bytes.maketrans(b';"\n=+-@\t\r\xef\xc2\xe1\xe2\xe3', b",,,===========")
_BLANKS: Final = b" \v\f\x1c\x1d\x1e\x1f"
_PART_ROWS: Final = 100
# The fields of a view in the order of the columns.
_RENAMED: Final = {"tenantUuid": "tenant_id"}
_LINK: Final = COLUMNS.index("documentUrl")
FIELDS: Final = tuple(
    _RENAMED.get(name, to_snake(name)) for name in COLUMNS if name != COLUMNS[_LINK]
)
"""Fields that an invoice's cells are made of, and their order in a row."""
_MOMENTS: Final = tuple(
    at
    for at, name in enumerate(FIELDS)
    if name.endswith("_at") or name in ("period_start", "period_end", "capture_before")
)
_METADATA, _STATUS, _OBJECT_ID = map(FIELDS.index, ("metadata", "status", "provider_object_id"))
NUMBERS: Final = frozenset(
    at
    for at, name in enumerate(COLUMNS)
    if name.endswith("Minor") or name in ("attempt", "position")
)
"""Columns whose cells are numbers as text, which a spreadsheet may read as such."""
_ID: Final = len(FIELDS) + 1
_WHOLE_SECONDS: Final = len("2026-01-31T00:00:00+00:00")

Cell = str | int | float | None
TextRow = Sequence[Any]
Row = TypeVar("Row")


async def csv_answer(
    chunks: AsyncIterator[Sequence[TextRow]], *, links: Links, headers: Mapping[str, str]
) -> Response:
    """Stream a list of invoices, read by FIELDS; errors and memory as in `csv_stream`."""
    return await csv_stream(
        COLUMNS,
        chunks,
        row=lambda row: cells(row, links=links),
        numbers=NUMBERS,
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
    numbers: Collection[int] = (),
) -> Response:
    """Stream a list; only two chunks are in memory. `numbers`: columns that have numbers as text.

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
                    part = [row(one) for one in rows[start : start + _PART_ROWS]]
                    yield csv_lines(part, numbers=numbers)
                rows = await upcoming
            finally:
                upcoming.cancel()

    return StreamingResponse(lines(), headers=_as_file(name, headers), media_type=_CSV)


def csv_lines(rows: Sequence[Sequence[Cell]], *, numbers: Collection[int] = ()) -> bytes:
    """Write lines whose texts no spreadsheet evaluates; `numbers`: columns that have no text."""
    written = _written(rows)
    if _may_have_formula(written):
        written = _written(
            [[cell if at in numbers else harmless(cell) for at, cell in enumerate(r)] for r in rows]
        )
    return written


def _may_have_formula(written: bytes) -> bool:
    """Return False for lines without any text that `harmless` changes, and for nearly no others.

    Bytes are compared instead of the cells, which would take longer than writing them.
    """
    return b",=" in (b"," + written).translate(_SIMPLER, _BLANKS)


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


def cells(row: TextRow, *, links: Links) -> list[str | None]:
    """Return an invoice's cells as the JSON of a list has them.

    `row`: FIELDS, the key of the list, the invoice's id. Neither a view nor a response model
    is built, which would take most of the time of a long list.
    """
    found: list[str | None] = list(row[: len(FIELDS)])
    for at in _MOMENTS:
        stored = found[at]
        if stored is not None:
            found[at] = _moment(stored)
    if found[_METADATA] != "{}":
        found[_METADATA] = orjson.dumps(orjson.loads(found[_METADATA] or "")).decode()
    url = links.document_url_of(row[_ID], found[_OBJECT_ID], found[_STATUS] or "")
    found.insert(_LINK, url)
    return found


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
