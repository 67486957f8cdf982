from hypothesis import given, settings

from domain.invoices.events import InvoiceEvent, InvoiceRequested
from domain.invoices.invoice import Invoice
from projections.invoices.accumulate import InvoiceAccumulator, SumDeltas
from projections.invoices.search_terms import Sources, new_terms, term_sources
from projections.reports.invoice_sums import Change, Part
from tests.domain.given import Given, happened
from tests.projections.random_events import streams


def test_changes_that_cancel_out_leave_the_same_rows_in_one_batch_as_in_two() -> None:
    """A payment's method can become known after its amount was counted under no name."""
    view = Given(Invoice, happened(InvoiceRequested)).root.view
    part = Part("eur", "collected", 3, "unknown")
    changes = [Change(part, 100, 1, position=5), Change(part, -100, -1, position=7)]

    def rows(batches: list[list[Change]]) -> dict[tuple[object, object], tuple[int, object]]:
        found: dict[tuple[object, object], tuple[int, object]] = {}
        deltas = SumDeltas()
        for batch in batches:
            deltas.take(InvoiceAccumulator(view, changes=batch))
            for row in deltas.share_rows():
                key = (row["unit"], row["number"])
                items, _ = found.get(key, (0, None))
                found[key] = (items + int(str(row["items"])), row["position"])
            deltas.clear()
        return found

    together = rows([changes])
    assert together == rows([changes[:1], changes[1:]])
    assert set(together.values()) == {(0, 7)}


@given(streams())
@settings(max_examples=40)
def test_only_the_events_that_name_an_invoice_change_its_search_terms(
    events: list[InvoiceEvent],
) -> None:
    invoice = InvoiceAccumulator()
    expected: dict[str, int] = {}
    before: Sources | None = None
    for event in events:
        position = event.originator_version
        invoice.take(event, position=position)
        assert invoice.view is not None
        sources = term_sources(invoice.view)
        for term in new_terms(before, sources):
            expected.setdefault(term, position)
        before = sources
    assert invoice.terms == expected
