from __future__ import annotations

from typing import Any

import pytest
from mollie.api.error import NotFoundError, ResponseError, UnprocessableEntityError

from tests.support.mollie_account import SHOP, MollieAccount, amount

HOUR_S, DAY_S = 3600, 86400


def charge(account: MollieAccount, customer: str, **fields: Any) -> str:
    """Charges a customer with a mandate; returns the payment's id."""
    params: dict[str, Any] = {
        "redirectUrl": None,
        "sequenceType": "recurring",
        "customerId": customer,
        **fields,
    }
    return str(account.pay(**params).id)


def test_customers_are_kept_listed_changed_and_deleted(account: MollieAccount) -> None:
    customer = account.customer(metadata={"tenant": "t"}, locale="de_DE")
    assert customer.id.startswith("cst_")
    changed = account.client.customers.update(customer.id, {"name": "Eve"})
    assert (changed.name, changed.email) == ("Eve", "ada@example.org")
    assert [item.id for item in account.client.customers.list()] == [customer.id]
    payment = account.client.customers.get(customer.id).payments.create(
        {"amount": amount(), "description": "x", "redirectUrl": SHOP}
    )
    assert [item.id for item in customer.payments.list()] == [payment.id]
    account.client.customers.delete(customer.id)
    assert list(account.client.customers.list()) == []
    with pytest.raises(ResponseError, match="no longer available") as caught:
        account.client.customers.get(customer.id)
    assert caught.value.status == 410


def test_a_wrong_customer_is_refused(account: MollieAccount) -> None:
    with pytest.raises(UnprocessableEntityError) as caught:
        account.customer(email="nobody")
    assert caught.value.field == "email"


@pytest.mark.parametrize(
    ("method", "left"),
    [("creditcard", "creditcard"), ("ideal", "directdebit"), ("paypal", "paypal")],
)
def test_a_paid_first_payment_leaves_a_mandate(
    account: MollieAccount, method: str, left: str
) -> None:
    customer = account.customer()
    first = account.pay(customerId=customer.id, sequenceType="first", method=method)
    assert list(customer.mandates.list()) == []
    account.at_checkout(first, "paid")
    (mandate,) = customer.mandates.list()
    assert (mandate.status, mandate.method) == ("valid", left)
    assert account.get(first.id).mandate_id == mandate.id
    assert account.get(first.id).get_mandate().id == mandate.id


@pytest.mark.parametrize("status", ["failed", "canceled", "expired"])
def test_an_unpaid_first_payment_leaves_none(account: MollieAccount, status: str) -> None:
    customer = account.customer()
    first = account.pay(customerId=customer.id, sequenceType="first", method="creditcard")
    account.at_checkout(first, status)
    assert list(customer.mandates.list()) == []


def test_a_first_payment_may_cost_nothing_by_card_only(account: MollieAccount) -> None:
    customer = account.customer()
    first = account.pay("0.00", customerId=customer.id, sequenceType="first", method="creditcard")
    account.at_checkout(first, "paid")
    assert next(iter(customer.mandates.list())).status == "valid"
    assert account.charged() == []
    with pytest.raises(UnprocessableEntityError):
        account.pay("0.00", customerId=customer.id, sequenceType="first", method="ideal")


def test_a_mandate_may_stay_pending_and_turn_valid_later(account: MollieAccount) -> None:
    account.admin.set_settings(mandate_delay_s=70 * HOUR_S)
    customer = account.with_mandate("ideal")
    with pytest.raises(UnprocessableEntityError, match="not valid yet"):
        charge(account, customer.id)
    subscription = account.subscribe(customer)
    assert subscription.status == "pending"
    account.admin.set_clock(advance_s=70 * HOUR_S - 1)
    assert customer.subscriptions.get(subscription.id).status == "pending"
    account.admin.set_clock(advance_s=1)
    assert next(iter(customer.mandates.list())).status == "valid"
    assert customer.subscriptions.get(subscription.id).status == "active"
    (renewal,) = customer.subscriptions.get(subscription.id).payments.list()
    assert renewal.created_at == "2030-03-20T15:46:40+00:00"


def test_a_mandate_may_turn_out_invalid(account: MollieAccount) -> None:
    account.admin.set_settings(mandate_delay_s=60, mandate_outcome="invalid")
    customer = account.with_mandate("ideal")
    subscription = account.subscribe(customer)
    account.admin.set_clock(advance_s=60)
    assert customer.subscriptions.get(subscription.id).status == "suspended"
    with pytest.raises(UnprocessableEntityError, match="No suitable mandates"):
        charge(account, customer.id)


def test_cards_are_charged_at_once_and_accounts_days_later(account: MollieAccount) -> None:
    card, bank = account.with_mandate(), account.with_mandate("ideal")
    assert account.get(charge(account, card.id)).status == "paid"
    debit = account.get(charge(account, bank.id))
    assert (debit.status, debit.method, debit.is_cancelable) == ("pending", "directdebit", True)
    account.admin.set_clock(advance_s=2 * DAY_S)
    assert account.get(debit.id).paid_at == "2030-03-19T17:46:40+00:00"
    assert debit.checkout_url is None


def test_what_becomes_of_recurring_payments_is_chosen(account: MollieAccount) -> None:
    customer = account.with_mandate()
    account.admin.set_settings(next_outcomes=["failed", "paid"], default_outcome="failed")
    found = [account.get(charge(account, customer.id)) for _ in range(3)]
    assert [payment.status for payment in found] == ["failed", "paid", "failed"]
    assert found[0].details["failureReason"] == "insufficient_funds"
    assert found[0].is_paid() is False


def test_without_a_mandate_nothing_is_charged(account: MollieAccount) -> None:
    customer = account.customer()
    with pytest.raises(UnprocessableEntityError, match="No suitable mandates"):
        charge(account, customer.id)
    with pytest.raises(UnprocessableEntityError, match="No suitable mandates"):
        account.subscribe(customer)
    with pytest.raises(UnprocessableEntityError) as caught:
        charge(account, account.with_mandate().id, mandateId="mdt_none")
    assert caught.value.field == "mandateId"


def test_mandates_are_made_for_accounts_and_revoked(account: MollieAccount) -> None:
    customer = account.customer()
    body = {
        "method": "directdebit",
        "consumerName": "Ada",
        "consumerAccount": "NL55INGB0000000000",
        "signatureDate": "2030-01-01",
        "mandateReference": "REF-1",
    }
    mandate = customer.mandates.create(body)
    assert (mandate.status, mandate["mandateReference"]) == ("valid", "REF-1")
    subscription = account.subscribe(customer)
    customer.mandates.delete(mandate.id)
    assert customer.subscriptions.get(subscription.id).status == "suspended"
    with pytest.raises(ResponseError) as caught:
        customer.mandates.get(mandate.id)
    assert caught.value.status == 410
    other = account.customer()
    with pytest.raises(NotFoundError):
        other.mandates.get(mandate.id)


@pytest.mark.parametrize(
    "body",
    [
        {"method": "creditcard", "consumerName": "Ada"},
        {"method": "directdebit", "consumerName": "Ada"},
        {"method": "paypal", "consumerName": "Ada"},
        {"method": "paypal", "consumerName": "Ada", "consumerEmail": "a@example.org"},
    ],
)
def test_mandates_that_lack_something_are_refused(
    account: MollieAccount, body: dict[str, str]
) -> None:
    with pytest.raises(UnprocessableEntityError):
        account.customer().mandates.create(body)


def test_a_paypal_agreement_makes_a_mandate(account: MollieAccount) -> None:
    body = {"method": "paypal", "consumerName": "Ada", "consumerEmail": "a@example.org"}
    mandate = account.customer().mandates.create(body | {"paypalBillingAgreementId": "B-1"})
    assert mandate.details["consumerAccount"] == "a@example.org"
