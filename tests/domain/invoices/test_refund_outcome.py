"""A refund's answer: what the provider says of the very refund that was asked for."""

from uuid import UUID

import pytest

from domain.gateway.objects import ProviderRefund, RefundsAndDisputes, RefundState
from domain.invoices import events as e
from domain.invoices import payment_events as pe
from domain.invoices import refund_events as m
from domain.invoices.invoice import Invoice
from domain.invoices.outcome import outcome_of
from tests.domain.given import Given, happened, moment

REFUND = UUID("3f0a5c1e-7b1d-4c43-9d5f-0a8f8e7b6c5d")
REFUND_REQUESTED = happened(m.RefundRequested, refund_id=REFUND, amount_minor=500)


def paid_with_refund_request() -> Given[Invoice]:
    return Given(
        Invoice,
        happened(e.InvoiceRequested),
        happened(e.InvoiceIssued),
        happened(pe.PaymentSucceeded, amount_minor=1999),
        REFUND_REQUESTED,
    )


def with_refund_state(
    given: Given[Invoice], reference: str | None, state: RefundState
) -> Given[Invoice]:
    refund = ProviderRefund(
        id="re_7", state=state, amount_minor=500, refunded_at=1, reference=reference
    )
    back = RefundsAndDisputes(refunds=(refund,))
    return given.when(
        lambda invoice: invoice.record_refunds_and_disputes(
            back, source="answer", actor="worker", occurred_at=moment(60)
        )
    ).given


@pytest.mark.parametrize("state", ["pending", "succeeded", "failed"])
def test_the_provider_s_refund_status_is_the_outcome_of_the_request(state: RefundState) -> None:
    given = with_refund_state(paid_with_refund_request(), str(REFUND), state)
    events = [event for event in given.recorded if isinstance(event, e.InvoiceEvent)]
    assert getattr(events[-1], "refund_id", None) == REFUND
    view = outcome_of(events, REFUND)
    assert view is not None
    assert [refund.status for refund in view.refunds] == [state]


@pytest.mark.parametrize("reference", [None, "no-id", "re_7"])
def test_a_foreign_refund_is_no_outcome_of_a_request(reference: str | None) -> None:
    given = with_refund_state(paid_with_refund_request(), reference, "pending")
    given = with_refund_state(given, reference, "succeeded")
    events = [event for event in given.recorded if isinstance(event, e.InvoiceEvent)]
    assert getattr(events[-1], "refund_id", REFUND) is None
    assert outcome_of(events, REFUND) is None
