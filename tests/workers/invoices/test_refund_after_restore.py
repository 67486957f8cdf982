"""Refunds that are requested again where a restored backup of the log lacks the first request."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from domain.core import metadata
from domain.core.steps import step_key
from domain.gateway.objects import RefundDraft
from domain.invoices.commands import RequestRefund
from domain.invoices.refunds import refundable_minor
from domain.invoices.steps import REFUND_STEP
from projections.reports.invoice_sums import parts_of
from tests.workers.stripe_harness import Bench


def refund_in_lost_log(bench: Bench, invoice_id: UUID, *, amount_minor: int) -> UUID:
    """Make the refund at Stripe that a log made whose events are lost; return its request's id."""
    request_id, view = uuid4(), bench.invoice(invoice_id).view
    (payment,) = bench.gateway.fetch_paid_payments(view.provider_object_id or "")
    draft = RefundDraft(
        invoice_id=view.provider_object_id or "",
        payment_id=payment.id,
        amount_minor=amount_minor,
        currency="eur",
        reason=None,
        credit_note=True,
        reference=str(request_id),
        metadata={
            metadata.APP: str(view.app_id),
            metadata.INVOICE: str(invoice_id),
            metadata.REFUND: str(request_id),
        },
    )
    key = step_key(invoice_id, f"{REFUND_STEP}{request_id}", 1)
    bench.gateway.refund(draft, key=key)
    return request_id


@pytest.mark.parametrize(("is_reconciled", "days"), [(False, 0), (True, 0), (True, 2)])
def test_a_refund_that_is_requested_again_is_made_once(
    bench: Bench,
    is_reconciled: bool,  # noqa: FBT001 - a parameter of the test
    days: int,
) -> None:
    invoice_id = bench.request(bench.add_tenant(), {"amount_minor": 2000, "currency": "eur"})
    bench.charge(invoice_id)
    request_id = refund_in_lost_log(bench, invoice_id, amount_minor=500)
    if is_reconciled:
        bench.deliver("")
        assert bench.invoice(invoice_id).view.amount_refunded_minor == 500
    bench.account.admin.set_clock(advance_s=days * 86_400)
    bench.clock.added += timedelta(days=days)
    bench.request_action(invoice_id, RequestRefund, request_id=request_id, amount_minor=500)
    view = bench.refund(invoice_id, request_id).view
    entries = bench.account.admin.ledger()["entries"]
    assert [entry["amount"] for entry in entries if entry["kind"] == "refund"] == [500]
    assert [(one.id, one.status) for one in view.refunds] == [(str(request_id), "succeeded")]
    assert (view.amount_refunded_minor, refundable_minor(view)) == (500, 1500)
    refunded = [amount for part, (amount, _) in parts_of(view).items() if part.kind == "refunded"]
    assert sum(refunded) == 500
    bench.deliver("")
    assert bench.invoice(invoice_id).view.amount_refunded_minor == 500
