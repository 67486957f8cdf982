"""Test that charged, billed and credited amounts each limit what can be refunded."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from domain.core.errors import NotPossible
from domain.invoices.commands import RequestRefund
from domain.invoices.refunds import creditable_minor, refundable_minor
from projections.reports.invoice_sums import parts_of
from tests.workers.stripe_harness import Bench


def refund_all(bench: Bench, invoice_id: UUID, **more: Any) -> list[tuple[int, bool | None, str]]:
    """Request a refund, run its jobs, and return the new refunds."""
    before = len(bench.invoice(invoice_id).view.refunds)
    bench.request_action(invoice_id, RequestRefund, **more)
    for refund in bench.invoice(invoice_id).view.refunds[before:]:
        bench.refund(invoice_id, UUID(refund.id))
    refunds = bench.invoice(invoice_id).view.refunds[before:]
    return [(refund.amount_minor, refund.credit_note, refund.status) for refund in refunds]


def refunded(bench: Bench) -> int:
    entries = bench.account.admin.ledger()["entries"]
    return sum(entry["amount"] for entry in entries if entry["kind"] == "refund")


def at_provider(bench: Bench, invoice_id: UUID) -> str:
    return bench.invoice(invoice_id).view.provider_object_id or ""


def test_what_was_charged_beyond_the_total_goes_back_without_a_credit_note(bench: Bench) -> None:
    tenant_id = bench.add_tenant()
    first = bench.request(tenant_id)
    customer = bench.charge(first).view.customer or ""
    debt: Any = {"amount": 30, "currency": "eur"}
    bench.account.v1.customers.balance_transactions.create(customer, debt)

    invoice_id = bench.request(tenant_id)
    view = bench.charge(invoice_id).view
    assert (view.total_minor, view.amount_paid_minor) == (1999, 2029)
    assert refund_all(bench, invoice_id) == [(1999, True, "succeeded"), (30, False, "succeeded")]
    view = bench.invoice(invoice_id).view
    assert (view.amount_refunded_minor, refunded(bench)) == (2029, 2029)
    assert (refundable_minor(view), creditable_minor(view)) == (0, 0)
    collected = sum(
        amount for part, (amount, _) in parts_of(view).items() if part.kind == "collected"
    )
    assert collected - view.amount_refunded_minor == 0


def test_credit_given_by_a_note_lowers_what_can_be_refunded(bench: Bench) -> None:
    invoice_id = bench.request(bench.add_tenant(), {"amount_minor": 2000, "currency": "eur"})
    bench.charge(invoice_id)
    note: Any = {"invoice": at_provider(bench, invoice_id), "amount": 1500, "credit_amount": 1500}
    bench.account.v1.credit_notes.create(note)
    bench.deliver("credit_note.")

    (shown,) = bench.invoice(invoice_id).view.credit_notes
    assert (shown.amount_minor, shown.credited_minor, shown.status) == (1500, 1500, "issued")
    with pytest.raises(NotPossible, match="only 500"):
        bench.request_action(invoice_id, RequestRefund, amount_minor=501)
    assert refund_all(bench, invoice_id) == [(500, True, "succeeded")]
    assert refunded(bench) == 500
    bench.deliver("credit_note.", "refund.")
    view = bench.invoice(invoice_id).view
    assert (refundable_minor(view), creditable_minor(view), len(view.credit_notes)) == (0, 0, 2)
    assert [entry.refund_id for entry in view.credit_notes] == [None, view.refunds[0].id]


def test_a_note_paid_out_of_band_lowers_what_is_left(bench: Bench) -> None:
    invoice_id = bench.request(bench.add_tenant(), {"amount_minor": 2000, "currency": "eur"})
    bench.charge(invoice_id)
    given: Any = {"invoice": at_provider(bench, invoice_id), "amount": 900}
    given["out_of_band_amount"] = 900
    bench.account.v1.credit_notes.create(given)
    bench.deliver("credit_note.")
    assert refund_all(bench, invoice_id) == [(1100, True, "succeeded")]
    assert refunded(bench) == 1100


def test_what_a_note_billed_less_before_the_payment_is_not_refunded(bench: Bench) -> None:
    tenant_id = bench.add_tenant(None)
    invoice_id = bench.request(tenant_id, {"amount_minor": 2000, "currency": "eur"})
    bench.charge(invoice_id)
    given: Any = {"invoice": at_provider(bench, invoice_id), "amount": 600}
    bench.account.v1.credit_notes.create(given)
    bench.account.admin.pay_on_page(at_provider(bench, invoice_id))
    bench.deliver("invoice.", "credit_note.")
    assert refund_all(bench, invoice_id) == [(1400, True, "succeeded")]
    assert refunded(bench) == 1400


def test_an_amount_above_what_can_have_a_note_is_split(bench: Bench) -> None:
    invoice_id = bench.request(bench.add_tenant(), {"amount_minor": 2000, "currency": "eur"})
    bench.charge(invoice_id)
    assert refund_all(bench, invoice_id, amount_minor=700) == [(700, True, "succeeded")]
    refund = bench.invoice(invoice_id).view.refunds[0].provider_refund_id or ""
    bench.account.admin.fail_refund(refund)
    bench.deliver("credit_note.", "refund.")
    # The failed refund's note stands, so that 1300 of the 2000 that are left can have one.
    assert refund_all(bench, invoice_id) == [(1300, True, "succeeded"), (700, False, "succeeded")]
    assert bench.invoice(invoice_id).view.amount_refunded_minor == 2000


def test_the_credit_notes_of_an_imported_invoice_are_recorded(bench: Bench) -> None:
    customer = bench.account.add_customer(None)
    made = bench.account.admin.make_invoice(customer, amount=2000, collect="send")["id"]
    bench.account.v1.credit_notes.create({"invoice": made, "amount": 1200})
    bench.deliver("invoice.finalized")
    (note,) = bench.imported(made).view.credit_notes
    assert (note.amount_minor, note.credited_minor) == (1200, 0)
