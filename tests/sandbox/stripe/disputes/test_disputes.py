"""Disputes: opened, asked about, won and lost; and the money that goes and comes back."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe import ledger_sums
from tests.sandbox.stripe.refunds.test_refunds import paid
from tests.sandbox.stripe.shop import Shop


def test_a_dispute_takes_the_money_at_once(shop: Shop) -> None:
    charge = paid(shop)
    before = len(shop.event_types())
    opened = shop.admin.dispute(charge.id, reason="product_not_received")
    dispute = shop.stripe.disputes.retrieve(opened["id"], {"expand": ["charge"]})
    assert (dispute.status, dispute.amount) == ("needs_response", 1000)
    assert (dispute.reason, dispute.is_charge_refundable) == ("product_not_received", False)
    assert (dispute.charge.id, dispute.charge.disputed) == (charge.id, True)
    assert [item.amount for item in dispute.balance_transactions] == [-1000]
    assert shop.event_types()[before:] == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
    ]
    assert ledger_sums.by_kind(shop) == {"charge": 1000, "dispute": 1000}
    assert ledger_sums.check(shop) == 0
    with pytest.raises(stripe.InvalidRequestError, match="charged back") as refusal:
        shop.stripe.refunds.create({"charge": charge.id})
    assert refusal.value.code == "charge_disputed"


def test_a_dispute_that_is_won_brings_the_money_back(shop: Shop) -> None:
    charge = paid(shop)
    dispute = shop.admin.dispute(charge.id, amount=400)
    assert ledger_sums.check(shop) == 600
    before = len(shop.event_types())
    shop.admin.decide_dispute(dispute["id"], "win")
    won = shop.stripe.disputes.retrieve(dispute["id"])
    assert (won.status, sum(item.net for item in won.balance_transactions)) == ("won", 0)
    assert shop.event_types()[before:] == [
        "charge.dispute.funds_reinstated",
        "charge.dispute.closed",
    ]
    assert ledger_sums.check(shop) == 1000
    assert shop.stripe.refunds.create({"charge": charge.id}).status == "succeeded"


@pytest.mark.parametrize("by", ["bank", "merchant"])
def test_a_dispute_that_is_lost_keeps_the_money(shop: Shop, by: str) -> None:
    dispute = shop.admin.dispute(paid(shop).id)["id"]
    if by == "bank":
        shop.admin.decide_dispute(dispute, "lose")
    else:
        shop.stripe.disputes.close(dispute)
    assert shop.stripe.disputes.retrieve(dispute).status == "lost"
    assert shop.event_types()[-1] == "charge.dispute.closed"
    assert ledger_sums.check(shop) == 0
    with pytest.raises(RuntimeError, match="status of lost"):
        shop.admin.decide_dispute(dispute, "win")


def test_an_inquiry_moves_nothing_until_it_escalates(shop: Shop) -> None:
    charge = paid(shop)
    warning = shop.admin.dispute(charge.id, status="warning_needs_response")
    assert shop.event_types()[-1] == "charge.dispute.created"
    assert (warning["is_charge_refundable"], ledger_sums.check(shop)) == (True, 1000)
    shop.stripe.refunds.create({"charge": charge.id, "amount": 100})
    before = len(shop.event_types())
    shop.admin.decide_dispute(warning["id"], "escalate")
    assert shop.event_types()[before:] == [
        "charge.dispute.updated",
        "charge.dispute.funds_withdrawn",
    ]
    assert ledger_sums.check(shop) == -100


def test_an_inquiry_can_be_closed(shop: Shop) -> None:
    charge = paid(shop)
    for close in (
        lambda dispute: shop.admin.decide_dispute(dispute, "close_warning"),
        shop.stripe.disputes.close,
    ):
        warning = shop.admin.dispute(charge.id, status="warning_needs_response")["id"]
        close(warning)
        assert shop.stripe.disputes.retrieve(warning).status == "warning_closed"
    assert ledger_sums.check(shop) == 1000


def test_a_charge_can_be_disputed_twice(shop: Shop) -> None:
    opened = shop.opened(shop.customer().id)
    shop.stripe.invoices.pay(opened.id)
    first = shop.admin.dispute(opened.id, amount=300)
    shop.admin.decide_dispute(first["id"], "win")
    second = shop.admin.dispute(first["payment_intent"], amount=500)
    other = shop.admin.dispute(paid(shop).id)

    def listed(**filters: Any) -> list[str]:
        return [item.id for item in shop.stripe.disputes.list({**filters}).data]

    assert listed() == [other["id"], second["id"], first["id"]]
    assert listed(charge=first["charge"]) == [second["id"], first["id"]]
    assert listed(payment_intent=other["payment_intent"]) == [other["id"]]
    assert shop.admin.ledger()["by_invoice"][opened.id] == 500
    assert ledger_sums.check(shop) == 500


def test_evidence_is_kept_and_sent_to_the_bank(shop: Shop) -> None:
    dispute = shop.admin.dispute(paid(shop).id)["id"]
    kept: Any = {"evidence": {"product_description": "A book"}, "submit": False}
    staged = shop.stripe.disputes.update(dispute, kept | {"metadata": {"case": "7"}})
    assert (staged.status, staged.evidence.product_description) == ("needs_response", "A book")
    assert (staged.evidence_details.has_evidence, staged.metadata.to_dict()) == (
        True,
        {"case": "7"},
    )
    sent = shop.stripe.disputes.update(dispute, {"evidence": {"customer_name": "Ada"}})
    assert (sent.status, sent.evidence_details.submission_count) == ("under_review", 1)
    assert shop.event_types()[-2:] == ["charge.dispute.updated"] * 2
    with pytest.raises(stripe.InvalidRequestError, match="status of under_review"):
        shop.stripe.disputes.update(dispute, {"evidence": {"customer_name": "Bob"}})
    shop.admin.decide_dispute(dispute, "win")


def test_a_dispute_stops_a_pending_refund(shop: Shop) -> None:
    charge = paid(shop, card="pm_card_pendingRefund")
    refund = shop.stripe.refunds.create({"charge": charge.id, "amount": 300})
    shop.admin.dispute(charge.id)
    failed = shop.stripe.refunds.retrieve(refund.id)
    assert (failed.status, failed.failure_reason) == (
        "failed",
        "charge_for_pending_refund_disputed",
    )
    assert ledger_sums.check(shop) == 0


def test_only_what_was_charged_can_be_disputed(shop: Shop) -> None:
    opened = shop.opened(shop.customer().id)
    with pytest.raises(RuntimeError, match="no successful charge"):
        shop.admin.dispute(opened.id)
    with pytest.raises(RuntimeError, match="more than the charge"):
        shop.admin.dispute(paid(shop).id, amount=1001)
