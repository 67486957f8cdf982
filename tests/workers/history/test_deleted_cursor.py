"""An import goes on where the last object of a page is deleted before the next page is read."""

from __future__ import annotations

from typing import Any

from domain.invoices.events import InvoiceImported
from tests.workers.history.imports import open_imports
from tests.workers.stripe_harness import Bench
from workers.history.import_run import ImportCheckpoint


def test_an_import_goes_on_after_a_draft_that_was_deleted(bench: Bench, database: str) -> None:
    params: Any = {"customer": bench.account.add_customer(), "auto_advance": False}
    drafts = [bench.account.v1.invoices.create(params).id for _ in range(101)]
    last_of_page = drafts[1]

    def report(checkpoint: ImportCheckpoint, _: float) -> None:
        if checkpoint.after == last_of_page:
            bench.account.v1.invoices.delete(last_of_page)

    with open_imports(database) as imports:
        assert imports.stripe(bench, report=report).run(0).finished
    recorded = bench.log.read(0, 1000, [InvoiceImported.TOPIC])
    assert len({entry.originator_id for entry in recorded}) == len(recorded) == 101
