"""Test actions on existing invoices against the sandbox."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from domain.core.errors import NotPossible
from domain.invoices.commands import (
    InvoiceCommand,
    RequestFinalize,
    RequestRefund,
    RequestRetry,
    RequestUncollectible,
    RequestVoid,
)
from domain.invoices.outcome import outcome_of
from tests.support.stripe_account import CARDS
from tests.workers.stripe_harness import Bench


def charged_invoice(bench: Bench, card: str | None = "succeeds") -> UUID:
    invoice_id = bench.request(bench.add_tenant(card))
    bench.charge(invoice_id)
    return invoice_id


def other_card(bench: Bench, invoice_id: UUID, card: str) -> str:
    customer = bench.invoice(invoice_id).view.customer
    assert customer is not None
    return bench.account.v1.payment_methods.attach(CARDS[card], {"customer": customer}).id


def test_a_retry_with_another_method_pays_a_declined_invoice(bench: Bench) -> None:
    invoice_id = charged_invoice(bench, "declined")
    method = other_card(bench, invoice_id, "succeeds")

    bench.request_action(invoice_id, RequestRetry, payment_method=method)
    view = bench.charge(invoice_id).view

    assert (view.status, view.attempt, view.pending_request) == ("paid", 2, None)
    assert bench.account.charged() == [1999]


def test_a_retry_that_is_declined_alike_is_an_outcome_of_its_own(bench: Bench) -> None:
    invoice_id = charged_invoice(bench, "declined")
    before = bench.topics(invoice_id).count("invoice.payment_failed")

    request_id = bench.request_action(invoice_id, RequestRetry)
    view = bench.charge(invoice_id).view

    assert (view.status, view.in_progress) == ("failed", False)
    assert bench.topics(invoice_id).count("invoice.payment_failed") == before + 1
    outcome = outcome_of(bench.invoice_events(invoice_id), request_id)
    assert outcome is not None
    assert outcome.status == "failed"


def test_a_retry_with_an_unknown_method_is_refused_and_changes_nothing(bench: Bench) -> None:
    invoice_id = charged_invoice(bench, "declined")

    bench.request_action(invoice_id, RequestRetry, payment_method="pm_unknown")
    view = bench.charge(invoice_id).view

    assert (view.status, view.in_progress, view.pending_request) == ("failed", False, None)
    refused = bench.invoice_events(invoice_id)[-1]
    assert (refused.TOPIC, vars(refused)["path"]) == ("invoice.request_refused", "paymentMethod")


def test_a_retry_of_an_invoice_paid_on_the_page_charges_nothing_more(bench: Bench) -> None:
    invoice_id = charged_invoice(bench, "declined")
    at_provider = bench.invoice(invoice_id).view.provider_object_id or ""
    bench.account.admin.pay_on_page(at_provider)

    bench.request_action(invoice_id, RequestRetry)
    view = bench.charge(invoice_id).view

    assert (view.status, bench.account.charged()) == ("paid", [1999])


@pytest.mark.parametrize("card", ["declined", "needs_authentication", None])
def test_an_unpaid_invoice_can_be_voided(bench: Bench, card: str | None) -> None:
    invoice_id = charged_invoice(bench, card)
    bench.request_action(invoice_id, RequestVoid)
    view = bench.charge(invoice_id).view
    assert (view.status, view.next_action, view.in_progress) == ("void", None, False)


def test_voiding_a_draft_deletes_it(bench: Bench) -> None:
    customer = bench.account.add_customer()
    line = {"name": "Item", "amount_minor": 500}
    invoice_id = bench.request_draft("draft", customer, line)
    bench.charge(invoice_id)
    bench.request_action(invoice_id, RequestVoid)
    assert bench.charge(invoice_id).view.status == "canceled"
    assert bench.account.v1.invoices.list().data == []


def test_a_void_that_was_overtaken_by_a_payment_records_the_payment(bench: Bench) -> None:
    invoice_id = charged_invoice(bench, "declined")
    bench.request_action(invoice_id, RequestVoid)
    bench.account.admin.pay_on_page(bench.invoice(invoice_id).view.provider_object_id or "")
    assert bench.charge(invoice_id).view.status == "paid"


def test_a_draft_is_finalised_and_left_open(bench: Bench) -> None:
    customer = bench.account.add_customer()
    invoice_id = bench.request_draft("include_pending_items", customer)
    bench.charge(invoice_id)
    bench.request_action(invoice_id, RequestFinalize)
    view = bench.charge(invoice_id).view
    # Nothing was pending, so that nothing is owed.
    assert (view.status, view.total_minor, view.in_progress) == ("paid", 0, False)


def test_a_written_off_invoice_can_still_be_paid(bench: Bench) -> None:
    invoice_id = charged_invoice(bench, "declined")
    bench.request_action(invoice_id, RequestUncollectible)
    assert bench.charge(invoice_id).view.status == "uncollectible"

    method = other_card(bench, invoice_id, "succeeds")
    bench.request_action(invoice_id, RequestRetry, payment_method=method)
    assert bench.charge(invoice_id).view.status == "paid"


def test_a_retry_of_a_written_off_invoice_may_be_declined(bench: Bench) -> None:
    invoice_id = charged_invoice(bench, "declined")
    bench.request_action(invoice_id, RequestUncollectible)
    bench.charge(invoice_id)

    bench.request_action(invoice_id, RequestRetry)
    view = bench.charge(invoice_id).view

    assert (view.status, view.in_progress) == ("uncollectible", False)
    refused = bench.invoice_events(invoice_id)[-1]
    assert (refused.TOPIC, vars(refused)["code"]) == ("invoice.request_refused", "payment_declined")


def test_a_debit_of_a_written_off_invoice_ends_the_request_while_it_is_processing(
    bench: Bench,
) -> None:
    invoice_id = charged_invoice(bench, "declined")
    bench.request_action(invoice_id, RequestUncollectible)
    bench.charge(invoice_id)
    debit: Any = {"type": "sepa_debit", "sepa_debit": {"iban": "DE89370400440532013000"}}
    debit["billing_details"] = {"name": "Ada", "email": "ada@example.com"}
    method = bench.account.v1.payment_methods.create(debit).id
    customer = bench.invoice(invoice_id).view.customer
    bench.account.v1.payment_methods.attach(method, {"customer": customer or ""})

    for _ in range(2):  # asked again while the first one is under way, nothing is charged twice
        bench.request_action(invoice_id, RequestRetry, payment_method=method)
        view = bench.charge(invoice_id).view
        assert (view.status, view.in_progress) == ("uncollectible", False)
        refused = vars(bench.invoice_events(invoice_id)[-1])
        assert refused["code"] == "payment_unfinished"


def test_a_payment_that_no_webhook_named_can_be_refunded_without_a_credit_note(
    bench: Bench,
) -> None:
    invoice_id = charged_invoice(bench, None)
    bench.account.admin.pay_on_page(bench.invoice(invoice_id).view.provider_object_id or "")
    bench.apply(*[bench.receive(event) for event in bench.events("invoice.paid")])
    assert bench.invoice(invoice_id).view.payments[0].id is None

    refund_id = bench.request_action(invoice_id, RequestRefund, amount_minor=700, credit_note=False)
    bench.refund(invoice_id, refund_id)

    assert bench.invoice(invoice_id).view.amount_refunded_minor == 700


def test_a_payment_outside_of_the_provider_cannot_be_refunded_through_it(bench: Bench) -> None:
    invoice_id = charged_invoice(bench, None)
    bench.account.admin.pay_out_of_band(bench.invoice(invoice_id).view.provider_object_id or "")
    bench.apply(*[bench.receive(event) for event in bench.events("invoice.paid")])

    refund_id = bench.request_action(invoice_id, RequestRefund, credit_note=False)
    bench.refund(invoice_id, refund_id)

    (refund,) = bench.invoice(invoice_id).view.refunds
    assert (refund.status, refund.code) == ("failed", "payment_missing")


@pytest.mark.parametrize("credit_note", [True, False], ids=["credit note", "plain"])
def test_partial_refunds_up_to_the_paid_amount(bench: Bench, credit_note: bool) -> None:  # noqa: FBT001 - a case
    invoice_id = charged_invoice(bench)
    for amount in (500, 700, None):
        refund_id = bench.request_action(
            invoice_id, RequestRefund, amount_minor=amount, credit_note=credit_note
        )
        bench.refund(invoice_id, refund_id)
    view = bench.invoice(invoice_id).view
    assert (view.status, view.amount_refunded_minor) == ("paid", 1999)
    assert [refund.status for refund in view.refunds] == ["succeeded"] * 3
    with pytest.raises(NotPossible, match="gone back"):
        bench.request_action(invoice_id, RequestRefund, amount_minor=1)


def test_two_concurrent_refunds_cannot_exceed_the_paid_amount(bench: Bench) -> None:
    invoice_id = charged_invoice(bench)
    bench.request_action(invoice_id, RequestRefund, amount_minor=1500)
    with pytest.raises(NotPossible, match="only 499"):
        bench.request_action(invoice_id, RequestRefund, amount_minor=500)


def test_dashboard_refunds_and_ours_are_distinguished_and_counted_once(bench: Bench) -> None:
    invoice_id = charged_invoice(bench)
    refund_id = bench.request_action(invoice_id, RequestRefund, amount_minor=500)
    at_provider = bench.invoice(invoice_id).view.provider_object_id or ""
    bench.account.admin.refund(at_provider, amount=300)
    bench.refund(invoice_id, refund_id)

    received = [
        bench.receive(event) for event in bench.events("refund.", "charge.", "credit_note.")
    ]
    bench.apply(*reversed(received))
    for entry in received:
        bench.fetch(entry)

    view = bench.invoice(invoice_id).view
    assert view.amount_refunded_minor == 800
    assert sorted(refund.amount_minor for refund in view.refunds) == [300, 500]
    assert str(refund_id) in [refund.id for refund in view.refunds]


@pytest.mark.parametrize(("end", "disputed"), [("won", 0), ("lost", 1999), ("open", 1999)])
def test_disputes_are_shown_as_the_bank_decides(bench: Bench, end: str, disputed: int) -> None:
    invoice_id = charged_invoice(bench)
    at_provider = bench.invoice(invoice_id).view.provider_object_id or ""
    dispute = bench.account.admin.dispute(at_provider)["id"]
    if end != "open":
        bench.account.admin.decide_dispute(dispute, {"won": "win", "lost": "lose"}[end])

    received = [bench.receive(event) for event in bench.events("charge.dispute.")]
    bench.apply(*reversed(received))
    for entry in received:
        bench.fetch(entry)

    view = bench.invoice(invoice_id).view
    assert (view.status, view.dispute_status, view.amount_disputed_minor) == ("paid", end, disputed)


def test_a_pending_request_rejects_another_request(bench: Bench) -> None:
    invoice_id = charged_invoice(bench, "declined")
    bench.request_action(invoice_id, RequestVoid)
    with pytest.raises(NotPossible, match="something else"):
        bench.request_action(invoice_id, RequestRetry)


@pytest.mark.parametrize(
    "kind",
    [RequestVoid, RequestRetry, RequestFinalize],
    ids=lambda kind: kind.__name__,
)
def test_a_paid_invoice_rejects_impossible_actions(
    bench: Bench, kind: type[InvoiceCommand]
) -> None:
    invoice_id = charged_invoice(bench)
    with pytest.raises(NotPossible, match="it is paid"):
        bench.request_action(invoice_id, kind)


def test_credit_notes_are_read_after_the_refunds_that_they_make_ours(bench: Bench) -> None:
    # The other way round, a refund made in between would be taken for somebody else's.
    at_provider = bench.invoice(charged_invoice(bench)).view.provider_object_id or ""
    bench.account.admin.forget_requests()

    bench.gateway.fetch_refunds_and_disputes(at_provider)

    request_id = [request["path"] for request in bench.account.admin.requests()]
    assert request_id.index("/v1/refunds") < request_id.index("/v1/credit_notes")
