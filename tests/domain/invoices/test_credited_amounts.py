"""Credit notes and amounts due: what is left to give back, and which snapshot is the newer."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from domain.core.effects import Effect
from domain.gateway.objects import CreditNoteState, ProviderCreditNote, RefundsAndDisputes
from domain.invoices import events as e
from domain.invoices import payment_events as pe
from domain.invoices import refund_events as m
from domain.invoices.commands import RequestRefund
from domain.invoices.invoice import Invoice
from domain.invoices.refunds import creditable_minor, refundable_minor
from tests.domain.event_examples import TOTAL
from tests.domain.given import Decided, Given, happened
from tests.domain.invoices.provider_updates import NOW, answered, delivered, snapshot
from tests.domain.subscription_examples import INVOICE_ID


def issued() -> Given[Invoice]:
    return Given(Invoice, happened(e.InvoiceRequested), happened(e.InvoiceIssued))


def noted(given: Given[Invoice], *notes: ProviderCreditNote) -> Decided[Invoice, Effect]:
    back = RefundsAndDisputes(credit_notes=notes)
    return given.when(
        lambda invoice: invoice.record_refunds_and_disputes(
            back, source="webhook", actor="webhook:1", occurred_at=NOW
        )
    )


def note(number: int, state: CreditNoteState, amount: int) -> ProviderCreditNote:
    return ProviderCreditNote(
        id=f"cn_{number}",
        state=state,
        number=None,
        amount_minor=amount,
        credited_minor=amount,
    )


def test_only_issued_credit_notes_lower_what_is_left() -> None:
    given = Given(
        Invoice,
        happened(e.InvoiceRequested),
        happened(e.InvoiceIssued),
        happened(pe.PaymentSucceeded, amount_minor=TOTAL),
    )
    noted(given, note(1, "issued", 300), note(2, "void", 50))
    view = given.root.view
    assert (refundable_minor(view), creditable_minor(view)) == (TOTAL - 300, TOTAL - 300)


def test_the_last_minor_unit_can_be_refunded() -> None:
    given = Given(
        Invoice,
        happened(e.InvoiceRequested),
        happened(e.InvoiceIssued),
        happened(pe.PaymentSucceeded, amount_minor=TOTAL),
    )
    noted(given, note(1, "issued", TOTAL - 1))
    command = RequestRefund(
        invoice_id=INVOICE_ID,
        request_id=uuid4(),
        request_hash="4a5h",
        actor="key:1",
        amount_minor=None,
    )
    decided = given.when(lambda invoice: invoice.request_action(command, occurred_at=NOW))
    decided.then(happened(m.RefundRequested, amount_minor=1))


def test_each_partial_payment_counts_with_what_it_added() -> None:
    facts = [
        happened(
            pe.AmountDueChanged,
            amount_due_minor=TOTAL - paid_minor,
            amount_paid_minor=paid_minor,
            progress=[1, 0, paid_minor, 0],
            as_of=as_of,
            paid_at=as_of,
        )
        for paid_minor, as_of in ((500, 200), (800, 300), (800, 400))
    ]
    view = Given(Invoice, happened(e.InvoiceRequested), happened(e.InvoiceIssued), *facts).root.view
    assert [part.amount_minor for part in view.paid_parts] == [500, 300]
    assert (view.amount_paid_minor, view.amount_due_minor) == (800, TOTAL - 800)


def test_a_partial_payment_is_not_taken_back_by_an_older_snapshot() -> None:
    due_minor = TOTAL - 500
    part_paid = happened(
        pe.AmountDueChanged,
        amount_due_minor=due_minor,
        amount_paid_minor=500,
        progress=[1, 0, 500, 0],
        as_of=200,
    )
    given = Given(Invoice, happened(e.InvoiceRequested), happened(e.InvoiceIssued), part_paid)
    given.when(answered(snapshot(as_of=300))).showing(
        amount_paid_minor=500, amount_due_minor=due_minor
    )


@pytest.mark.parametrize(("revision", "kinds"), [("in_2", ["InvoiceRevised"]), ("in_1", [])])
def test_an_invoice_is_revised_by_another_one_alone(revision: str, kinds: list[str]) -> None:
    given = issued()
    decided = given.when(delivered(snapshot("void", latest_revision=revision, as_of=200)))
    links = [type(event).__name__ for event in decided.new if isinstance(event, e.InvoiceRevised)]
    assert links == kinds
    revised_by = given.root.view.revised_by
    assert isinstance(revised_by, UUID) is bool(kinds)
