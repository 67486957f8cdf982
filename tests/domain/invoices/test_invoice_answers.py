"""Test how provider answers change an invoice."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.core.effects import Effect
from domain.core.failures import Failure
from domain.gateway.objects import PaymentState
from domain.invoices import action_events as ae
from domain.invoices import events as e
from domain.invoices import payment_events as pe
from domain.invoices import status
from domain.invoices.invoice import Invoice
from domain.invoices.view import Payment
from tests.domain.event_examples import HOSTED_URL, ISSUED_LINE, REQUESTED_LINE, TOTAL
from tests.domain.given import Given, happened, moment
from tests.domain.invoices.provider_updates import (
    answered,
    apply_update,
    attempt,
    paid_answer,
    payment,
    snapshot,
)

REQUESTED = happened(e.InvoiceRequested)
CREATED = happened(e.ProviderInvoiceCreated)
ISSUED = happened(e.InvoiceIssued)
FAILED = happened(pe.PaymentFailed)
PAID = happened(pe.PaymentSucceeded)


def _created() -> Given[Invoice]:
    return Given(Invoice, REQUESTED, CREATED)


def _issued() -> Given[Invoice]:
    return Given(Invoice, REQUESTED, CREATED, ISSUED)


# Issuing.


def test_finalising_issues_the_invoice_with_its_number_amounts_and_dates() -> None:
    answer = snapshot(due_at=1767960000, period_start=1767225600, period_end=1769904000)
    (
        _created()
        .when(answered(answer, charging=True))
        .then(happened(e.InvoiceIssued, charging=True, number="A-0001", source="answer"))
        .answering(Effect.CHANGED)
        .showing(
            status=status.OPEN,
            number="A-0001",
            currency="eur",
            total_minor=TOTAL,
            tax_minor=319,
            due_at=datetime(2026, 1, 9, 12, tzinfo=UTC),
            period_start=datetime(2026, 1, 1, tzinfo=UTC),
            period_end=datetime(2026, 2, 1, tzinfo=UTC),
            lines=[ISSUED_LINE],
            next_action=None,
            body="b0d7",
        )
    )


def test_where_nothing_is_charged_the_customer_is_sent_to_the_hosted_page() -> None:
    (
        _created()
        .when(answered(snapshot(), charging=False))
        .then(happened(e.InvoiceIssued, charging=False))
        .showing(next_action={"type": "redirect", "url": HOSTED_URL}, in_progress=False)
    )


def test_an_invoice_without_a_hosted_page_has_no_next_action() -> None:
    (
        _created()
        .when(answered(snapshot(hosted_url=None), charging=False))
        .showing(status=status.OPEN, next_action=None)
    )


def test_lines_keep_what_the_caller_called_them() -> None:
    line = replace(snapshot().lines[0], description="Other words")
    (_created().when(answered(snapshot(lines=(line,)))).showing(lines=[ISSUED_LINE]))


def test_lines_that_are_not_ours_are_shown_as_the_provider_has_them() -> None:
    line = replace(snapshot().lines[0], id="il_9", description="Setup", reference=None)
    shown = {"id": "il_9", "name": "Setup", "amount_minor": None}
    (_created().when(answered(snapshot(lines=(line,)))).showing(lines=[ISSUED_LINE | shown]))


@pytest.mark.parametrize("partly", [{"more_lines": True}, {"lines": ()}])
def test_lines_stay_as_requested_where_the_answer_carries_only_some(partly: dict[str, Any]) -> None:
    (_created().when(answered(snapshot(**partly))).showing(lines=[REQUESTED_LINE]))


def test_a_draft_issues_nothing() -> None:
    (
        _created()
        .when(answered(snapshot("draft")))
        .then(happened(e.ProviderStateConfirmed))
        .showing(status=status.REQUESTED, in_progress=True)
    )


# Paying.


def test_a_paid_answer_settles_the_invoice() -> None:
    (
        _issued()
        .when(answered(paid_answer(as_of=105)))
        .then(
            happened(
                pe.PaymentSucceeded,
                amount_minor=TOTAL,
                method="pm_1",
                payment_id="pi_1",
                source="answer",
                as_of=105,
            )
        )
        .answering(Effect.CHANGED)
        .showing(
            status=status.PAID,
            amount_paid_minor=TOTAL,
            paid_at=datetime.fromtimestamp(100, UTC),
            in_progress=False,
            failure=None,
        )
    )


def test_credit_that_settles_at_finalisation_issues_and_pays_at_once() -> None:
    nothing_due = snapshot("paid", amount_paid_minor=0, total_minor=0, attempt_count=0)
    (
        _created()
        .when(answered(nothing_due, charging=True))
        .then(happened(e.InvoiceIssued), happened(pe.PaymentSucceeded, amount_minor=0))
        .showing(status=status.PAID, in_progress=False, next_action=None)
    )


def test_a_payment_without_a_time_is_dated_by_the_answer() -> None:
    (
        _issued()
        .when(answered(snapshot("paid", as_of=105, paid_at=None)))
        .then(happened(pe.PaymentSucceeded, paid_at=105))
    )


def test_a_refused_attempt_shows_why_and_stays_payable() -> None:
    failure = Failure(
        code="card_declined",
        decline_code="insufficient_funds",
        message="Your card has insufficient funds.",
    )
    (
        _issued()
        .when(answered(attempt("failed")))
        .then(happened(pe.PaymentFailed, code="card_declined", decline_code="insufficient_funds"))
        .showing(status=status.FAILED, failure=failure, amount_paid_minor=0, in_progress=False)
        .when(answered(paid_answer(as_of=110)))
        .then(PAID)
        .showing(status=status.PAID, failure=None)
    )


def test_a_refusal_without_a_reason_still_has_a_code_and_a_message() -> None:
    silent = payment("failed", code=None, decline_code=None, message=None)
    (
        _issued()
        .when(answered(snapshot(attempt_count=1, payment=silent)))
        .then(happened(pe.PaymentFailed, code="payment_failed", message="The payment was refused."))
    )


def test_a_required_authentication_directs_the_customer_to_the_hosted_page() -> None:
    (
        _issued()
        .when(answered(attempt("requires_action")))
        .then(happened(pe.PaymentActionRequired, action="redirect", url=HOSTED_URL))
        .showing(status=status.REQUIRES_ACTION, next_action={"type": "redirect", "url": HOSTED_URL})
        .when(answered(paid_answer(as_of=110)))
        .then(PAID)
        .showing(status=status.PAID, next_action=None)
    )


def test_a_slow_method_is_processing_until_the_provider_reports_an_outcome() -> None:
    (
        _issued()
        .when(answered(attempt("processing")))
        .then(happened(pe.PaymentProcessing))
        .showing(status=status.PROCESSING, in_progress=False)
        .when(answered(attempt("failed", as_of=110)))
        .then(FAILED)
        .showing(status=status.FAILED)
    )


@pytest.mark.parametrize("state", ["open", "succeeded", "canceled"])
def test_an_open_invoice_is_not_judged_by_a_payment_that_decides_nothing(
    state: PaymentState,
) -> None:
    (
        _issued()
        .when(answered(snapshot(as_of=105, payment=payment(state))))
        .then(happened(e.ProviderStateConfirmed))
        .showing(status=status.OPEN, in_progress=True)
    )


# Again and again.


def test_each_refused_attempt_is_a_fact_of_its_own() -> None:
    (
        Given(Invoice, REQUESTED, CREATED, ISSUED, FAILED, happened(ae.RetryRequested))
        .when(answered(attempt("failed", tries=2, as_of=200)))
        .then(happened(pe.PaymentFailed, as_of=200, progress=[1, 2, 0, 1]))
        .showing(status=status.FAILED, in_progress=False)
    )


def test_the_same_answer_twice_is_confirmed_in_silence() -> None:
    (
        _issued()
        .when(answered(attempt("failed")))
        .then(FAILED)
        .when(answered(attempt("failed")))
        .then()
        .answering(Effect.CONFIRMED)
    )


def test_a_newer_equal_answer_is_one_confirmation() -> None:
    (
        _issued()
        .when(answered(attempt("failed")))
        .then(FAILED)
        .when(answered(attempt("failed", as_of=150)))
        .then(happened(e.ProviderStateConfirmed, source="answer", as_of=150))
        .answering(Effect.CONFIRMED)
        .showing(status=status.FAILED, as_of=150)
        .when(answered(attempt("failed", as_of=150)))
        .then()
    )


def test_a_fetch_within_the_same_second_wins() -> None:
    (
        _issued()
        .when(answered(attempt("failed")))
        .when(answered(attempt("requires_action")))
        .then(happened(pe.PaymentActionRequired))
        .answering(Effect.CHANGED)
    )


def test_an_answer_that_took_long_does_not_undo_a_newer_one() -> None:
    (
        _issued()
        .when(answered(attempt("processing", as_of=150)))
        .when(answered(attempt("requires_action", as_of=120)))
        .then()
        .answering(Effect.STALE)
        .showing(status=status.PROCESSING)
    )


def test_a_payment_refused_first_and_paid_later_is_shown_as_paid_alone() -> None:
    given = Given(Invoice, REQUESTED, CREATED, ISSUED, FAILED)
    decided = given.when(answered(paid_answer(as_of=200)))
    assert decided.given.root.view.payments == [
        Payment(
            id="pi_1",
            status=status.PAID,
            updated_at=moment(60),
            amount_minor=TOTAL,
            method="pm_1",
        )
    ]


def test_a_paid_confirmation_after_the_fact_names_its_source() -> None:
    (
        Given(Invoice, REQUESTED, CREATED, ISSUED, PAID)
        .when(apply_update(paid_answer(as_of=300), source="reconciliation", actor="reconciliation"))
        .then(happened(e.ProviderStateConfirmed, source="reconciliation", actor="reconciliation"))
        .answering(Effect.CONFIRMED)
    )
