"""Test actions requested on an existing invoice, and their outcomes."""

from typing import Any
from uuid import UUID

import pytest

from domain.core.effects import Effect
from domain.core.errors import NotPossible
from domain.invoices import action_events as ae
from domain.invoices import events as e
from domain.invoices import payment_events as pe
from domain.invoices import status
from domain.invoices.commands import (
    InvoiceCommand,
    RequestFinalize,
    RequestRetry,
    RequestUncollectible,
    RequestVoid,
)
from domain.invoices.invoice import Invoice
from domain.invoices.outcome import outcome_of
from tests.domain.given import Decided, Given, Happened, happened, moment
from tests.domain.invoices.provider_updates import (
    NOW,
    answered,
    attempt,
    delivered,
    paid_answer,
    snapshot,
)
from tests.domain.subscription_examples import INVOICE_ID

REQUEST_ID = UUID("99999999-0000-4000-8000-000000000001")
REQUESTED = happened(e.InvoiceRequested)
CREATED = happened(e.ProviderInvoiceCreated)
ISSUED = happened(e.InvoiceIssued)
FAILED = happened(pe.PaymentFailed)

DRAFT = [REQUESTED, CREATED, happened(e.InvoiceDrafted)]
OPEN = [REQUESTED, happened(e.InvoiceIssued, charging=False)]
DECLINED = [REQUESTED, ISSUED, FAILED]
WAITING = [REQUESTED, ISSUED, happened(pe.PaymentActionRequired)]
PROCESSING = [REQUESTED, ISSUED, happened(pe.PaymentProcessing)]
PAID = [REQUESTED, ISSUED, happened(pe.PaymentSucceeded)]
WRITTEN_OFF = [*DECLINED, happened(e.MarkedUncollectible)]
VOID = [*DECLINED, happened(e.InvoiceVoided)]
REJECTED = [REQUESTED, happened(e.InvoiceRejected)]
CHARGING = [REQUESTED, ISSUED]

STATES = {
    "draft": DRAFT,
    "open": OPEN,
    "failed": DECLINED,
    "requires_action": WAITING,
    "processing": PROCESSING,
    "paid": PAID,
    "uncollectible": WRITTEN_OFF,
    "void": VOID,
    "rejected": REJECTED,
}
RETRY, VOIDING = RequestRetry, RequestVoid
FINALIZE, WRITE_OFF = RequestFinalize, RequestUncollectible
ALLOWED = {
    RETRY: {"open", "failed", "requires_action", "uncollectible"},
    VOIDING: {"draft", "open", "failed", "requires_action", "uncollectible"},
    FINALIZE: {"draft"},
    WRITE_OFF: {"open", "failed", "requires_action"},
}
FACTS: dict[type[InvoiceCommand], type[e.InvoiceEvent]] = {
    RETRY: ae.RetryRequested,
    VOIDING: ae.VoidRequested,
    FINALIZE: ae.FinalizeRequested,
    WRITE_OFF: ae.UncollectibleRequested,
}
Command = type[InvoiceCommand]


def request(given: Given[Invoice], kind: Command, **more: Any) -> Decided[Invoice, None]:
    facts: dict[str, Any] = {"invoice_id": INVOICE_ID, "request_id": REQUEST_ID, **more}
    command = kind(request_hash="4a5h", actor="key:1", **facts)
    return given.when(lambda invoice: invoice.request_action(command, occurred_at=NOW))


def cases() -> list[Any]:
    return [
        pytest.param(kind, state, id=f"{kind.__name__} of {state}")
        for kind in ALLOWED
        for state in STATES
    ]


@pytest.mark.parametrize(("kind", "state"), cases())
def test_the_status_decides_which_actions_are_allowed(kind: Command, state: str) -> None:
    given = Given(Invoice, *STATES[state])
    if state in ALLOWED[kind]:
        request(given, kind).then(happened(FACTS[kind], request_id=REQUEST_ID)).showing(
            in_progress=True
        )
    else:
        with pytest.raises(NotPossible, match=f"it is {state}"):
            request(given, kind)


@pytest.mark.parametrize("kind", list(ALLOWED), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("state", [CHARGING, [*DECLINED, happened(ae.RetryRequested)]])
def test_only_one_action_runs_at_a_time(kind: Command, state: list[Happened]) -> None:
    with pytest.raises(NotPossible, match="something else"):
        request(Given(Invoice, *state), kind)


def test_what_gave_up_can_be_voided_though_it_was_never_issued() -> None:
    given = Given(Invoice, REQUESTED, CREATED, happened(e.StepGaveUp, step="lines"))
    request(given, VOIDING).then(happened(ae.VoidRequested)).showing(gave_up=None, in_progress=True)


def test_what_gave_up_before_the_provider_had_anything_cannot_be_voided() -> None:
    given = Given(Invoice, REQUESTED, happened(e.StepGaveUp, step="create"))
    with pytest.raises(NotPossible, match="it is requested"):
        request(given, VOIDING)


def test_each_retry_is_an_attempt_of_its_own() -> None:
    first = happened(e.StepStarted, step="pay", attempt=1)
    given = Given(Invoice, REQUESTED, first, ISSUED, FAILED)
    assert requested_attempt(request(given, RETRY).given) == 2
    given.when(lambda invoice: invoice.start_step("pay", occurred_at=NOW, attempt=2))
    given.when(lambda invoice: invoice.refuse_request(code="c", message="m", occurred_at=NOW))
    assert requested_attempt(request(given, RETRY).given) == 3


def requested_attempt(given: Given[Invoice]) -> int:
    assert given.root.view.pending_request is not None
    attempt: int = given.root.view.pending_request.attempt
    return attempt


def refuse(given: Given[Invoice]) -> Decided[Invoice, None]:
    return given.when(
        lambda invoice: invoice.refuse_request(code="c", message="m", occurred_at=NOW)
    )


def test_a_rejected_action_ends_without_a_change() -> None:
    given = request(Given(Invoice, *DECLINED), RETRY).given
    failure = given.root.view.failure
    refused = happened(ae.RequestRefused, request_id=REQUEST_ID, action="retry", code="c")
    refuse(given).then(refused).showing(
        status=status.FAILED, in_progress=False, pending_request=None, failure=failure
    )
    refuse(given).then()


def test_the_outcome_of_an_action_is_the_event_that_ends_it() -> None:
    given = request(Given(Invoice, *DECLINED), RETRY).given
    events = [event for event in given.recorded if isinstance(event, e.InvoiceEvent)]
    assert outcome_of(events, REQUEST_ID) is None
    refuse(given)
    events = [event for event in given.recorded if isinstance(event, e.InvoiceEvent)]
    view = outcome_of(events, REQUEST_ID)
    assert view is not None
    assert (view.status, view.in_progress) == (status.FAILED, False)
    assert outcome_of(events, UUID(int=1)) is None


def test_a_payment_from_elsewhere_ends_a_requested_action() -> None:
    given = request(Given(Invoice, *DECLINED), RETRY).given
    given.when(delivered(snapshot("paid", as_of=130), event_type="invoice.paid")).showing(
        status=status.PAID, in_progress=False, pending_request=None
    )


@pytest.mark.parametrize("event_payment_state", ["failed", "requires_action"])
def test_a_webhook_during_a_retry_is_deferred(
    event_payment_state: Any,
) -> None:
    given = request(Given(Invoice, *DECLINED), RETRY).given
    announced = snapshot(
        "open", attempt_count=2, as_of=130, event_payment_state=event_payment_state
    )
    given.when(delivered(announced)).then().answering(Effect.FETCH)


def test_a_fetch_during_a_retry_waits_for_the_retry_s_own_answer() -> None:
    given = request(Given(Invoice, *DECLINED), RETRY).given
    fetched = attempt("processing", tries=2, as_of=130)
    decided = given.when(
        lambda invoice: invoice.record_provider_state(
            fetched, source="answer", actor="webhook:evt_1", occurred_at=NOW
        )
    )
    decided.then().answering(Effect.DEFERRED)
    refuse(given)
    given.when(answered(fetched)).showing(status=status.PROCESSING)


def give_up(given: Given[Invoice], step: str) -> Decided[Invoice, None]:
    return given.when(
        lambda i: i.give_up(step, attempts=40, last_error="time-out", occurred_at=NOW)
    )


def test_giving_up_is_recorded_once_and_only_for_open_steps() -> None:
    given = Given(Invoice, *CHARGING)
    give_up(given, "pay").then(happened(e.StepGaveUp, step="pay", attempts=40))
    give_up(given, "pay").then()
    give_up(Given(Invoice, *PAID), "pay").then()


def test_a_step_that_gave_up_is_sent_again_and_no_other() -> None:
    given = give_up(Given(Invoice, *CHARGING), "pay").given
    given.when(lambda i: i.resend("void", actor="operator", occurred_at=NOW)).then()
    resent = given.when(lambda i: i.resend("pay", actor="operator", occurred_at=NOW))
    resent.then(happened(e.StepResent, step="pay", actor="operator")).showing(gave_up=None)
    given.when(lambda i: i.resend("pay", actor="operator", occurred_at=NOW)).then()


def test_a_webhook_s_end_lifts_what_gave_up() -> None:
    given = give_up(Given(Invoice, *CHARGING), "pay").given
    given.when(answered(paid_answer(as_of=130), occurred_at=moment(90))).showing(
        status=status.PAID, gave_up=None, in_progress=False
    )


@pytest.mark.parametrize("state", ["void", "uncollectible"])
def test_what_is_closed_shows_no_failure_in_any_order(state: Any) -> None:
    closed = snapshot(state, attempt_count=1, as_of=130)
    for facts in ([REQUESTED, ISSUED, FAILED], [REQUESTED, ISSUED]):
        Given(Invoice, *facts).when(delivered(closed)).showing(status=state, failure=None)
