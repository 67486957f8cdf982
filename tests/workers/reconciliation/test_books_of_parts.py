"""Invoices that were paid in parts are imported, and compared, with each part at its own day."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

from domain.core.calendar import to_unix
from domain.invoices.events import InvoiceImported
from tests.support.mollie_account import amount
from tests.workers.history.imports import open_imports
from tests.workers.mollie_harness import MollieBench
from tests.workers.reconciliation.sealed_connection import connect
from tests.workers.reconciliation.test_books import amounts, books, pass_days
from tests.workers.stripe_harness import Bench

Days = dict[str, int]


def _day(unix_s: int | None) -> str:
    return datetime.fromtimestamp(unix_s or 0, UTC).date().isoformat()


def charged(of: Bench | MollieBench) -> Days:
    """What was taken on each day by the sandbox's ledger."""
    sums: Counter[str] = Counter()
    for entry in of.account.admin.ledger()["entries"]:
        if entry["kind"] in ("charge", "payment"):
            sums[_day(entry["at"])] += entry["amount"]
    return dict(sums)


def imported(of: Bench | MollieBench) -> Days:
    """What imported invoices collected on each day."""
    sums: Counter[str] = Counter()
    for entry in of.log.read(0, 10_000, [InvoiceImported.TOPIC]):
        for part in of.invoice(UUID(str(entry.originator_id))).view.paid_parts:
            sums[_day(to_unix(part.paid_at))] += part.amount_minor
    return dict(sums)


def assert_books_agree(of: Bench | MollieBench, database: str) -> None:
    first = str((of.clock() - timedelta(days=200)).date())
    ended = books(of, database, "--from", first)
    assert ended.exit_code == 0, ended.output
    whole = sum(charged(of).values())
    assert amounts(ended) == {"charged": (whole, whole)}


def test_parts_of_stripes_invoices_are_of_their_days(bench: Bench, database: str) -> None:
    connect(bench)
    admin, customer = bench.account.admin, bench.account.add_customer()
    paid, credited, written_off, voided = (
        admin.make_invoice(customer, amount=1000, collect="send")["id"] for _ in range(4)
    )
    for invoice in (paid, credited, written_off, voided):
        admin.pay_part(invoice, 300)
        pass_days(bench, 3)
    admin.pay_part(paid, 200)
    pass_days(bench, 30)
    admin.pay_part(paid, 500)
    bench.account.v1.credit_notes.create({"invoice": credited, "amount": 700})
    admin.mark_uncollectible(written_off)
    admin.void(voided)
    pass_days(bench, 1)

    with open_imports(database) as imports:
        assert imports.stripe(bench).run(0).counts["invoices"] == {"new": 4}

    assert len(charged(bench)) == 6
    assert imported(bench) == charged(bench)
    assert_books_agree(bench, database)


def test_more_payments_than_stripe_expands_are_imported(bench: Bench, database: str) -> None:
    connect(bench)
    admin, v1 = bench.account.admin, bench.account.v1
    invoice = admin.make_invoice(bench.account.add_customer(), amount=1300, collect="send")["id"]
    for _ in range(13):
        pass_days(bench, 1)
        admin.pay_part(invoice, 100)
    paid = v1.invoice_payments.list({"invoice": invoice, "status": "paid", "limit": 100}).data
    newest = max(paid, key=lambda one: one.status_transitions.paid_at or 0)
    admin.refund(str(newest.payment.payment_intent), amount=70)
    pass_days(bench, 1)

    with open_imports(database) as imports:
        assert imports.stripe(bench).run(0).counts["invoices"] == {"new": 1}

    assert imported(bench) == charged(bench)
    ended = books(bench, database, "--from", str((bench.clock() - timedelta(days=30)).date()))
    assert ended.exit_code == 0, ended.output
    assert amounts(ended) == {"charged": (1300, 1300), "refunded": (70, 70)}


def test_captures_of_mollies_payments_are_of_their_days(mollie: MollieBench, database: str) -> None:
    connect(mollie)
    admin = mollie.account.admin
    line = {"description": "Tea", "quantity": 1, "vatRate": "0.00"}
    line |= {"unitPrice": amount("50.00"), "totalAmount": amount("50.00")}
    line |= {"vatAmount": amount("0.00")}
    names = {"givenName": "Ada", "familyName": "L", "email": "ada@example.org"}
    address = {"streetAndNumber": "A 1", "postalCode": "1000 AA", "city": "A", "country": "NL"}
    whole, released, held = (
        mollie.account.pay(
            "50.00", captureMode="manual", lines=[line], billingAddress=names | address
        ).id
        for _ in range(3)
    )
    for payment in (whole, released, held):
        admin.outcome(payment, "authorized", method="klarna")
    for payment in (whole, released, held):
        admin.capture(payment, amount=amount("10.00"))
        pass_days(mollie, 3)
    admin.capture(whole, amount=amount("15.00"))
    pass_days(mollie, 3)
    admin.capture(whole, amount=amount("25.00"))
    admin.release_authorization(released)

    with open_imports(database) as imports:
        assert imports.mollie(mollie).run(0).counts["invoices"] == {"new": 3}

    assert len(charged(mollie)) == 5
    assert imported(mollie) == charged(mollie)
    assert_books_agree(mollie, database)
