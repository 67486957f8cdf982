"""CSV responses (RFC 4180): streamed lists of invoices, and short tables."""

import asyncio
import csv
import io
import re
import secrets
from binascii import unhexlify
from collections.abc import (
    AsyncIterator,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from typing import Final, TypeVar

import orjson
from pydantic.alias_generators import to_snake
from starlette.responses import Response, StreamingResponse

from projections.invoices.lists.export import ID_DIGITS, PLACE, STATUS_AT, Export
from service.http.responses import PRIVATE
from service.invoices.documents import NO_DOCUMENT, Links

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
_PART_LINES: Final = 500
_MARK_BYTES: Final = 8
# The fields of a view in the order of the columns.
_RENAMED: Final = {"tenantUuid": "tenant_id", "documentUrl": PLACE}
FIELDS: Final = tuple(_RENAMED.get(name, to_snake(name)) for name in COLUMNS)
"""Fields that an invoice's line is made of."""
_METADATA, _LINK = map(COLUMNS.index, ("metadata", "documentUrl"))
NUMBERS: Final = frozenset(
    at
    for at, name in enumerate(COLUMNS)
    if name.endswith("Minor") or name in ("attempt", "position")
)
"""Columns whose cells are numbers as text, which a spreadsheet may read as such."""
_NO_DOCUMENT: Final = frozenset(status.encode() for status in NO_DOCUMENT)
Cell = str | int | float | None
Row = TypeVar("Row")
Lines = Callable[[Export], AsyncIterator[Sequence[bytes]]]
"""Reads a list of invoices as lines of CSV."""


async def csv_answer(read: Lines, *, links: Links, headers: Mapping[str, str]) -> Response:
    """Stream a list of invoices, read by FIELDS; errors and memory as in `csv_stream`."""
    invoice_lines = InvoiceLines(links)
    return await _stream(
        COLUMNS,
        read(invoice_lines.export),
        lambda lines: (
            invoice_lines.written(lines[start : start + _PART_LINES])
            for start in range(0, len(lines), _PART_LINES)
        ),
        headers=_as_file("invoices", headers),
    )


class InvoiceLines:
    """Adds links to lines of invoices that the database has written, and disarms formulas."""

    def __init__(self, links: Links) -> None:
        """The mark before what a link is made of is random: no text of callers has it."""
        mark = secrets.token_hex(_MARK_BYTES)
        self.export = Export(FIELDS, mark)
        self._mark = mark.encode()
        self._url = links.document_writer()
        self._is_plain = not set(b',"\r\n') & set(self._url(bytes(16)))

    def written(self, lines: Sequence[bytes]) -> bytes:
        """Return lines as responses have them."""
        found = b"".join(lines)
        if self._is_plain and _is_plain(found, lines=len(lines)):
            return self._with_links(found.replace(b"\n", b"\r\n"))
        return b"".join(map(self._line, lines))

    def _line(self, line: bytes) -> bytes:
        if self._is_plain and _is_plain(line, lines=1):
            return self._with_links(line.replace(b"\n", b"\r\n"))
        (cells,) = csv.reader(io.StringIO(line.decode(), newline=""))
        if cells[_METADATA] != "{}":
            cells[_METADATA] = orjson.dumps(orjson.loads(cells[_METADATA])).decode()
        place = f"{cells[_LINK]},".encode().removeprefix(self._mark)
        cells[_LINK] = self._link(place)[:-1].decode()
        return csv_lines([cells], numbers=NUMBERS)

    def _with_links(self, text: bytes) -> bytes:
        first, *places = text.split(self._mark)
        return first + b"".join(map(self._link, places))

    def _link(self, place: bytes) -> bytes:
        """Put the link in the place of what it is made of (`export.PLACE`)."""
        end = place.index(b",", STATUS_AT)
        if place[STATUS_AT - 1 : STATUS_AT] == b"0" or place[STATUS_AT:end] in _NO_DOCUMENT:
            return place[end:]
        return self._url(unhexlify(place[:ID_DIGITS])) + place[end:]


def _is_plain(text: bytes, *, lines: int) -> bool:
    """Return whether so many lines have no text that a formula, a line break or an escape is in."""
    return text.count(b"\n") == lines and b"\\" not in text and not _may_have_formula(text)


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

    def written(rows: Sequence[Row]) -> Iterator[bytes]:
        for start in range(0, len(rows), _PART_ROWS):
            part = [row(one) for one in rows[start : start + _PART_ROWS]]
            yield csv_lines(part, numbers=numbers)

    return await _stream(columns, chunks, written, headers=_as_file(name, headers))


async def _stream(
    columns: Sequence[str],
    chunks: AsyncIterator[Sequence[Row]],
    written: Callable[[Sequence[Row]], Iterator[bytes]],
    *,
    headers: Mapping[str, str],
) -> Response:
    rows: Sequence[Row] | None = await anext(chunks)

    async def lines() -> AsyncIterator[bytes]:
        nonlocal rows
        yield _written([columns])
        while rows is not None:
            upcoming = asyncio.ensure_future(anext(chunks, None))
            try:
                await asyncio.sleep(0)  # lets it send its query
                for part in written(rows):
                    yield part
                rows = await upcoming
            finally:
                upcoming.cancel()

    return StreamingResponse(lines(), headers=headers, media_type=_CSV)


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


def harmless(value: Cell) -> Cell:
    """Put an apostrophe before text that a spreadsheet would evaluate."""
    return _FORMULA.sub(r"\1'", value) if isinstance(value, str) else value


def _written(rows: Sequence[Sequence[Cell]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
