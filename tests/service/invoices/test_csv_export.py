import asyncio
import weakref
from collections.abc import AsyncIterator

import orjson
import pytest
from hypothesis import given, settings
from starlette.responses import StreamingResponse

from eventlog.codec import Codec
from eventlog.reading import RecordedEvent
from eventlog.security.vault import Vault
from projections.engine.errors import ReadModelUnavailable
from projections.engine.view_codec import to_json
from projections.invoices.queries import StoredInvoice
from service.invoices import render
from service.invoices.csv_export import COLUMNS, cells, csv_answer, harmless
from service.invoices.documents import Links
from tests.projections.harness import folds, requested
from tests.projections.random_events import logs

CHUNKS, ROWS = 50, 40
LINKS = Links([Vault.new_key()], public_url="http://127.0.0.1")


class Books:
    """A long list, and how much of it is in memory."""

    def __init__(self, *, fails_after: int = CHUNKS) -> None:
        self._made: list[weakref.ref[StoredInvoice]] = []
        self._fails_after = fails_after
        self.most_alive = 0

    async def chunks(self) -> AsyncIterator[list[StoredInvoice]]:
        view = to_json(requested().view).decode()
        for number in range(CHUNKS):
            if number == self._fails_after:
                raise ReadModelUnavailable("gone")
            rows = [StoredInvoice(view, number * ROWS + index) for index in range(ROWS)]
            self._made += map(weakref.ref, rows)
            alive = sum(made() is not None for made in self._made)
            self.most_alive = max(self.most_alive, alive)
            yield rows


async def answered(books: Books) -> tuple[int, int]:
    """Read an answer to its end; its lines, and its longest part."""
    response = await csv_answer(books.chunks(), links=LINKS, headers={})
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


@settings(max_examples=60)
@given(log=logs())
def test_the_cells_of_a_stored_view_are_the_fields_of_its_json(log: list[RecordedEvent]) -> None:
    for view in folds(Codec().decode(event) for event in log).values():
        url = LINKS.document_url(view)
        item = render.item(view, position=7, document_url=url).to_json()
        failure = item["failure"] or {}
        item |= {
            "metadata": orjson.dumps(item["metadata"]).decode(),
            "failureCode": failure.get("code"),
            "failureDeclineCode": failure.get("declineCode"),
            "failureMessage": failure.get("message"),
        }
        stored = StoredInvoice(to_json(view).decode(), 7)
        assert cells(stored, links=LINKS) == [harmless(item[name]) for name in COLUMNS]


def test_a_stored_view_without_newer_fields_has_their_defaults() -> None:
    known = orjson.loads(to_json(requested().view))
    newer = {"amount_overpaid_minor", "capture_before", "metadata", "failure", "attempt"}
    old = {name: value for name, value in known.items() if name not in newer}
    written = cells(StoredInvoice(orjson.dumps(old).decode(), 7), links=LINKS)
    assert written == cells(StoredInvoice(orjson.dumps(known).decode(), 7), links=LINKS)


def test_text_of_any_cell_is_made_harmless() -> None:
    view = requested(user_id="=1+1", metadata={"a": "b"}).view
    view.description = "a;@x"
    written = cells(StoredInvoice(to_json(view).decode(), 7), links=LINKS)
    assert written[COLUMNS.index("userId")] == "'=1+1"
    assert written[COLUMNS.index("description")] == "a;'@x"
