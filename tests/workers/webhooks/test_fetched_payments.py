"""Payments that a webhook names: fetched only where our own answers leave them open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.workers.stripe_harness import Bench
from tests.workers.webhooks.paid_flow import by_type, paid_flow
from tests.workers.webhooks.test_apply import fetch_parked, forget_answers


def test_the_invoice_of_a_customers_failed_attempt_is_fetched(bench: Bench) -> None:
    invoice_id = bench.request(bench.add_tenant("needs_authentication"))
    view = bench.charge(invoice_id).view
    assert view.provider_object_id is not None
    bench.account.admin.fail_authentication(view.provider_object_id)
    event = [e for e in bench.provider_events() if e["type"] == "invoice.payment_failed"][-1]

    received = bench.receive(event)
    bench.apply(received)
    fetch_parked(bench, [received])

    after = bench.invoice(invoice_id).view
    assert after.status == "failed"
    assert after.failure is not None
    assert after.failure.code == "payment_intent_authentication_failure"


def test_the_payment_of_our_own_charge_is_not_fetched(bench: Bench) -> None:
    invoice_id, _ = paid_flow(bench)
    events = bench.events("invoice")
    version = bench.invoice(invoice_id).version
    finalized = bench.receive(by_type(events, "invoice.finalized"))
    paid = bench.receive(by_type(events, "invoice_payment.paid"))

    bench.apply(finalized, paid)

    assert bench.entry(paid).applied
    assert bench.invoice(invoice_id).version == version


@pytest.mark.parametrize(
    "change",
    [
        lambda payment: payment["payment"].update(payment_intent="pi_another"),
        lambda payment: payment.update(amount_paid=1),
        lambda payment: payment.update(invoice="in_another"),
        lambda payment: payment.update(payment={"type": "charge", "charge": "ch_1"}),
    ],
    ids=["payment", "amount", "invoice", "charge"],
)
def test_another_payment_than_that_of_our_charge_is_fetched(
    bench: Bench, change: Callable[[dict[str, Any]], object]
) -> None:
    paid_flow(bench)
    events = bench.events("invoice")
    event = by_type(events, "invoice_payment.paid")
    change(event["data"]["object"])
    finalized, paid = bench.receive(by_type(events, "invoice.finalized")), bench.receive(event)

    bench.apply(finalized, paid)

    assert not bench.entry(paid).applied
    assert bench.entry(paid).parked == 1


def test_a_payment_of_an_invoice_that_is_not_known_as_paid_is_fetched(bench: Bench) -> None:
    invoice_id, _ = paid_flow(bench)
    events = bench.events("invoice")
    fresh = forget_answers(bench, invoice_id)
    finalized = by_type(events, "invoice.finalized")
    finalized["data"]["object"]["metadata"]["billhook_invoice"] = str(fresh)
    paid = bench.receive(by_type(events, "invoice_payment.paid"))

    bench.apply(bench.receive(finalized), paid)

    assert not bench.entry(paid).applied
