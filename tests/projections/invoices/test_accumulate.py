from domain.invoices.events import InvoiceRequested
from domain.invoices.invoice import Invoice
from projections.invoices.accumulate import InvoiceAccumulator, SumDeltas
from projections.reports.invoice_sums import Change, Part
from tests.domain.given import Given, happened


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
