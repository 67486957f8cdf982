from __future__ import annotations

from typing import Any

import pytest
from mollie.api.error import NotFoundError, UnprocessableEntityError
from mollie.api.objects.customer import Customer

from tests.support.mollie_account import SHOP, MollieAccount, amount

DAY_S = 86400


@pytest.fixture
def customer(account: MollieAccount) -> Customer:
    return account.with_mandate()


def dates(customer: Customer, subscription: str) -> list[str]:
    """The days of the subscription's payments, oldest first."""
    found = customer.subscriptions.get(subscription).payments.list(limit=250)
    return [payment.created_at[:10] for payment in found][::-1]


def test_a_subscription_starts_today_by_default(account: MollieAccount, customer: Customer) -> None:
    today = account.subscribe(customer)
    assert (today.status, today.next_payment_date) == ("active", "2030-03-17")
    later = account.subscribe(customer, description="Plan 2", startDate="2030-04-17")
    assert dates(customer, today.id) == ["2030-03-17"]
    assert customer.subscriptions.get(today.id).next_payment_date == "2030-04-17"
    assert dates(customer, later.id) == []
    account.admin.set_clock(now=1_902_700_000)
    assert dates(customer, later.id) == ["2030-04-17"]


def test_a_year_is_renewed_each_payment_on_its_own_day(
    account: MollieAccount, customer: Customer
) -> None:
    subscription = account.subscribe(
        customer, startDate="2030-03-31", webhookUrl=f"{SHOP}/hook", metadata={"request": "r1"}
    )
    account.admin.set_settings(next_outcomes=["paid", "failed"])
    account.admin.set_clock(advance_s=365 * DAY_S)
    assert dates(customer, subscription.id)[:4] == [
        "2030-03-31", "2030-04-30", "2030-05-31", "2030-06-30"
    ]  # fmt: skip
    found = list(customer.subscriptions.get(subscription.id).payments.list())[::-1]
    assert [payment.status for payment in found] == ["paid", "failed"] + ["paid"] * 10
    for payment in found:
        assert payment.subscription_id == subscription.id
        assert payment.sequence_type == "recurring"
        assert (payment.webhook_url, payment.metadata) == (f"{SHOP}/hook", {"request": "r1"})
        assert payment.description == "Plan 1"
    assert found[0].get_subscription().id == subscription.id
    assert account.admin.ledger()["by_subscription"] == {subscription.id: {"eur": 11_000}}


def test_renewals_may_come_without_metadata(account: MollieAccount, customer: Customer) -> None:
    account.admin.set_settings(copy_metadata=False)
    subscription = account.subscribe(customer, metadata={"request": "r1"})
    (renewal,) = customer.subscriptions.get(subscription.id).payments.list()
    assert (renewal.metadata, renewal.subscription_id) == (None, subscription.id)


@pytest.mark.parametrize(
    ("interval", "second"),
    [("1 day", "2030-03-18"), ("2 weeks", "2030-03-31"), ("12 months", "2031-03-17")],
)
def test_intervals_are_days_weeks_or_months(
    account: MollieAccount, customer: Customer, interval: str, second: str
) -> None:
    subscription = account.subscribe(customer, interval=interval)
    dates(customer, subscription.id)
    assert customer.subscriptions.get(subscription.id).next_payment_date == second


def test_after_its_times_a_subscription_is_completed(
    account: MollieAccount, customer: Customer
) -> None:
    subscription = account.subscribe(customer, times=3, interval="1 week")
    account.admin.set_clock(advance_s=8 * DAY_S)
    assert customer.subscriptions.get(subscription.id).times_remaining == 1
    account.admin.set_clock(advance_s=365 * DAY_S)
    done = customer.subscriptions.get(subscription.id)
    assert (done.status, done.times_remaining, done.next_payment_date) == ("completed", 0, None)
    assert len(dates(customer, subscription.id)) == 3


def test_a_canceled_subscription_charges_no_more(
    account: MollieAccount, customer: Customer
) -> None:
    subscription = account.subscribe(customer)
    account.admin.set_clock(advance_s=DAY_S)
    canceled = customer.subscriptions.delete(subscription.id)
    assert (canceled.status, canceled.canceled_at) == ("canceled", "2030-03-18T17:46:40+00:00")
    account.admin.set_clock(advance_s=100 * DAY_S)
    assert len(dates(customer, subscription.id)) == 1
    with pytest.raises(UnprocessableEntityError):
        customer.subscriptions.delete(subscription.id)
    with pytest.raises(UnprocessableEntityError):
        customer.subscriptions.update(subscription.id, {"description": "x"})


def test_failures_in_a_row_suspend_until_there_is_another_mandate(
    account: MollieAccount, customer: Customer
) -> None:
    account.admin.set_settings(next_outcomes=["paid", "failed", "failed", "failed"])
    subscription = account.subscribe(customer)
    account.admin.set_clock(advance_s=200 * DAY_S)
    suspended = customer.subscriptions.get(subscription.id)
    assert suspended.status == "suspended"
    assert len(dates(customer, subscription.id)) == 4
    body = {"method": "directdebit", "consumerName": "A", "consumerAccount": "NL55INGB0000000000"}
    mandate = customer.mandates.create(body)
    renewed = customer.subscriptions.update(subscription.id, {"mandateId": mandate.id})
    assert (renewed.status, renewed["mandateId"]) == ("active", mandate.id)


def test_failures_suspend_nothing_if_so_set(account: MollieAccount, customer: Customer) -> None:
    account.admin.set_settings(suspend_after=0, default_outcome="failed")
    subscription = account.subscribe(customer)
    account.admin.set_clock(advance_s=200 * DAY_S)
    assert customer.subscriptions.get(subscription.id).status == "active"
    assert len(dates(customer, subscription.id)) == 7


def test_test_mode_stops_after_ten_payments_if_so_set(
    account: MollieAccount, customer: Customer
) -> None:
    account.admin.set_settings(stop_after_ten=True)
    subscription = account.subscribe(customer, interval="1 day")
    account.admin.set_clock(advance_s=30 * DAY_S)
    assert customer.subscriptions.get(subscription.id).status == "canceled"
    assert len(dates(customer, subscription.id)) == 10


def test_changes_hold_from_the_next_payment_on(account: MollieAccount, customer: Customer) -> None:
    subscription = account.subscribe(customer)
    dates(customer, subscription.id)
    change = {"amount": amount("7.00"), "interval": "1 week", "times": 3, "description": "New"}
    changed = customer.subscriptions.update(subscription.id, change)
    assert (changed.next_payment_date, changed.times_remaining) == ("2030-04-17", 2)
    account.admin.set_clock(advance_s=60 * DAY_S)
    assert dates(customer, subscription.id) == ["2030-03-17", "2030-04-17", "2030-04-24"]
    assert account.charged()[1:] == [1000, 700, 700]


def test_a_new_start_date_is_the_day_of_the_next_payment(
    account: MollieAccount, customer: Customer
) -> None:
    subscription = account.subscribe(customer)
    dates(customer, subscription.id)
    changed = customer.subscriptions.update(subscription.id, {"startDate": "2030-05-01"})
    assert changed.next_payment_date == "2030-05-01"
    with pytest.raises(UnprocessableEntityError):
        customer.subscriptions.update(subscription.id, {"times": 1})


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("interval", {"interval": "1 year"}),
        ("interval", {"interval": "13 months"}),
        ("interval", {"interval": "0 days"}),
        ("amount", {"amount": amount("0.00")}),
        ("startDate", {"startDate": "2030-03-16"}),
        ("startDate", {"startDate": "20300401"}),
        ("times", {"times": 0}),
        ("method", {"method": "ideal"}),
        ("mandateId", {"mandateId": "mdt_none"}),
        ("webhookUrl", {"webhookUrl": "nowhere"}),
        ("applicationFee", {"applicationFee": {}}),
        ("plan", {"plan": "gold"}),
        ("description", {"description": "Taken"}),
    ],
)
def test_what_does_not_fit_is_refused_by_its_field(
    account: MollieAccount, customer: Customer, field: str, wrong: dict[str, Any]
) -> None:
    account.subscribe(customer, description="Taken")
    with pytest.raises(UnprocessableEntityError) as caught:
        account.subscribe(customer, **wrong)
    assert caught.value.field == field


def test_a_description_is_free_again_once_its_subscription_has_ended(
    account: MollieAccount, customer: Customer
) -> None:
    customer.subscriptions.delete(account.subscribe(customer).id)
    assert account.subscribe(customer).status == "active"


def test_subscriptions_are_listed_by_customer_and_all(
    account: MollieAccount, customer: Customer
) -> None:
    other = account.with_mandate()
    made = [account.subscribe(customer).id, account.subscribe(other).id]
    assert [item.id for item in account.client.subscriptions.list()] == made[::-1]
    assert [item.id for item in customer.subscriptions.list()] == made[:1]
    with pytest.raises(NotFoundError):
        customer.subscriptions.get(made[1])


def test_deleting_a_customer_cancels_the_subscriptions(
    account: MollieAccount, customer: Customer
) -> None:
    account.subscribe(customer, startDate="2030-04-01")
    account.client.customers.delete(customer.id)
    account.admin.set_clock(advance_s=100 * DAY_S)
    (subscription,) = account.client.subscriptions.list()
    assert subscription.status == "canceled"
    assert account.charged() == [100]


def test_renewals_happen_without_a_request(account: MollieAccount, customer: Customer) -> None:
    account.subscribe(customer, startDate="2030-03-18", webhookUrl="http://127.0.0.1:9/none")
    account.admin.set_clock(advance_s=DAY_S)
    deliveries = account.admin.deliveries()
    assert [item["type"] for item in deliveries] == ["payment.paid"]
