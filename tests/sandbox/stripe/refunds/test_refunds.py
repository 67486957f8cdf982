"""Refunds: full and partial, pending, failed after all, and the money that they move."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe import ledger_sums
from tests.sandbox.stripe.collection.test_debits import DAY_S, SUCCEEDS, invoice_by_debit
from tests.sandbox.stripe.shop import Shop


def paid(shop: Shop, amount: int = 1000, card: str = "pm_card_visa") -> stripe.Charge:
    """Returns the charge of a fresh paid invoice."""
    opened = shop.opened(shop.customer(card).id, amount)
    shop.stripe.invoices.pay(opened.id)
    return shop.stripe.charges.list({"limit": 1}).data[0]


def test_a_full_refund_empties_the_charge(shop: Shop) -> None:
    charge = paid(shop)
    before = len(shop.event_types())
    refund = shop.stripe.refunds.create(
        {"payment_intent": str(charge.payment_intent), "metadata": {"a": "b"}}
    )
    assert (refund.amount, refund.status, refund.charge) == (1000, "succeeded", charge.id)
    assert refund.metadata.to_dict() == {"a": "b"}
    after = shop.stripe.charges.retrieve(charge.id, {"expand": ["refunds"]})
    assert (after.amount_refunded, after.refunded) == (1000, True)
    assert [item.id for item in after.refunds.data] == [refund.id]
    assert shop.event_types()[before:] == ["refund.created", "charge.refunded"]
    assert ledger_sums.by_kind(shop) == {"charge": 1000, "refund": 1000}
    assert ledger_sums.check(shop) == 0


def test_partial_refunds_add_up_and_never_exceed_the_charge(shop: Shop) -> None:
    charge = paid(shop)
    shop.stripe.refunds.create({"charge": charge.id, "amount": 300, "reason": "duplicate"})
    shop.stripe.refunds.create({"charge": charge.id, "amount": 500})
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount") as no:
        shop.stripe.refunds.create({"charge": charge.id, "amount": 201})
    assert (no.value.http_status, no.value.param, no.value.code) == (400, "amount", None)
    rest = shop.stripe.refunds.create({"charge": charge.id})
    assert rest.amount == 200
    with pytest.raises(stripe.InvalidRequestError, match="already been refunded") as again:
        shop.stripe.refunds.create({"charge": charge.id})
    assert again.value.code == "charge_already_refunded"
    assert ledger_sums.check(shop) == 0


@pytest.mark.parametrize("amount", [0, -1], ids=["nothing", "negative"])
def test_an_amount_must_be_positive(shop: Shop, amount: int) -> None:
    with pytest.raises(stripe.InvalidRequestError) as no:
        shop.stripe.refunds.create({"charge": paid(shop).id, "amount": amount})
    assert (no.value.code, no.value.param) == ("parameter_invalid_integer", "amount")


def test_a_refund_needs_a_charge_that_brought_something_in(shop: Shop) -> None:
    customer = shop.customer("pm_card_chargeDeclined").id
    opened = shop.opened(customer)
    with pytest.raises(stripe.CardError) as declined:
        shop.stripe.invoices.pay(opened.id)
    failed = declined.value.error
    refused: list[Any] = [
        {},
        {"charge": "ch_none"},
        {"charge": failed.charge},
        {"payment_intent": failed.payment_intent.id},
        {"payment_intent": paid(shop).payment_intent, "charge": failed.charge},
        {"charge": failed.charge, "refund_everything": "yes"},
    ]
    for params in refused:
        with pytest.raises(stripe.InvalidRequestError):
            shop.stripe.refunds.create(params)
    assert shop.stripe.refunds.list().data == []


def test_a_pending_refund_arrives_later(shop: Shop) -> None:
    charge = paid(shop, card="pm_card_pendingRefund")
    refund = shop.stripe.refunds.create({"charge": charge.id})
    assert (refund.status, refund.pending_reason) == ("pending", "processing")
    before = len(shop.event_types())
    shop.admin.succeed_refund(refund.id)
    assert shop.stripe.refunds.retrieve(refund.id).status == "succeeded"
    assert shop.event_types()[before:] == ["refund.updated", "charge.refund.updated"]
    assert ledger_sums.check(shop) == 0
    with pytest.raises(RuntimeError, match="status of succeeded"):
        shop.admin.succeed_refund(refund.id)


@pytest.mark.parametrize("card", ["pm_card_pendingRefund", "pm_card_refundFail"])
def test_a_refund_that_fails_gives_the_money_back_to_the_account(shop: Shop, card: str) -> None:
    charge = paid(shop, card=card)
    refund = shop.stripe.refunds.create({"charge": charge.id, "amount": 400})
    before = len(shop.event_types())
    shop.admin.fail_refund(refund.id, reason="expired_or_canceled_card")
    failed = shop.stripe.refunds.retrieve(refund.id)
    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
    after = shop.stripe.charges.retrieve(charge.id)
    assert (after.amount_refunded, after.refunded) == (0, False)
    assert "refund.failed" in shop.event_types()[before:]
    assert ledger_sums.by_kind(shop) == {"charge": 1000, "refund": 400, "refund_reversal": 400}
    assert ledger_sums.check(shop) == 1000
    assert shop.stripe.refunds.create({"charge": charge.id}).amount == 1000


def test_only_a_refund_that_waits_for_its_customer_can_be_canceled(shop: Shop) -> None:
    charge = paid(shop, card="pm_card_pendingRefund")
    refund = shop.stripe.refunds.create({"charge": charge.id})
    with pytest.raises(stripe.InvalidRequestError, match="status of pending"):
        shop.stripe.refunds.cancel(refund.id)
    shop.admin.ask_for_refund_details(refund.id)
    waiting = shop.stripe.refunds.retrieve(refund.id)
    assert (waiting.status, waiting.next_action.type) == ("requires_action", "display_details")
    assert shop.stripe.refunds.cancel(refund.id).status == "canceled"
    assert ledger_sums.check(shop) == 1000
    stopped = shop.stripe.refunds.create({"charge": charge.id})
    shop.admin.cancel_refund(stopped.id)
    assert ledger_sums.check(shop) == 1000


def test_refunds_are_listed_by_charge_and_by_payment_intent(shop: Shop) -> None:
    one, other = paid(shop), paid(shop)
    first = shop.stripe.refunds.create({"charge": one.id, "amount": 100})
    second = shop.stripe.refunds.create({"charge": one.id, "amount": 200})
    third = shop.stripe.refunds.create({"charge": other.id})

    def listed(**filters: Any) -> list[str]:
        return [item.id for item in shop.stripe.refunds.list({**filters}).data]

    assert listed() == [third.id, second.id, first.id]
    assert listed(charge=one.id) == [second.id, first.id]
    assert listed(payment_intent=str(other.payment_intent)) == [third.id]
    expanded = shop.stripe.refunds.retrieve(third.id, {"expand": ["charge", "payment_intent"]})
    assert (expanded.charge.id, expanded.payment_intent.latest_charge) == (other.id, other.id)


def test_a_refunds_metadata_can_be_changed_and_nothing_else(shop: Shop) -> None:
    refund = shop.stripe.refunds.create({"charge": paid(shop).id, "metadata": {"a": "1"}})
    changed = shop.stripe.refunds.update(refund.id, {"metadata": {"b": "2"}})
    assert changed.metadata.to_dict() == {"a": "1", "b": "2"}
    assert shop.event_types()[-1] == "refund.updated"
    amount: Any = {"amount": 5}
    with pytest.raises(stripe.InvalidRequestError, match="unknown parameter"):
        shop.stripe.refunds.update(refund.id, amount)


def test_a_repeated_key_refunds_once(shop: Shop) -> None:
    charge = paid(shop)
    params: Any = {"charge": charge.id, "amount": 100}
    refunds = [shop.stripe.refunds.create(params, {"idempotency_key": "once"}).id for _ in range(2)]
    assert refunds[0] == refunds[1]
    assert ledger_sums.by_kind(shop)["refund"] == 100


def test_a_refund_from_the_dashboard_carries_no_metadata(shop: Shop) -> None:
    opened = shop.opened(shop.customer().id)
    shop.stripe.invoices.pay(opened.id)
    part = shop.admin.refund(opened.id, amount=250)
    assert (part["amount"], part["metadata"]) == (250, {})
    assert shop.admin.refund(part["payment_intent"])["amount"] == 750
    assert shop.event_types()[-2:] == ["refund.created", "charge.refunded"]
    assert ledger_sums.check(shop) == 0


def test_the_refund_of_a_debit_is_pending_first(shop: Shop) -> None:
    invoice = invoice_by_debit(shop, SUCCEEDS)
    shop.admin.set_clock(advance_s=3 * DAY_S + 1)
    refund = shop.admin.refund(invoice.id)
    assert refund["status"] == "pending"
    assert shop.stripe.refunds.retrieve(refund["id"], {"expand": ["charge"]}).charge.refunded
    shop.admin.succeed_refund(refund["id"])
    assert ledger_sums.check(shop) == 0
