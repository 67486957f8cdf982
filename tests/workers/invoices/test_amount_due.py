"""Test that the amount due of an invoice is what Stripe says remains, from every source."""

from __future__ import annotations

from uuid import UUID

from projections.reports.invoice_sums import parts_of
from tests.workers.stripe_harness import Bench


def open_invoice(bench: Bench, **more: object) -> tuple[UUID, str]:
    """Charge an invoice of 1999 that has no payment method, so that it stays open."""
    invoice_id = bench.request(bench.add_tenant(None), **more)
    at_provider = bench.charge(invoice_id).view.provider_object_id or ""
    return invoice_id, at_provider


def deliver(bench: Bench) -> None:
    bench.deliver("invoice", "credit_note")


def sums(bench: Bench, invoice_id: UUID) -> dict[str, int]:
    """Return what the invoice counts for in reports, by kind."""
    found: dict[str, int] = {}
    for part, (amount_minor, _) in parts_of(bench.invoice(invoice_id).view).items():
        found[part.kind] = found.get(part.kind, 0) + amount_minor
    return found


def due(bench: Bench, invoice_id: UUID) -> tuple[str, int | None, int]:
    view = bench.invoice(invoice_id).view
    return view.status, view.amount_due_minor, view.amount_paid_minor


def test_payments_of_parts_lower_the_amount_due_and_count_as_collected(bench: Bench) -> None:
    invoice_id, at_provider = open_invoice(bench)
    assert due(bench, invoice_id) == ("open", 1999, 0)

    bench.account.admin.pay_part(at_provider, 800)
    deliver(bench)
    assert due(bench, invoice_id) == ("open", 1199, 800)
    assert sums(bench, invoice_id) == {"collected": 800, "outstanding": 1199}

    bench.account.admin.pay_part(at_provider, 1199)
    deliver(bench)
    assert due(bench, invoice_id) == ("paid", 0, 1999)
    assert sums(bench, invoice_id) == {"collected": 1999}
    assert bench.account.admin.ledger()["totals"] == {"eur": 1999}
    assert [part.amount_minor for part in bench.invoice(invoice_id).view.paid_parts] == [800, 1199]


def test_a_credit_note_on_an_open_invoice_lowers_the_amount_due_until_it_is_void(
    bench: Bench,
) -> None:
    invoice_id, at_provider = open_invoice(bench)
    note = bench.account.v1.credit_notes.create({"invoice": at_provider, "amount": 1500})
    deliver(bench)
    assert due(bench, invoice_id) == ("open", 499, 0)
    assert sums(bench, invoice_id) == {"outstanding": 499}

    bench.account.v1.credit_notes.void_credit_note(note.id)
    deliver(bench)
    assert due(bench, invoice_id) == ("open", 1999, 0)

    bench.account.v1.credit_notes.create({"invoice": at_provider, "amount": 500})
    bench.account.admin.pay_on_page(at_provider)
    deliver(bench)
    assert due(bench, invoice_id) == ("paid", 0, 1499)
    assert sums(bench, invoice_id) == {"collected": 1499}
    assert bench.account.charged() == [1499]


def test_an_event_that_arrives_late_does_not_restore_an_earlier_amount_due(bench: Bench) -> None:
    invoice_id, at_provider = open_invoice(bench)
    before = bench.events("invoice.")
    bench.account.admin.set_clock(advance_s=60)
    bench.account.v1.credit_notes.create({"invoice": at_provider, "amount": 1500})
    bench.deliver("credit_note")
    for event in before:
        bench.apply(received := bench.receive(event))
        assert bench.entry(received).applied, event["type"]
    assert due(bench, invoice_id) == ("open", 499, 0)


def test_a_balance_of_the_customer_lowers_the_amount_due(bench: Bench) -> None:
    customer = bench.account.add_customer(None)
    balance: dict[str, object] = {"amount": -500, "currency": "eur"}
    bench.account.v1.customers.balance_transactions.create(customer, balance)  # type: ignore[arg-type]
    made = bench.account.admin.make_invoice(customer, amount=2000, collect="send")
    deliver(bench)
    view = bench.imported(made["id"]).view
    assert (view.status, view.total_minor, view.amount_due_minor) == ("open", 2000, 1500)


def test_an_imported_invoice_has_its_amount_due(bench: Bench) -> None:
    customer = bench.account.add_customer(None)
    made = bench.account.admin.make_invoice(customer, amount=2000, collect="send")
    bench.account.admin.pay_part(made["id"], 300)
    bench.account.v1.credit_notes.create({"invoice": made["id"], "amount": 1200})
    bench.deliver("invoice.finalized")
    invoice = bench.imported(made["id"])
    assert due(bench, invoice.id) == ("open", 500, 300)
    assert sums(bench, invoice.id) == {"collected": 300, "outstanding": 500}
