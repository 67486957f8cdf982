"""An invoice that does not exist yet: told by an event, kept in the inbox, taken for nothing."""

from __future__ import annotations

from uuid import UUID

from tests.workers.stripe_harness import Bench
from tests.workers.webhooks.paid_flow import by_type, paid_flow


def test_an_upcoming_invoice_is_kept_and_changes_nothing(bench: Bench) -> None:
    invoice_id, events = paid_flow(bench)
    version = bench.invoice(invoice_id).version
    preview = by_type(events, "invoice.finalized") | {"id": "evt_1", "type": "invoice.upcoming"}
    # A preview has no id; its metadata may be that of the subscription.
    preview["data"]["object"] |= {"id": "", "status": "draft", "amount_paid": 0}

    received = bench.receive(preview)
    bench.apply(received)

    assert bench.entry(received).applied
    assert b'"effects":[]' in bench.log.stream(UUID(str(received.originator_id)))[-1].state.replace(
        b" ", b""
    )
    assert bench.invoice(invoice_id).version == version
