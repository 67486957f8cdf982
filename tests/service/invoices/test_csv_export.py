import asyncio
import weakref
from collections.abc import AsyncIterator

import pytest
from starlette.responses import StreamingResponse

from eventlog.security.vault import Vault
from projections.engine.errors import ReadModelUnavailable
from projections.invoices.queries import InvoiceRow
from service.invoices.csv_export import csv_answer, harmless
from service.invoices.documents import Links
from tests.projections.harness import requested

CHUNKS, ROWS = 50, 40
LINKS = Links([Vault.new_key()], public_url="http://127.0.0.1")


class Books:
    """A long list, and how much of it is in memory."""

    def __init__(self, *, fails_after: int = CHUNKS) -> None:
        self._made: list[weakref.ref[InvoiceRow]] = []
        self._fails_after = fails_after
        self.most_alive = 0

    async def chunks(self) -> AsyncIterator[list[InvoiceRow]]:
        view = requested().view
        for number in range(CHUNKS):
            if number == self._fails_after:
                raise ReadModelUnavailable("gone")
            rows = [InvoiceRow(view, number * ROWS + index) for index in range(ROWS)]
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
