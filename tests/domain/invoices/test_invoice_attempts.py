"""Attempts after the first, and steps that nobody runs any more."""

from dataclasses import replace

from domain.core.effects import Effect
from domain.invoices import events as e
from domain.invoices import payment_events as pe
from domain.invoices import status
from domain.invoices.invoice import Invoice
from domain.invoices.outcome import first_outcome
from tests.domain.given import Given, happened
from tests.domain.invoices.histories import (
    ISSUED,
    REQUESTED,
    given_created,
)
from tests.domain.invoices.provider_updates import (
    answered,
    attempt,
    delivered,
    payment,
    snapshot,
)


def test_a_second_refusal_for_another_reason_is_recorded() -> None:
    first = attempt("failed", as_of=100)
    other = payment("failed", code="expired_card", decline_code=None)
    (
        given_created(ISSUED)
        .when(answered(first))
        .then(happened(pe.PaymentFailed))
        .when(answered(replace(first, payment=other, as_of=130)))
        .then(happened(pe.PaymentFailed, code="expired_card", decline_code=None))
        .answering(Effect.CHANGED)
        .when(answered(replace(first, payment=other, as_of=130)))
        .then()
        .answering(Effect.CONFIRMED)
    )


def test_a_step_that_gave_up_leaves_nothing_to_itself() -> None:
    (
        given_created(ISSUED, happened(e.StepGaveUp))
        .when(delivered(attempt("failed"), event_type="invoice.payment_failed"))
        .then()
        .answering(Effect.FETCH)
    )


def test_a_payment_that_a_webhook_settles_without_naming_it_stays_one_payment() -> None:
    paid = (
        given_created(ISSUED)
        .when(answered(attempt("failed")))
        .when(delivered(snapshot("paid", as_of=900)))
        .showing(status=status.PAID)
    )
    payments = paid.given.root.view.payments
    assert [(entry.id, entry.status) for entry in payments] == [("pi_1", status.PAID)]


def test_an_attempt_that_was_found_supersedes_the_issued_outcome() -> None:
    decided = (
        Given(Invoice, REQUESTED)
        .when(answered(attempt("failed")))
        .then(happened(e.InvoiceIssued, charging=True), happened(pe.PaymentFailed))
    )
    outcome = first_outcome(
        event for event in decided.given.recorded if isinstance(event, e.InvoiceEvent)
    )
    assert outcome is not None
    assert outcome.status == status.FAILED
