"""Drafts that stand complete, and invoices whose caller is shown the payment itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.core.effects import Effect
from domain.gateway.objects import InvoiceState
from domain.invoices import events as e
from domain.invoices import payment_events as pe
from domain.invoices import status
from domain.invoices.invoice import Invoice
from tests.domain.event_examples import TOTAL
from tests.domain.given import Given, Happened, happened, moment
from tests.domain.invoices.provider_updates import answered, delivered, paid_answer, snapshot

CREATED = happened(e.ProviderInvoiceCreated)
DRAFTED = happened(e.InvoiceDrafted)
ON_THE_SPOT = happened(e.InvoiceRequested, charge_immediately=True)


def _draft(*facts: Happened) -> Given[Invoice]:
    return Given(Invoice, happened(e.InvoiceRequested, flow="draft"), CREATED, *facts)


def test_a_complete_draft_is_an_outcome() -> None:
    draft = snapshot("draft", as_of=101)
    (
        _draft()
        .when(lambda invoice: invoice.record_drafted(draft, occurred_at=moment(5), body="b0d7"))
        .then(happened(e.InvoiceDrafted, provider_object_id="in_1", total_minor=TOTAL, as_of=101))
        .showing(status=status.DRAFT, total_minor=TOTAL, in_progress=False)
        .when(lambda invoice: invoice.record_drafted(draft, occurred_at=moment(6), body="b0d7"))
        .then()
    )


def test_a_draft_that_was_changed_at_the_provider_is_fetched_and_shown_as_it_is() -> None:
    changed = replace(snapshot("draft", as_of=200), total_minor=2234)
    _draft(DRAFTED).when(delivered(changed)).then().answering(Effect.FETCH)
    (
        _draft(DRAFTED)
        .when(answered(changed))
        .then(happened(e.InvoiceDrafted, total_minor=2234, as_of=200))
        .answering(Effect.CHANGED)
        .showing(status=status.DRAFT, total_minor=2234, in_progress=False)
    )


def test_an_older_snapshot_of_a_draft_changes_nothing() -> None:
    older = replace(snapshot("draft", as_of=1), total_minor=2234)
    _draft(DRAFTED).when(delivered(older)).then().answering(Effect.STALE)


def test_a_draft_that_the_provider_made_by_itself_shows_what_it_amounts_to() -> None:
    (
        Given(Invoice, happened(e.InvoiceImported))
        .when(answered(snapshot("draft", as_of=200)))
        .then(happened(e.InvoiceDrafted, total_minor=TOTAL))
        .showing(status=status.DRAFT, total_minor=TOTAL)
    )


@pytest.mark.parametrize(
    ("state", "fact", "then"),
    [
        ("paid", pe.PaymentSucceeded, status.PAID),
        ("deleted", pe.PaymentCanceled, status.CANCELED),
    ],
)
def test_what_the_provider_makes_of_the_draft_comes_by_webhook(
    state: InvoiceState, fact: type[e.InvoiceEvent], then: str
) -> None:
    decided = _draft(DRAFTED).when(delivered(snapshot(state, as_of=200)))

    assert type(decided.new[-1]) is fact
    decided.answering(Effect.CHANGED).showing(status=then)


def test_a_finalised_draft_is_fetched_to_learn_whether_it_was_tried() -> None:
    _draft(DRAFTED).when(delivered(snapshot("open", as_of=200))).then().answering(Effect.FETCH)


def test_the_payment_that_a_caller_is_shown_comes_by_the_answer_and_not_by_a_webhook() -> None:
    (
        Given(Invoice, ON_THE_SPOT, CREATED)
        .when(delivered(snapshot("paid", as_of=101)))
        .then()
        .answering(Effect.DEFERRED)
        .when(answered(paid_answer(), charging=True))
        .showing(status=status.PAID)
    )


def test_a_webhook_after_the_job_gave_up_causes_a_fetch() -> None:
    (
        Given(Invoice, ON_THE_SPOT, CREATED, happened(e.StepGaveUp))
        .when(delivered(snapshot("paid", as_of=101)))
        .then()
        .answering(Effect.FETCH)
    )


def test_webhooks_after_the_outcome_are_applied_without_a_fetch() -> None:
    (
        Given(Invoice, ON_THE_SPOT, CREATED, happened(pe.PaymentActionRequired))
        .when(delivered(snapshot("paid", as_of=101)))
        .answering(Effect.CHANGED)
        .showing(status=status.PAID)
    )
