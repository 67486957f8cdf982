"""One refund request of a Stripe invoice that several payments paid."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from domain.core.errors import NotPossible
from domain.gateway.errors import GatewayUnavailable
from domain.invoices import refund_events as m
from domain.invoices.commands import RequestRefund
from domain.invoices.refunds import creditable_minor, parts_of_refund, refundable_minor
from domain.invoices.view import InvoiceView, Refund
from projections.reports.invoice_sums import parts_of
from projections.work.table import CloseJob, JobChange, OpenJob
from tests.workers.stripe_harness import Bench
from workers.providers.stripe.client import NETWORK_RETRIES
from workers.queue.reactions import changes_for

PARTS = (700, 500, 800)


def paid_in_parts(bench: Bench) -> tuple[UUID, list[str]]:
    """Have an invoice of 2000 paid in three parts; return it and the payments, oldest first."""
    invoice_id = bench.request(bench.add_tenant(None), {"amount_minor": 2000, "currency": "eur"})
    at_provider = bench.charge(invoice_id).view.provider_object_id or ""
    made = []
    for amount in PARTS:
        made.append(bench.account.admin.pay_part(at_provider, amount)["payment_intent"]["id"])
        bench.account.admin.set_clock(advance_s=60)
    bench.deliver("invoice.")
    assert bench.invoice(invoice_id).view.status == "paid"
    return invoice_id, made


def request_refund(bench: Bench, invoice_id: UUID, **more: Any) -> UUID:
    return bench.request_action(invoice_id, RequestRefund, **more)


def run(bench: Bench, invoice_id: UUID, refund_id: UUID) -> list[Refund]:
    """Run the jobs of a request: of its first refund, then of the parts that it was split into."""
    bench.refund(invoice_id, refund_id)
    for part in parts_of_refund(bench.invoice(invoice_id).view, refund_id)[1:]:
        bench.refund(invoice_id, UUID(part.id))
    return parts_of_refund(bench.invoice(invoice_id).view, refund_id)


def of_payments(refunds: list[Refund]) -> list[tuple[str | None, int, str, bool | None]]:
    return [(one.payment_id, one.amount_minor, one.status, one.credit_note) for one in refunds]


def back_at_stripe(bench: Bench, payments: list[str]) -> list[int]:
    """Sum what each payment gave back, by Stripe's own list of refunds."""
    v1, sums = bench.account.v1, []
    for payment in payments:
        refunds = v1.refunds.list({"payment_intent": payment}).data
        sums.append(sum(one.amount for one in refunds if one.status == "succeeded"))
    return sums


def require_sums(bench: Bench, view: InvoiceView, left: int) -> None:
    """Hold view, report sums and the ledger against what is left of 2000."""
    entries = bench.account.admin.ledger()["entries"]
    assert sum(entry["amount"] for entry in entries if entry["kind"] == "charge") == 2000
    assert sum(entry["amount"] for entry in entries if entry["kind"] == "refund") == 2000 - left
    assert view.amount_refunded_minor == 2000 - left
    sums = {"collected": 0, "refunded": 0}
    for part, (amount, _) in parts_of(view).items():
        sums[part.kind] += amount
    assert sums == {"collected": 2000, "refunded": 2000 - left}
    assert refundable_minor(view) == left


def test_all_of_it_is_taken_from_every_payment_each_with_a_credit_note(bench: Bench) -> None:
    invoice_id, payments = paid_in_parts(bench)
    refunds = run(bench, invoice_id, request_refund(bench, invoice_id))
    expected = [
        (one, amount, "succeeded", True) for one, amount in zip(payments, PARTS, strict=True)
    ]
    assert of_payments(refunds) == expected
    bench.deliver("refund.", "credit_note.", "charge.", "invoice.")
    view = bench.invoice(invoice_id).view
    assert [note.refund_id for note in view.credit_notes] == [one.id for one in refunds]
    assert [note.credited_minor for note in view.credit_notes] == [0, 0, 0]
    assert creditable_minor(view) == 0
    assert back_at_stripe(bench, payments) == list(PARTS)
    require_sums(bench, view, 0)
    made = bench.account.v1.invoices.retrieve(view.provider_object_id or "")
    assert made.post_payment_credit_notes_amount == 2000
    with pytest.raises(NotPossible, match="all of it"):
        request_refund(bench, invoice_id)


def test_parts_are_taken_from_the_oldest_payment_first(bench: Bench) -> None:
    invoice_id, payments = paid_in_parts(bench)
    run(bench, invoice_id, request_refund(bench, invoice_id, amount_minor=900))
    assert back_at_stripe(bench, payments) == [700, 200, 0]
    require_sums(bench, bench.invoice(invoice_id).view, 1100)
    # The dashboard's refund is no concern of ours yet, and is counted all the same.
    bench.account.v1.refunds.create({"payment_intent": payments[1], "amount": 100})
    rest = run(bench, invoice_id, request_refund(bench, invoice_id, amount_minor=300))
    assert [one.amount_minor for one in rest] == [200, 100]
    assert back_at_stripe(bench, payments) == [700, 500, 100]
    bench.deliver("refund.", "credit_note.")
    require_sums(bench, bench.invoice(invoice_id).view, 700)


def test_nothing_is_taken_from_a_payment_that_is_disputed(bench: Bench) -> None:
    invoice_id, payments = paid_in_parts(bench)
    bench.account.admin.dispute(payments[0])
    bench.deliver("charge.dispute.")
    view = bench.invoice(invoice_id).view
    assert (view.amount_disputed_minor, refundable_minor(view)) == (700, 1300)
    run(bench, invoice_id, request_refund(bench, invoice_id))
    assert back_at_stripe(bench, payments) == [0, 500, 800]


def test_two_requests_at_once_never_take_the_same_amount(bench: Bench) -> None:
    invoice_id, payments = paid_in_parts(bench)
    requests = [request_refund(bench, invoice_id, amount_minor=amount) for amount in (900, 1100)]
    for refund_id in reversed(requests):
        run(bench, invoice_id, refund_id)
    assert back_at_stripe(bench, payments) == list(PARTS)
    require_sums(bench, bench.invoice(invoice_id).view, 0)


def test_a_refusal_in_the_middle_lifts_its_reservation_and_no_other(bench: Bench) -> None:
    invoice_id, payments = paid_in_parts(bench)
    refund_id = request_refund(bench, invoice_id)
    bench.refund(invoice_id, refund_id)
    bench.account.v1.refunds.create({"payment_intent": payments[1], "amount": 450})
    refunds = run(bench, invoice_id, refund_id)
    assert [one.status for one in refunds] == ["succeeded", "failed", "succeeded"]
    assert refunds[1].code is not None
    bench.deliver("refund.", "credit_note.")
    require_sums(bench, bench.invoice(invoice_id).view, 50)
    run(bench, invoice_id, request_refund(bench, invoice_id))
    assert back_at_stripe(bench, payments) == list(PARTS)


def test_what_no_payment_can_give_is_recorded_as_failed(bench: Bench) -> None:
    invoice_id, payments = paid_in_parts(bench)
    for payment in payments[1:]:
        bench.account.v1.refunds.create({"payment_intent": payment})
    refunds = run(bench, invoice_id, request_refund(bench, invoice_id))
    assert of_payments(refunds) == [
        (payments[0], 700, "succeeded", True),
        (None, 1300, "failed", True),
    ]
    assert refunds[1].code == "payment_missing"
    refunds = run(bench, invoice_id, request_refund(bench, invoice_id))
    assert [(one.amount_minor, one.status) for one in refunds] == [(1300, "failed")]
    bench.deliver("refund.")
    require_sums(bench, bench.invoice(invoice_id).view, 0)


def test_a_refund_stands_without_the_credit_note_that_stripe_refuses(bench: Bench) -> None:
    invoice_id, payments = paid_in_parts(bench)
    refund_id = request_refund(bench, invoice_id, amount_minor=300)
    path, tries = "/v1/credit_notes", 1 + NETWORK_RETRIES
    bench.account.admin.add_fault("refuse_before", path=path, method="POST", times=tries)
    with pytest.raises(GatewayUnavailable):
        bench.refund(invoice_id, refund_id)
    assert bench.invoice(invoice_id).view.refunds[0].note_due
    # Meanwhile somebody credits the whole invoice, so that nothing of it is left for our note.
    at_provider = bench.invoice(invoice_id).view.provider_object_id or ""
    given: Any = {"invoice": at_provider, "amount": 2000, "credit_amount": 2000}
    bench.account.v1.credit_notes.create(given)
    assert of_payments(run(bench, invoice_id, refund_id)) == [
        (payments[0], 300, "succeeded", False)
    ]
    assert back_at_stripe(bench, payments) == [300, 0, 0]
    refused = bench.invoice_events(invoice_id)[-1]
    assert isinstance(refused, m.CreditNoteRefused)
    assert changes_for(refused) == [CloseJob(f"refund:{refund_id}")]


def test_the_job_stays_open_until_its_credit_note_exists(bench: Bench) -> None:
    invoice_id, _ = paid_in_parts(bench)
    run(bench, invoice_id, request_refund(bench, invoice_id, amount_minor=900))
    changes: list[JobChange] = []
    for event in bench.invoice_events(invoice_id):
        changes += [
            change
            for change in changes_for(event)
            if isinstance(change, OpenJob | CloseJob) and change.key.startswith("refund:")
        ]
    kinds = [type(change) for change in changes]
    assert kinds == [OpenJob, OpenJob, CloseJob, CloseJob]


def test_a_part_of_an_open_invoice_is_refunded_without_a_credit_note(bench: Bench) -> None:
    invoice_id = bench.request(bench.add_tenant(None), {"amount_minor": 2000, "currency": "eur"})
    at_provider = bench.charge(invoice_id).view.provider_object_id or ""
    paid = bench.account.admin.pay_part(at_provider, 700)["payment_intent"]["id"]
    bench.deliver("invoice.")
    refunds = run(bench, invoice_id, request_refund(bench, invoice_id))
    assert of_payments(refunds) == [(None, 700, "succeeded", False)]
    assert back_at_stripe(bench, [paid]) == [700]
