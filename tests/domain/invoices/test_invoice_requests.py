"""Test the steps of an invoice's provider calls, and when they stop."""

from datetime import timedelta

import pytest

from domain.core.failures import Failure
from domain.core.steps import GaveUp, StepRecord
from domain.invoices import action_events as ae
from domain.invoices import events as e
from domain.invoices import payment_events as pe
from domain.invoices import status
from domain.invoices.invoice import Invoice
from domain.invoices.step_plans import DraftPlan
from tests.domain.event_examples import EXAMPLES, REQUESTED_LINE
from tests.domain.given import START, Given, Happened, happened, moment
from tests.domain.invoices.provider_updates import (
    answered,
    paid_answer,
    request_command,
    snapshot,
)
from tests.domain.subscription_examples import INVOICE_ID

REQUESTED = happened(e.InvoiceRequested)
CREATED = happened(e.ProviderInvoiceCreated)
ISSUED = happened(e.InvoiceIssued)
PAID = happened(pe.PaymentSucceeded)
NOW = moment(60)

GAVE_UP = happened(e.StepGaveUp)


def _reject(invoice: Invoice) -> None:
    invoice.reject(
        code="provider_rejected", message="No such price.", path="lineItems.0", occurred_at=NOW
    )


def _give_up(invoice: Invoice) -> None:
    invoice.give_up("pay", attempts=40, last_error="time-out", occurred_at=NOW)


# Requests.


def test_a_request_records_its_input_and_no_outcome() -> None:
    invoice = Invoice.request(request_command(), occurred_at=START)
    fields = EXAMPLES[e.InvoiceRequested]
    (
        Given.made(invoice)
        .when(lambda _: None)
        .then(happened(e.InvoiceRequested, **fields))
        .showing(
            id=INVOICE_ID,
            status=status.REQUESTED,
            origin="request",
            lines=[REQUESTED_LINE],
            metadata={"order": "42"},
            created_at=START,
            updated_at=START,
            total_minor=None,
            provider_object_id=None,
            in_progress=True,
        )
    )


def test_changing_a_view_does_not_change_the_request() -> None:
    given = Given(Invoice, REQUESTED)
    given.root.view.lines[0]["name"] = "changed"
    given.root.view.metadata["order"] = "changed"
    event = given.recorded[0]
    assert isinstance(event, e.InvoiceRequested)
    assert (event.lines[0]["name"], event.metadata["order"]) == ("Seat", "42")


# Steps and their keys.


def test_a_step_is_recorded_with_its_key_before_its_first_call() -> None:
    key = f"billhook:{INVOICE_ID}:create:1"
    plan, stored = DraftPlan(customer="cus_1"), {"customer": "cus_1"}
    (
        Given(Invoice, REQUESTED)
        .when(lambda invoice: invoice.start_step("create", occurred_at=NOW, plan=plan))
        .then(
            happened(e.StepStarted, step="create", attempt=1, key=key, plan=stored, actor="worker")
        )
        .answering(StepRecord("create", 1, key, NOW, stored))
    )


def test_a_step_keeps_its_first_plan_and_time_however_often_it_is_started() -> None:
    first = happened(e.StepStarted, step="create", plan={"customer": "cus_1"}, key="first")
    (
        Given(Invoice, REQUESTED, first)
        .when(
            lambda invoice: invoice.start_step(
                "create", occurred_at=NOW, plan=DraftPlan(customer="cus_2")
            )
        )
        .then()
        .answering(StepRecord("create", 1, "first", moment(1), {"customer": "cus_1"}))
    )


def test_another_attempt_gets_another_key_and_its_own_time() -> None:
    key = f"billhook:{INVOICE_ID}:pay:2"
    (
        Given(Invoice, REQUESTED, happened(e.StepStarted, step="pay"))
        .when(lambda invoice: invoice.start_step("pay", occurred_at=NOW, attempt=2))
        .then(happened(e.StepStarted, step="pay", attempt=2, key=key, plan={}))
        .answering(StepRecord("pay", 2, key, NOW, {}))
        .showing(attempt=2)
    )


def test_an_attempt_that_lags_behind_is_given_the_newer_attempt_s_record() -> None:
    second = happened(e.StepStarted, step="pay", attempt=2, key="second", plan={})
    (
        Given(Invoice, REQUESTED, happened(e.StepStarted, step="pay"), second)
        .when(lambda invoice: invoice.start_step("pay", occurred_at=NOW))
        .then()
        .answering(StepRecord("pay", 2, "second", moment(2), {}))
    )


def test_a_key_names_invoice_step_and_attempt_and_nothing_that_changes() -> None:
    invoice = Given(Invoice, REQUESTED).root
    keys = {invoice.key(step, attempt=n) for step in ("create", "pay") for n in (1, 2)}
    assert keys == {
        f"billhook:{INVOICE_ID}:{step}:{n}" for step in ("create", "pay") for n in (1, 2)
    }


def test_a_step_s_age_counts_from_its_first_call() -> None:
    invoice = Given(Invoice, REQUESTED, happened(e.StepStarted, step="create")).root
    assert invoice.step_age("create", occurred_at=moment(61)) == timedelta(seconds=60)
    assert invoice.step_age("pay", occurred_at=moment(61)) == timedelta(0)


# The provider's object.


def test_the_first_object_recorded_is_the_only_one() -> None:
    (
        Given(Invoice, REQUESTED)
        .when(lambda invoice: invoice.record_created(snapshot("draft"), occurred_at=NOW))
        .then(happened(e.ProviderInvoiceCreated, provider_object_id="in_1", customer="cus_1"))
        .showing(provider_object_id="in_1", customer="cus_1")
        .when(lambda invoice: invoice.record_created(snapshot("draft", id="in_2"), occurred_at=NOW))
        .then()
        .showing(provider_object_id="in_1")
    )


# Refusals.


def test_a_refusal_before_anything_is_chargeable_ends_the_invoice() -> None:
    (
        Given(Invoice, REQUESTED, CREATED)
        .when(_reject)
        .then(happened(e.InvoiceRejected, code="provider_rejected", path="lineItems.0"))
        .showing(
            status=status.REJECTED,
            in_progress=False,
            failure=Failure(code="provider_rejected", message="No such price.", path="lineItems.0"),
        )
    )


@pytest.mark.parametrize(
    "history",
    [
        pytest.param([happened(e.InvoiceRejected)], id="rejected"),
        pytest.param([ISSUED], id="open"),
        pytest.param([ISSUED, happened(pe.PaymentFailed)], id="failed"),
        pytest.param([ISSUED, PAID], id="paid"),
    ],
)
def test_a_refusal_changes_nothing_that_has_gone_further(history: list[Happened]) -> None:
    Given(Invoice, REQUESTED, *history).when(_reject).then()


# Giving up.


def test_giving_up_names_step_and_reason_and_leaves_the_status_alone() -> None:
    (
        Given(Invoice, REQUESTED, ISSUED)
        .when(_give_up)
        .then(happened(e.StepGaveUp, step="pay", attempts=40, last_error="time-out"))
        .showing(
            status=status.OPEN,
            gave_up=GaveUp("pay", 40, "time-out"),
        )
    )


def test_giving_up_twice_is_silent() -> None:
    Given(Invoice, REQUESTED, GAVE_UP).when(_give_up).then()


@pytest.mark.parametrize(
    "end", [pe.PaymentSucceeded, pe.PaymentFailed, pe.PaymentProcessing, e.InvoiceVoided]
)
def test_what_is_settled_can_not_be_given_up(end: type[e.InvoiceEvent]) -> None:
    Given(Invoice, REQUESTED, ISSUED, happened(end)).when(_give_up).then()


def test_an_answer_after_giving_up_clears_it() -> None:
    (
        Given(Invoice, REQUESTED, ISSUED, GAVE_UP)
        .when(answered(paid_answer()))
        .then(PAID)
        .showing(gave_up=None, status=status.PAID)
    )


def test_a_retry_requested_after_giving_up_charges_again() -> None:
    view = Given(Invoice, REQUESTED, ISSUED, GAVE_UP, happened(ae.RetryRequested)).root.view
    assert (view.gave_up, view.in_progress) == (None, True)


# What is being settled.


@pytest.mark.parametrize(
    ("facts", "in_progress"),
    [
        pytest.param([], True, id="requested"),
        pytest.param([CREATED], True, id="created"),
        pytest.param([happened(e.InvoiceIssued, charging=True)], True, id="charging follows"),
        pytest.param([happened(e.InvoiceIssued, charging=False)], False, id="customer's turn"),
        pytest.param([ISSUED, happened(pe.PaymentActionRequired)], False, id="must confirm"),
        pytest.param([ISSUED, happened(pe.PaymentProcessing)], False, id="processing"),
        pytest.param([ISSUED, happened(pe.PaymentFailed)], False, id="failed"),
        pytest.param(
            [ISSUED, happened(pe.PaymentFailed), happened(ae.RetryRequested)], True, id="retry"
        ),
        pytest.param([ISSUED, PAID], False, id="paid"),
        pytest.param([happened(e.InvoiceRejected)], False, id="rejected"),
        pytest.param([ISSUED, happened(e.InvoiceVoided)], False, id="void"),
        pytest.param([happened(e.InvoiceDrafted)], False, id="drafted"),
        pytest.param(
            [happened(e.InvoiceDrafted), happened(ae.FinalizeRequested)], True, id="finalize"
        ),
        pytest.param([happened(e.CheckoutOpened)], False, id="checkout"),
        pytest.param([GAVE_UP], True, id="gave up, but may be sent again"),
    ],
)
def test_an_invoice_is_settling_while_a_step_of_ours_is_to_come(
    facts: list[Happened], *, in_progress: bool
) -> None:
    assert Given(Invoice, REQUESTED, *facts).root.view.in_progress is in_progress
