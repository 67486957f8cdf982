"""Charged on the spot or refused: what seeds 000 and 001 ask for."""

from __future__ import annotations

import orjson
import pytest

from domain.gateway.errors import GatewayUnavailable
from tests.workers.stripe_harness import Bench


def test_without_a_method_nothing_is_created(bench: Bench) -> None:
    view = bench.charge(bench.request(bench.add_tenant(card=None), charge_immediately=True)).view

    assert view.failure is not None
    assert (view.status, view.failure.code) == ("rejected", "payment_method_missing")
    assert bench.account.v1.invoices.list().data == []


def test_a_tenant_without_a_customer_does_not_even_get_one(bench: Bench) -> None:
    before = len(bench.account.v1.customers.list().data)

    view = bench.charge(bench.request(bench.add_tenant(linked=False), charge_immediately=True)).view

    assert view.status == "rejected"
    assert len(bench.account.v1.customers.list().data) == before


def test_the_payment_is_kept_with_the_outcome_and_without_its_secret(bench: Bench) -> None:
    view = bench.charge(bench.request(bench.add_tenant(), charge_immediately=True)).view

    stored = bench.log.body(bytes.fromhex(str(view.body)))
    assert stored is not None
    (payment,) = orjson.loads(stored)["payments"]["data"]
    assert payment["payment"]["payment_intent"]["status"] == "succeeded"
    assert b"client_secret" not in stored


def test_a_webhook_before_the_answer_leaves_the_outcome_to_the_answer(bench: Bench) -> None:
    """Its answer was lost: Stripe has charged, and says so by webhook before we ask again."""
    invoice_id = bench.request(bench.add_tenant(), charge_immediately=True)
    bench.account.admin.add_fault("lose_answer", path="/v1/invoices/*/pay", times=5)
    with pytest.raises(GatewayUnavailable):
        bench.charge(invoice_id)
    bench.account.admin.drop_faults()
    paid = next(event for event in bench.provider_events() if event["type"] == "invoice.paid")

    received = bench.receive(paid)
    bench.apply(received)

    assert bench.entry(received).applied
    assert bench.invoice(invoice_id).view.in_progress
    view = bench.charge(invoice_id).view
    assert view.status == "paid"
    stored = orjson.loads(bench.log.body(bytes.fromhex(str(view.body))) or b"{}")
    assert stored["payments"]["data"]
    assert bench.account.charged() == [1999]
