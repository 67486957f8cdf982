from __future__ import annotations

from typing import Any

import pytest
from mollie.api.error import ConflictError, UnprocessableEntityError
from mollie.api.objects.payment import Payment

from tests.support.mollie_account import MollieAccount, amount

HOUR_S, DAY_S = 3600, 86400


@pytest.fixture
def paid(account: MollieAccount) -> Payment:
    payment = account.pay(method="ideal")
    account.at_checkout(payment, "paid")
    return account.get(payment.id)


def back(payment: Payment, value: str = "3.00", **fields: Any) -> Any:
    return payment.refunds.create({"amount": amount(value), "description": "Sorry", **fields})


def test_a_refund_is_pending_then_with_the_bank_then_done(
    account: MollieAccount, paid: Payment
) -> None:
    refund = back(paid, metadata={"n": 1})
    states = [refund.status]
    for wait_s in (2 * HOUR_S, DAY_S):
        account.admin.set_clock(advance_s=wait_s)
        states.append(paid.refunds.get(refund.id).status)
    assert states == ["pending", "processing", "refunded"]
    now = account.get(paid.id)
    assert (now.status, now.has_refunds()) == ("paid", True)
    assert (now.amount_refunded, now.amount_remaining) == (amount("3.00"), amount("7.00"))
    entries = account.admin.ledger()["entries"]
    assert [(item["kind"], item["amount"]) for item in entries] == [
        ("payment", 1000), ("refund", 300)
    ]  # fmt: skip
    assert account.admin.ledger()["totals"] == {"eur": 700}


def test_refunds_wait_for_money_if_so_set(account: MollieAccount, paid: Payment) -> None:
    account.admin.set_settings(refund_queue_s=HOUR_S)
    refund = back(paid)
    assert refund.status == "queued"
    account.admin.set_clock(advance_s=HOUR_S)
    assert paid.refunds.get(refund.id).status == "pending"


def test_a_refund_that_fails_gives_its_amount_free(account: MollieAccount, paid: Payment) -> None:
    account.admin.set_settings(refund_outcome="failed")
    refund = back(paid)
    assert account.get(paid.id).amount_remaining == amount("7.00")
    account.admin.set_clock(advance_s=3 * DAY_S)
    assert paid.refunds.get(refund.id).status == "failed"
    assert account.get(paid.id).amount_remaining == amount("10.00")
    assert account.admin.ledger()["totals"] == {"eur": 1000}


def test_several_refunds_take_no_more_than_there_is(account: MollieAccount, paid: Payment) -> None:
    made = [back(paid, value).id for value in ("3.00", "3.00", "4.00")]
    assert account.get(paid.id).amount_remaining == amount("0.00")
    with pytest.raises(UnprocessableEntityError, match="higher than the maximum") as caught:
        back(paid, "0.01")
    assert caught.value.field == "amount"
    assert [item.id for item in paid.refunds.list()] == made[::-1]
    assert [item.id for item in account.client.refunds.list(limit=1)] == made[2:]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"amount": amount("3.00", "USD")},
        {"amount": amount("0.00")},
        {"amount": amount("3.0")},
        {"amount": amount("10.01")},
        {"amount": amount("1.00"), "reverseRouting": True},
        {"amount": amount("1.00"), "reason": "none"},
    ],
)
def test_refunds_that_do_not_fit_are_refused(paid: Payment, body: dict[str, Any]) -> None:
    with pytest.raises(UnprocessableEntityError):
        paid.refunds.create(body)


def test_what_is_not_paid_is_not_refunded(account: MollieAccount) -> None:
    with pytest.raises(UnprocessableEntityError, match="not paid"):
        back(account.pay())


def test_a_refund_can_be_canceled_until_it_is_sent_to_the_bank(
    account: MollieAccount, paid: Payment
) -> None:
    early, late = back(paid), back(paid)
    paid.refunds.delete(early.id)
    assert paid.refunds.get(early.id).status == "canceled"
    assert account.get(paid.id).amount_refunded == amount("3.00")
    account.admin.set_clock(advance_s=3 * HOUR_S)
    with pytest.raises(UnprocessableEntityError, match="cannot be canceled"):
        paid.refunds.delete(late.id)


def test_equal_refunds_are_refused_if_so_set(account: MollieAccount, paid: Payment) -> None:
    account.admin.set_settings(refuse_equal_refunds=True)
    back(paid)
    with pytest.raises(ConflictError, match="duplicate refund"):
        back(paid)
    assert back(paid, "2.00").status == "pending"


def test_the_dashboard_refunds_what_is_left(account: MollieAccount, paid: Payment) -> None:
    back(paid)
    refund = account.admin.refund(paid.id)
    assert refund["amount"] == amount("7.00")
    assert account.admin.refund(account_paid(account), amount=amount("1.00"))["status"] == "pending"


def account_paid(account: MollieAccount) -> str:
    payment = account.pay(method="ideal")
    account.admin.outcome(payment.id, "paid")
    return str(payment.id)


def test_a_chargeback_takes_back_and_may_be_reversed(account: MollieAccount, paid: Payment) -> None:
    back(paid)
    made = account.admin.chargeback(paid.id, code="MD06", description="Disputed")
    now = account.get(paid.id)
    assert (now.amount_chargedback, now.amount_remaining) == (amount("7.00"), amount("0.00"))
    assert now.has_chargebacks()
    chargeback = paid.chargebacks.get(made["id"])
    assert (chargeback["reason"]["code"], chargeback.reversed_at) == ("MD06", None)
    assert [item.id for item in paid.chargebacks.list()] == [made["id"]]
    assert [item.id for item in account.client.chargebacks.list()] == [made["id"]]
    assert account.admin.ledger()["totals"] == {"eur": 300}
    assert account.admin.reverse_chargeback(made["id"])["reversedAt"] is not None
    assert account.get(paid.id).amount_chargedback == amount("0.00")
    assert account.admin.ledger()["totals"] == {"eur": 1000}
    with pytest.raises(RuntimeError, match="reversed already"):
        account.admin.reverse_chargeback(made["id"])


def test_a_chargeback_takes_no_more_than_was_paid(account: MollieAccount, paid: Payment) -> None:
    account.admin.chargeback(paid.id, amount=amount("4.00"))
    with pytest.raises(RuntimeError, match="not so much left"):
        account.admin.chargeback(paid.id, amount=amount("6.01"))
    with pytest.raises(RuntimeError, match="not so much left"):
        account.admin.chargeback(account.pay().id)


def test_what_belongs_to_a_payment_is_embedded_on_demand(
    account: MollieAccount, paid: Payment
) -> None:
    refund = back(paid)
    found = account.client.payments.get(paid.id, embed="refunds,chargebacks")["_embedded"]
    assert ([item["id"] for item in found["refunds"]], found["chargebacks"]) == ([refund.id], [])
    with pytest.raises(UnprocessableEntityError):
        account.client.payments.get(paid.id, embed="unicorns")


def test_the_cancellation_of_a_refund_calls_the_webhook(account: MollieAccount) -> None:
    payment = account.pay(method="ideal", webhookUrl="http://127.0.0.1:9/none")
    account.at_checkout(payment, "paid")
    refund = back(account.get(payment.id))
    account.get(payment.id).refunds.delete(refund.id)
    assert account.admin.deliveries(kind="classic")[-1]["type"] == "refund.canceled"


def test_a_refund_keeps_the_decimals_of_its_currency(account: MollieAccount) -> None:
    payment = account.pay(method="creditcard", amount=amount("5000", "ISK"))
    account.at_checkout(payment, "paid")
    with pytest.raises(UnprocessableEntityError) as caught:
        account.get(payment.id).refunds.create({"amount": amount("500.50", "ISK")})
    assert caught.value.field == "amount"
    with pytest.raises(UnprocessableEntityError) as caught:
        account.client.customers.create({"email": "a@example..com"})
    assert caught.value.field == "email"
