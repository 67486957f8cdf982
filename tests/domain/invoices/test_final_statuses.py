"""Test final statuses of an invoice, and that they are permanent."""

import pytest

from domain.core.effects import Effect
from domain.gateway.objects import InvoiceState, ProviderInvoice
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
    REQUESTED,
    UNCOLLECTIBLE,
    given_created,
)
from tests.domain.invoices.provider_updates import (
    answered,
    attempt,
    delivered,
    paid_answer,
    snapshot,
)

# Void and written off.


@pytest.mark.parametrize("before", [ISSUED, FAILED, ACTION, UNCOLLECTIBLE])
def test_voiding_ends_what_is_unpaid(before: Happened) -> None:
    history = (ISSUED,) if before is ISSUED else (ISSUED, before)
    (
        given_created(*history)
        .when(delivered(snapshot("void", attempt_count=1, as_of=200)))
        .then(happened(e.InvoiceVoided, source="webhook"))
        .answering(Effect.CHANGED)
        .showing(status=status.VOID, next_action=None, in_progress=False)
    )


def test_a_void_that_overtakes_everything_brings_the_issue_along() -> None:
    (
        Given(Invoice, REQUESTED)
        .when(delivered(snapshot("void")))
        .then(happened(e.InvoiceIssued), happened(e.InvoiceVoided))
        .showing(status=status.VOID, in_progress=False)
    )


@pytest.mark.parametrize("before", [ISSUED, FAILED, ACTION])
def test_writing_off_ends_our_trying(before: Happened) -> None:
    history = (ISSUED,) if before is ISSUED else (ISSUED, before)
    (
        given_created(*history)
        .when(delivered(snapshot("uncollectible", attempt_count=1, as_of=200)))
        .then(happened(e.MarkedUncollectible))
        .showing(status=status.UNCOLLECTIBLE, in_progress=False)
    )


def test_what_was_written_off_can_still_be_paid() -> None:
    (
        given_created(ISSUED, FAILED, UNCOLLECTIBLE)
        .when(delivered(snapshot("paid", as_of=300)))
        .then(PAID)
        .showing(status=status.PAID, amount_paid_minor=TOTAL)
    )


def test_what_was_written_off_does_not_open_again() -> None:
    (
        given_created(ISSUED, FAILED, UNCOLLECTIBLE)
        .when(delivered(snapshot(attempt_count=1, as_of=300)))
        .then()
        .answering(Effect.STALE)
    )


def test_a_state_that_was_not_applied_is_not_confirmed() -> None:
    (
        given_created(ISSUED, PAID)
        .when(answered(snapshot("void", attempt_count=1, amount_paid_minor=TOTAL, as_of=900)))
        .then()
        .answering(Effect.STALE)
        .showing(status=status.PAID)
    )


def test_what_the_provider_ended_while_a_payment_was_under_way_is_ended() -> None:
    (
        given_created(ISSUED, happened(pe.PaymentProcessing))
        .when(answered(snapshot("void", attempt_count=1, as_of=900)))
        .then(happened(e.InvoiceVoided))
        .answering(Effect.CHANGED)
    )


def test_money_that_comes_after_the_end_is_reported_once() -> None:
    snapshot_ = snapshot("paid", attempt_count=1, amount_paid_minor=TOTAL, as_of=900)
    (
        given_created(ISSUED, happened(e.InvoiceVoided))
        .when(delivered(snapshot_))
        .then(happened(pe.UnexpectedPayment, amount_minor=TOTAL))
        .answering(Effect.UNEXPECTED)
        .showing(status=status.VOID, amount_overpaid_minor=TOTAL)
        .when(delivered(snapshot_))
        .then()
    )


@pytest.mark.parametrize(("state", "fact"), [("void", e.InvoiceVoided), ("uncollectible", None)])
def test_endings_twice_are_confirmed(
    state: InvoiceState, fact: type[e.InvoiceEvent] | None
) -> None:
    ending = UNCOLLECTIBLE if fact is None else happened(fact)
    snapshot_: ProviderInvoice = snapshot(state, attempt_count=1, as_of=300)
    decided = given_created(ISSUED, ending).when(delivered(snapshot_))
    decided.answering(Effect.CONFIRMED).then(happened(e.ProviderStateConfirmed))


# Deleted drafts.


def test_a_deleted_draft_cancels_an_invoice_without_steps_in_progress() -> None:
    (
        Given(Invoice, happened(e.InvoiceImported))
        .when(delivered(snapshot("deleted"), event_type="invoice.deleted"))
        .then(happened(pe.PaymentCanceled))
        .showing(status=status.CANCELED, in_progress=False)
    )


def test_while_a_step_runs_a_deleted_draft_is_left_to_the_step() -> None:
    given_created().when(delivered(snapshot("deleted"))).then().answering(Effect.DEFERRED)


def test_an_answer_that_the_draft_is_deleted_cancels() -> None:
    (
        given_created()
        .when(answered(snapshot("deleted")))
        .then(happened(pe.PaymentCanceled))
        .showing(status=status.CANCELED)
    )


def test_the_deletion_of_a_rejected_draft_is_no_news() -> None:
    (
        given_created(happened(e.InvoiceRejected))
        .when(delivered(snapshot("deleted")))
        .then()
        .answering(Effect.STALE)
        .showing(status=status.REJECTED)
    )


# Paid stays paid.


@pytest.mark.parametrize(
    "snapshot_",
    [
        pytest.param(snapshot("draft", as_of=900), id="draft"),
        pytest.param(snapshot(as_of=900), id="open"),
        pytest.param(attempt("failed", as_of=900), id="failed"),
        pytest.param(attempt("failed", tries=9, as_of=900), id="failed after many tries"),
        pytest.param(attempt("requires_action", as_of=900), id="requires action"),
        pytest.param(attempt("processing", as_of=900), id="processing"),
        pytest.param(snapshot("void", as_of=900), id="void"),
        pytest.param(snapshot("void", amount_paid_minor=TOTAL, as_of=900), id="void with money"),
        pytest.param(snapshot("uncollectible", as_of=900), id="uncollectible"),
        pytest.param(snapshot("deleted", as_of=900), id="deleted"),
    ],
)
def test_nothing_un_pays_a_paid_invoice(snapshot_: ProviderInvoice) -> None:
    for source_of in (answered, delivered):
        decided = given_created(ISSUED, PAID).when(source_of(snapshot_))
        decided.showing(status=status.PAID, amount_paid_minor=TOTAL, in_progress=False)
        assert all(isinstance(fact, e.ProviderStateConfirmed) for fact in decided.new)
        assert decided.answer is not Effect.CHANGED


# Another object of the same invoice.


def test_money_for_another_object_is_reported_and_not_counted_as_paid() -> None:
    (
        given_created(ISSUED, PAID)
        .when(delivered(snapshot("paid", id="in_2")))
        .then(
            happened(
                pe.UnexpectedPayment,
                provider_object_id="in_2",
                amount_minor=TOTAL,
                source="webhook",
            )
        )
        .answering(Effect.UNEXPECTED)
        .showing(
            status=status.PAID,
            provider_object_id="in_1",
            amount_paid_minor=TOTAL,
            amount_overpaid_minor=TOTAL,
        )
    )


def test_repeated_updates_of_another_object_count_its_amount_once() -> None:
    other = snapshot("paid", id="in_2")
    (
        given_created(ISSUED, PAID)
        .when(delivered(other, event_type="invoice.paid"))
        .when(delivered(other, event_type="invoice.updated"))
        .then()
        .answering(Effect.UNEXPECTED)
        .showing(amount_overpaid_minor=TOTAL)
    )


def test_each_other_object_that_was_paid_counts() -> None:
    (
        given_created(ISSUED, PAID)
        .when(delivered(snapshot("paid", id="in_2", amount_paid_minor=300)))
        .when(delivered(snapshot("paid", id="in_3", amount_paid_minor=500)))
        .then(happened(pe.UnexpectedPayment, provider_object_id="in_3"))
        .showing(amount_overpaid_minor=800)
    )


@pytest.mark.parametrize(
    "snapshot_",
    [
        snapshot("draft", id="in_2"),
        snapshot(id="in_2"),
        snapshot("void", id="in_2"),
        snapshot("paid", id="in_2", amount_paid_minor=0),
    ],
)
def test_another_object_without_money_is_no_matter(snapshot_: ProviderInvoice) -> None:
    given_created(ISSUED).when(answered(snapshot_)).then().answering(Effect.STALE)


def test_an_imported_invoice_has_the_state_of_the_first_snapshot() -> None:
    (
        Given(Invoice, happened(e.InvoiceImported))
        .when(answered(paid_answer()))
        .then(happened(e.InvoiceIssued), PAID)
        .showing(status=status.PAID, origin="renewal", subscription_id="sub_1")
    )
