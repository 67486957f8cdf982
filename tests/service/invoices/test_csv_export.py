import asyncio
import csv
import io
import weakref
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import psycopg
import pytest
from hypothesis import given, settings
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Literal
from starlette.responses import StreamingResponse

from domain.core.failures import Failure
from domain.invoices.view import InvoiceView
from eventlog.codec import Codec
from eventlog.database.connect import connect
from eventlog.reading import RecordedEvent
from eventlog.security.vault import Vault
from projections.engine.errors import ReadModelUnavailable
from projections.engine.view_codec import from_json, to_json
from projections.invoices.lists import export
from projections.invoices.lists.export import Export
from service.invoices import render
from service.invoices.csv_export import (
    COLUMNS,
    FIELDS,
    InvoiceLines,
    csv_answer,
    csv_lines,
    harmless,
)
from service.invoices.documents import Links
from tests.projections.harness import folds, requested
from tests.projections.random_events import logs
from tests.support.postgres import Server

CHUNKS, ROWS = 50, 40
LINKS = Links([Vault.new_key()], public_url="http://127.0.0.1")


class Lines(list[bytes]):
    """Lines that can be watched."""


@pytest.fixture(scope="module")
def connection(postgres_server: Server) -> Iterator[psycopg.Connection[TupleRow]]:
    with connect(postgres_server.dsn("postgres"), application_name="test") as opened:
        yield opened


def compared(
    connection: psycopg.Connection[TupleRow], *views: bytes
) -> tuple[list[list[str]], list[list[str]]]:
    """Return the lines of stored views at position 7, and those from the JSON of a list."""
    lines = InvoiceLines(LINKS)
    query = SQL(
        "COPY (SELECT {columns} FROM (SELECT view, (view->>'id')::uuid AS invoice_id, 7 AS position"
        " FROM unnest(%(views)s::jsonb[]) AS view) AS invoice {known}) TO STDOUT (FORMAT csv)"
    ).format(
        columns=export.exported(lines.export, key=Literal(-(2**63)), is_time=False),
        known=export.known_fields(lines.export),
    )
    parameters = {"mark": lines.export.mark, "views": [view.decode() for view in views]}
    with connection.cursor().copy(query, parameters) as copying:
        written = lines.written([bytes(line) for line in copying])
    stored = connection.execute(
        "SELECT view::text FROM unnest(%s::jsonb[]) AS view", [parameters["views"]]
    )
    return list(csv.reader(io.StringIO(written.decode(), newline=""))), [
        ["" if cell is None else str(cell) for cell in as_item(from_json(view))]
        for (view,) in stored
    ]


def as_item(view: InvoiceView) -> list[Any]:
    """Return the cells of an invoice from the JSON of a list."""
    item = render.item(view, position=7, document_url=LINKS.document_url(view)).to_json()
    failure = item["failure"] or {}
    item |= {
        "metadata": orjson.dumps(item["metadata"]).decode(),
        "failureCode": failure.get("code"),
        "failureDeclineCode": failure.get("declineCode"),
        "failureMessage": failure.get("message"),
    }
    return [harmless(item[name]) for name in COLUMNS]


class Books:
    """A long list, and how much of it is in memory."""

    def __init__(self, *, fails_after: int = CHUNKS) -> None:
        self._alive = 0
        self._fails_after = fails_after
        self.most_alive = 0

    async def chunks(self, given: Export) -> AsyncIterator[list[bytes]]:
        place = f"{given.mark}{'0' * 32}{7:20}1paid"
        cells = [place if name == export.PLACE else "{}" for name in FIELDS]
        for number in range(CHUNKS):
            if number == self._fails_after:
                raise ReadModelUnavailable("gone")
            lines = Lines(f"{','.join(cells)}\n".encode() for _ in range(ROWS))
            self._alive += ROWS
            weakref.finalize(lines, self._forget)
            self.most_alive = max(self.most_alive, self._alive)
            yield lines

    def _forget(self) -> None:
        self._alive -= ROWS


async def answered(books: Books) -> tuple[int, int]:
    """Read an answer to its end; its lines, and its longest part."""
    response = await csv_answer(books.chunks, links=LINKS, headers={})
    assert isinstance(response, StreamingResponse)
    parts = [bytes(part) async for part in response.body_iterator]  # type: ignore[arg-type]
    return b"".join(parts).count(b"\r\n"), max(map(len, parts))


def test_a_list_of_any_length_takes_the_memory_of_a_few_chunks() -> None:
    books = Books()
    lines, longest = asyncio.run(answered(books))
    assert lines == 1 + CHUNKS * ROWS
    assert longest < ROWS * 1000
    assert books.most_alive <= 3 * ROWS


def test_what_fails_before_the_first_line_is_refused_and_later_breaks_off() -> None:
    for fails_after in (0, 3):
        with pytest.raises(ReadModelUnavailable):
            asyncio.run(answered(Books(fails_after=fails_after)))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("\uff0b1", "'\uff0b1"),
        ("\uff0d1", "'\uff0d1"),
        ("\uff20sum", "'\uff20sum"),
        (" =1", "' =1"),
        ("a;=1", "a;'=1"),
        ("a; @x;b", "a;' @x;b"),
        ("a-b;c", "a-b;c"),
    ],
)
def test_text_that_a_spreadsheet_would_run_is_written_as_text(text: str, written: str) -> None:
    assert harmless(text) == written


def test_no_formula_in_a_line_is_missed() -> None:
    blanks = ["", "  ", *(chr(code) for code in range(0x3001) if chr(code).isspace())]
    for blank in blanks:
        for sign in "=+-@\t\r\uff1d\uff0b\uff0d\uff20":
            for text in (f"{blank}{sign}1", f'";{blank}{sign}', f"a;{blank}{sign}"):
                row = ["-1", text, "-2"]
                (line,) = csv.reader(
                    [csv_lines([row], numbers={0, 2}).decode().removesuffix("\r\n")]
                )
                assert line == ["-1", harmless(text), "-2"] != row, ascii(text)


@settings(max_examples=30)
@given(log=logs())
def test_the_lines_of_stored_views_are_the_fields_of_their_json(
    connection: psycopg.Connection[TupleRow], log: list[RecordedEvent]
) -> None:
    views = folds(Codec().decode(event) for event in log).values()
    lines, expected = compared(connection, *map(to_json, views))
    assert lines == expected


def test_awkward_values_are_written_as_in_the_json(
    connection: psycopg.Connection[TupleRow],
) -> None:
    for text in (
        "", " ", "=1+1", "\t=1", "a\r\nb", 'a "b", c', "a;=1", "a, -b", "\x7f\x1b\x1f", "\u2028",
        "\\", "\\N", "null", "\ud7ff\ue000\U0010ffff", "\uff1d1", "-5", "{}", "e\u0301",
        ", ", ": ", ",", "a, ", ": b",
    ):  # fmt: skip
        view = requested(user_id=text, metadata={text: text, "b": "c", "a": ""}).view
        view.description, view.footer, view.number = text, f"x;{text}", f" {text}"
        view.total_minor, view.amount_due_minor = -(2**63), 2**63 - 1
        view.created_at = datetime(2026, 1, 1, 1, 2, 3, 4999, tzinfo=timezone(timedelta(hours=-9)))
        view.paid_at = datetime(1, 1, 1, tzinfo=UTC)
        view.failure = Failure(code=text, message=text)
        lines, expected = compared(connection, to_json(view))
        assert lines == expected, text


def test_a_stored_view_without_newer_fields_has_their_defaults(
    connection: psycopg.Connection[TupleRow],
) -> None:
    known = orjson.loads(to_json(requested().view))
    newer = {"amount_overpaid_minor", "capture_before", "metadata", "failure", "attempt"}
    old = {name: value for name, value in known.items() if name not in newer}
    (first, second), _ = compared(connection, orjson.dumps(old), orjson.dumps(known))
    assert first == second
