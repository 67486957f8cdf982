"""A key of another account ends no work: its objects are not gone, and may be charged again."""

from __future__ import annotations

from typing import Any

import pytest

from domain.gateway.errors import GatewayMisconfigured
from domain.invoices.commands import RequestRefund, RequestVoid
from domain.subscriptions.commands import CancelSubscription, ChangeSubscription
from domain.subscriptions.items import RequestedPrice
from tests.workers.invoices.test_actions import charged_invoice
from tests.workers.invoices.test_rejected_actions import Faulty
from tests.workers.stripe_harness import Bench
from tests.workers.subscriptions.test_stripe_subscriptions import (
    change_subscription,
    monthly,
    subscribed,
)
from workers.providers.stripe.gateway import StripeGateway

LINE = {"name": "Item", "amount_minor": 500}


def gateway_of_another_account(bench: Bench) -> Any:
    return StripeGateway(f"{bench.account.key}other", api_base=bench.account.url)


@pytest.mark.parametrize("call", ["add_lines", "finalize_invoice"])
def test_a_charge_waits_for_the_right_key(bench: Bench, call: str) -> None:
    right = bench.gateway
    line = {"name": "Item", "price": bench.account.add_price(500)}
    invoice_id = bench.request(bench.add_tenant(), line)
    bench.gateway = Faulty(right, call, TimeoutError("its answer is lost"), made=True)
    with pytest.raises(TimeoutError):
        bench.charge(invoice_id)

    bench.gateway = gateway_of_another_account(bench)
    with pytest.raises(GatewayMisconfigured, match="key of the connection's account"):
        bench.charge(invoice_id)
    assert bench.invoice(invoice_id).view.in_progress

    bench.gateway = right
    assert bench.charge(invoice_id).view.status == "paid"


def test_a_start_of_a_subscription_waits_for_the_right_key(bench: Bench) -> None:
    right = bench.gateway
    invoice_id = bench.subscribe(bench.add_tenant(), monthly(bench))
    bench.gateway = Faulty(
        right, "create_subscription", TimeoutError("its answer is lost"), made=True
    )
    with pytest.raises(TimeoutError):
        bench.charge(invoice_id)

    bench.gateway = gateway_of_another_account(bench)
    with pytest.raises(GatewayMisconfigured):
        bench.charge(invoice_id)

    bench.gateway = right
    assert bench.charge(invoice_id).view.status == "paid"


def test_a_void_of_a_draft_waits_for_the_right_key(bench: Bench) -> None:
    right, customer = bench.gateway, bench.account.add_customer()
    draft = bench.request_draft("draft", customer, LINE)
    bench.charge(draft)
    bench.request_action(draft, RequestVoid)

    bench.gateway = gateway_of_another_account(bench)
    with pytest.raises(GatewayMisconfigured):
        bench.charge(draft)
    assert bench.invoice(draft).view.status == "draft"

    bench.gateway = right
    assert bench.charge(draft).view.status == "canceled"


@pytest.mark.parametrize("kind", [CancelSubscription, ChangeSubscription])
def test_a_subscription_is_not_taken_for_ended(bench: Bench, kind: Any) -> None:
    right, price = bench.gateway, monthly(bench)
    invoice_id = subscribed(bench)
    lines = {"lines": [RequestedPrice(price, 1)]} if kind is ChangeSubscription else {}
    bench.gateway = gateway_of_another_account(bench)
    with pytest.raises(GatewayMisconfigured):
        change_subscription(bench, invoice_id, kind, at_period_end=False, **lines)
    known = bench.subscription(invoice_id)
    assert known.view.status == "active"

    bench.gateway = right
    changed = bench.change_subscription(known.id)
    assert changed.view.pending_request is None
    assert changed.view.status == ("canceled" if kind is CancelSubscription else "active")


@pytest.mark.parametrize("is_lost", [True, False])
def test_a_refund_waits_for_the_right_key(bench: Bench, *, is_lost: bool) -> None:
    right = bench.gateway
    invoice_id = charged_invoice(bench, "succeeds")
    refund_id = bench.request_action(invoice_id, RequestRefund, amount_minor=100)
    if is_lost:
        bench.gateway = Faulty(right, "refund", TimeoutError("its answer is lost"), made=True)
        with pytest.raises(TimeoutError):
            bench.refund(invoice_id, refund_id)

    bench.gateway = gateway_of_another_account(bench)
    with pytest.raises(GatewayMisconfigured):
        bench.refund(invoice_id, refund_id)
    assert bench.invoice(invoice_id).view.refunds[0].status == "requested"

    bench.gateway = right
    (refund,) = bench.refund(invoice_id, refund_id).view.refunds
    assert (refund.status, refund.amount_minor) == ("succeeded", 100)
    made = [entry for entry in bench.account.admin.ledger()["entries"] if entry["kind"] == "refund"]
    assert len([entry for entry in made if entry["amount"] in (100, -100)]) == 1
