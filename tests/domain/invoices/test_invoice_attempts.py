"""Attempts after the first, and steps that nobody runs any more."""

from dataclasses import replace

from domain.core.effects import Effect
from domain.invoices import action_events as ae
from domain.invoices import events as e
from domain.invoices import payment_events as pe
from domain.invoices import status
from domain.invoices.invoice import Invoice
from domain.invoices.outcome import first_outcome
from tests.domain.given import Given, happened
from tests.domain.invoices.histories import (
    CREATED,
    FAILED,
    ISSUED,
    REQUESTED,
    given_created,
)
from tests.domain.invoices.provider_updates import (
    NOW,
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


def test_each_refusal_of_our_own_attempts_is_recorded_though_it_looks_like_the_last_one() -> None:
    refused = attempt("failed")

    def attempted(known: Invoice) -> Effect:
        return known.record_provider_state(
            refused, source="answer", actor="worker", occurred_at=NOW, attempted=True
        )

    failed = given_created(ISSUED).when(answered(refused)).then(happened(pe.PaymentFailed))
    failed.when(attempted).then().answering(Effect.CONFIRMED)
    retried = Given(Invoice, REQUESTED, CREATED, ISSUED, FAILED, happened(ae.RetryRequested))
    retried.when(attempted).then(happened(pe.PaymentFailed)).answering(Effect.CHANGED)


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
