"""Test webhooks of an invoice: duplicate, stale, out of order, within one second."""

import pytest

from domain.core.effects import Effect
from domain.gateway.objects import ProviderInvoice
from domain.invoices import events as e
from domain.invoices import payment_events as pe
from domain.invoices import status
from domain.invoices.invoice import Invoice
from tests.domain.event_examples import TOTAL
from tests.domain.given import Given, Happened, happened
from tests.domain.invoices.histories import (
    ACTION,
    FAILED,
    ISSUED,
    PAID,
    PROCESSING,
    REQUESTED,
    given_created,
)
from tests.domain.invoices.provider_updates import (
    answered,
    attempt,
    delivered,
    paid_answer,
    snapshot,
)

# Doubles and confirmations.


def test_the_paid_webhook_after_a_paid_answer_confirms_it_by_its_type() -> None:
    (
        given_created(ISSUED, PAID)
        .when(delivered(snapshot("paid", as_of=101), event_type="invoice.paid"))
        .then(
            happened(
                e.ProviderStateConfirmed,
                source="webhook",
                actor="webhook:evt_1",
                provider_type="invoice.paid",
                as_of=101,
            )
        )
        .answering(Effect.CONFIRMED)
        .showing(status=status.PAID, amount_paid_minor=TOTAL)
    )


def test_a_webhook_that_comes_twice_changes_nothing_the_second_time() -> None:
    paid = snapshot("paid", as_of=101)
    (
        given_created(ISSUED, ACTION)
        .when(delivered(paid))
        .then(happened(pe.PaymentSucceeded, source="webhook"))
        .answering(Effect.CHANGED)
        .when(delivered(paid))
        .then()
        .answering(Effect.CONFIRMED)
    )


def test_a_paid_webhook_of_the_very_second_of_the_answer_is_silent() -> None:
    given_created(ISSUED, PAID).when(delivered(snapshot("paid"))).then().answering(Effect.CONFIRMED)


# Stale ones.


@pytest.mark.parametrize("late", [snapshot("draft"), snapshot(), snapshot(attempt_count=1)])
def test_what_the_invoice_has_left_behind_is_stale(late: ProviderInvoice) -> None:
    given_created(ISSUED, PAID).when(delivered(late)).then().answering(Effect.STALE)


def test_a_webhook_with_smaller_counters_is_stale_even_if_its_time_is_newer() -> None:
    (
        given_created(ISSUED, FAILED)
        .when(delivered(snapshot(attempt_count=0, as_of=500)))
        .then()
        .answering(Effect.STALE)
    )


def test_an_older_announcement_is_stale() -> None:
    late = snapshot(attempt_count=1, as_of=90, event_payment_state="requires_action")
    given_created(ISSUED, FAILED).when(delivered(late)).then().answering(Effect.STALE)


# Overtaking the answer of the running step.


@pytest.mark.parametrize("overtaking", [snapshot("draft"), snapshot(), attempt("failed")])
def test_while_a_step_runs_open_states_are_left_to_its_answer(overtaking: ProviderInvoice) -> None:
    for given in (Given(Invoice, REQUESTED), given_created(), given_created(ISSUED)):
        decided = given.when(delivered(overtaking))
        assert decided.answer in {Effect.DEFERRED, Effect.STALE, Effect.CONFIRMED}
        decided.then().showing(in_progress=True)


def test_a_paid_webhook_that_overtakes_the_answer_settles_and_the_answer_confirms() -> None:
    (
        given_created(ISSUED)
        .when(delivered(snapshot("paid", as_of=100), event_type="invoice.paid"))
        .then(happened(pe.PaymentSucceeded, source="webhook", method=None))
        .showing(status=status.PAID, in_progress=False)
        .when(answered(paid_answer(as_of=101)))
        .then(happened(e.ProviderStateConfirmed, source="answer"))
        .answering(Effect.CONFIRMED)
    )


def test_a_paid_webhook_that_overtakes_even_the_issue_brings_it_along() -> None:
    (
        Given(Invoice, REQUESTED)
        .when(delivered(snapshot("paid")))
        .then(happened(e.InvoiceIssued, source="webhook", charging=True), PAID)
        .answering(Effect.CHANGED)
        .showing(provider_object_id="in_1", status=status.PAID, number="A-0001")
    )


def test_a_finalising_answer_after_the_paid_webhook_changes_nothing() -> None:
    (
        given_created()
        .when(delivered(snapshot("paid", as_of=105)))
        .when(answered(snapshot(as_of=106), charging=True))
        .then()
        .answering(Effect.STALE)
        .showing(status=status.PAID, in_progress=False)
    )


# What only the provider can settle.


def test_an_open_state_with_larger_counters_is_fetched() -> None:
    (
        given_created(ISSUED, FAILED)
        .when(delivered(snapshot(attempt_count=2, as_of=200)))
        .then()
        .answering(Effect.FETCH)
    )


def test_an_attempt_by_the_customer_is_fetched_though_no_counter_has_grown() -> None:
    announced = snapshot(attempt_count=1, as_of=200, event_payment_state="failed")
    (
        given_created(ISSUED, ACTION)
        .when(delivered(announced, event_type="invoice.payment_failed"))
        .then()
        .answering(Effect.FETCH)
    )


def test_an_announcement_of_the_same_second_with_the_recorded_outcome_is_confirmed() -> None:
    announced = snapshot(attempt_count=1, event_payment_state="failed")
    given_created(ISSUED, FAILED).when(delivered(announced)).then().answering(Effect.CONFIRMED)


def test_an_announcement_of_the_same_second_with_another_outcome_is_fetched() -> None:
    announced = snapshot(attempt_count=1, event_payment_state="requires_action")
    given_created(ISSUED, FAILED).when(delivered(announced)).then().answering(Effect.FETCH)


def test_an_ambiguous_announcement_while_a_step_runs_is_fetched() -> None:
    announced = snapshot(as_of=101, event_payment_state="failed")
    issued = happened(e.InvoiceIssued, charging=True, progress=[1, 0, 0, 0])
    given_created(issued).when(delivered(announced)).then().answering(Effect.FETCH)


def test_a_webhook_that_announces_nothing_new_confirms_an_open_invoice() -> None:
    (
        given_created(ISSUED, FAILED)
        .when(delivered(snapshot(attempt_count=1, as_of=130)))
        .then(happened(e.ProviderStateConfirmed, as_of=130))
        .answering(Effect.CONFIRMED)
        .showing(status=status.FAILED)
    )


def test_a_newer_event_that_is_silent_of_the_payment_does_not_make_an_announcement_old() -> None:
    refused = snapshot(attempt_count=1, as_of=104, event_payment_state="failed")
    (
        given_created(ISSUED, ACTION)
        .when(delivered(snapshot(attempt_count=1, as_of=105)))
        .answering(Effect.CONFIRMED)
        .when(delivered(refused, event_type="invoice.payment_failed"))
        .then()
        .answering(Effect.FETCH)
        .when(answered(attempt("failed", as_of=104)))
        .then(happened(pe.PaymentFailed))
        .showing(status=status.FAILED)
    )


def test_the_required_fetch_decides() -> None:
    announced = snapshot(attempt_count=1, as_of=200, event_payment_state="failed")
    (
        given_created(ISSUED, ACTION)
        .when(delivered(announced))
        .answering(Effect.FETCH)
        .when(answered(attempt("failed", as_of=200)))
        .then(happened(pe.PaymentFailed, as_of=200))
        .showing(status=status.FAILED, next_action=None)
    )


# Failed, then paid.


@pytest.mark.parametrize("before", [FAILED, ACTION, PROCESSING])
def test_a_paid_webhook_ends_every_attempt_well(before: Happened) -> None:
    (
        given_created(ISSUED, before)
        .when(delivered(snapshot("paid", as_of=200)))
        .then(happened(pe.PaymentSucceeded, amount_minor=TOTAL, source="webhook"))
        .showing(status=status.PAID, amount_paid_minor=TOTAL, failure=None, next_action=None)
    )


def test_a_refusal_that_arrives_after_the_money_is_history() -> None:
    refused = snapshot(attempt_count=1, as_of=99, event_payment_state="failed")
    (
        given_created(ISSUED, PAID)
        .when(delivered(refused, event_type="invoice.payment_failed"))
        .then()
        .answering(Effect.STALE)
        .showing(status=status.PAID)
    )
