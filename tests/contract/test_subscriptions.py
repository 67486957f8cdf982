"""Subscriptions as callers of 000, 001 and 002 ask for them, and as they go on from there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.field_table import printed_in
from tests.contract.immediate_charge_calls import Charging
from tests.contract.response_matching import Json, differences
from tests.support.stripe_account import Account
from tests.support.system import Caller, eventually

MONTHLY = 999
WITH_TAX = 1209  # 21 % on top
SPOTS = [("000", "/v1"), ("001", "/api/v1")]


@pytest.fixture
def monthly(account: Account) -> str:
    return account.add_price(MONTHLY, recurring={"interval": "month"})


@pytest.fixture
def yearly(account: Account) -> str:
    return account.add_price(10 * MONTHLY, recurring={"interval": "year"})


def subscribed(account: Account, tenant_id: str, price: str) -> Json:
    """The request that document 002 prints, with its values filled in."""
    body = printed_in("002_payload.json")
    line = body["lineItems"][0] | {"price": price}
    known = {"tenantUuid": tenant_id, "lineItems": [line], "taxRateId": account.tax_rate}
    assert body["type"] == "subscription"
    return body | known


def item(answer: Any) -> Json:
    assert answer.status_code == 200, answer.text
    (found,) = answer.json()["items"]
    return dict(found)


def act(caller: Caller, subscription: str, action: str, body: Json) -> Any:
    return caller.http.post(
        f"{caller.app_path}/subscriptions/{subscription}/{action}",
        json=body,
        headers=caller.headers("write"),
    )


def test_the_printed_payload_begins_a_subscription(
    caller: Caller, account: Account, monthly: str
) -> None:
    tenant_id = caller.add_tenant(account.add_customer())

    answer = caller.post_invoice(tenant_id, **subscribed(account, tenant_id, monthly))

    invoice = item(answer)
    assert [
        d for d in differences("002_created.json", answer.json()) if "providerResponse" not in d
    ] == ["items[].nextAction.url: is missing"]
    assert (invoice["type"], invoice["status"], invoice["totalMinor"]) == (
        "subscription",
        "paid",
        WITH_TAX,
    )
    position = answer.headers["x-billhook-position"]
    path = f"/subscriptions/{invoice['subscriptionId']}"

    def active() -> Json | None:
        """Return the subscription once it is active: it follows its first invoice."""
        (found,) = caller.get(path, minPosition=position)["items"]
        return dict(found) if found["status"] == "active" else None

    subscription = eventually(active)
    assert subscription is not None
    assert subscription["monthlyMinor"] == MONTHLY
    assert (subscription["tenantUuid"], subscription["invoiceId"]) == (tenant_id, invoice["id"])
    assert [line["price"] for line in subscription["lineItems"]] == [monthly]
    found = caller.get(f"/tenants/{tenant_id}/subscriptions", minPosition=position)
    assert [entry["id"] for entry in found["items"]] == [subscription["id"]]


def test_a_declined_first_invoice_is_402_and_leaves_nothing_that_runs(
    caller: Caller, account: Account, monthly: str
) -> None:
    customer = account.add_customer("declined")
    tenant_id = caller.add_tenant(customer)

    answer = caller.post_invoice(tenant_id, **subscribed(account, tenant_id, monthly))

    assert answer.status_code == 402
    assert answer.json()["errors"][0]["code"] == "[E4020]"
    (left,) = account.v1.subscriptions.list({"customer": customer, "status": "all"}).data
    assert left.status in ("canceled", "incomplete_expired")


@pytest.mark.parametrize(("price", "path"), [("one_time", "lineItems.0.price")])
def test_a_one_time_price_can_not_be_subscribed_to(
    caller: Caller, account: Account, price: str, path: str
) -> None:
    tenant_id = caller.add_tenant(account.add_customer())
    body = subscribed(account, tenant_id, caller.demo["prices"][price])

    answer = caller.post_invoice(tenant_id, **body)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["path"] == path


@pytest.mark.parametrize(("dialect", "prefix"), SPOTS, ids=["000", "001"])
def test_a_subscription_on_the_spot_is_answered_with_its_first_payment(
    caller: Caller, account: Account, monthly: str, dialect: str, prefix: str
) -> None:
    charging = Charging.made(caller, account, dialect=dialect, prefix=prefix, card="succeeds")

    answer = charging.post(price=monthly, mode="subscription")

    assert answer.status_code == 201, answer.text
    assert differences(f"{dialect}_created.json", answer.json()) == []
    intent = answer.json()["data"]
    intent = intent.get("paymentIntents", intent)
    assert (intent["object"], intent["status"]) == ("payment_intent", "succeeded")
    assert intent["amount"] == charging.charged() == round(2 * MONTHLY * 1.21)
    (invoice,) = charging.invoices()
    assert intent["invoice"] == invoice.id
    assert invoice.parent.type == "subscription_details"


@pytest.mark.parametrize(("dialect", "prefix"), SPOTS, ids=["000", "001"])
def test_a_zero_total_still_has_a_payment_in_the_response(
    caller: Caller, account: Account, dialect: str, prefix: str
) -> None:
    charging = Charging.made(caller, account, dialect=dialect, prefix=prefix, card="succeeds")
    free = account.add_price(0, recurring={"interval": "month"})

    answer = charging.post(price=free, mode="subscription")

    assert answer.status_code == 201, answer.text
    intent = answer.json()["data"]
    intent = intent.get("paymentIntents", intent)
    assert (
        intent.items()
        >= {
            "id": None,
            "object": "payment_intent",
            "amount": 0,
            "amount_received": 0,
            "currency": "eur",
            "status": "succeeded",
            "invoice": charging.invoices()[0].id,
        }.items()
    )


@pytest.mark.parametrize(("dialect", "prefix"), SPOTS, ids=["000", "001"])
def test_a_first_payment_that_needs_its_owner_is_201_with_what_confirms_it(
    caller: Caller, account: Account, monthly: str, dialect: str, prefix: str
) -> None:
    charging = Charging.made(
        caller, account, dialect=dialect, prefix=prefix, card="needs_authentication"
    )

    answer = charging.post(price=monthly, mode="subscription")

    assert answer.status_code == 201, answer.text
    intent = answer.json()["data"]
    intent = intent.get("paymentIntents", intent)
    assert intent["status"] != "succeeded"
    assert intent["client_secret"].startswith(f"{intent['id']}_secret_")
    assert charging.charged() == 0


def test_a_subscription_is_changed_and_ended_over_http(
    caller: Caller, account: Account, monthly: str, yearly: str
) -> None:
    tenant_id = caller.add_tenant(account.add_customer())
    invoice = item(caller.post_invoice(tenant_id, **subscribed(account, tenant_id, monthly)))
    name = invoice["subscriptionId"]

    lines = [{"price": yearly, "quantity": 1}]
    later = item(act(caller, name, "change", {"lineItems": lines, "when": "periodEnd"}))
    now = item(
        act(
            caller,
            name,
            "change",
            {"lineItems": [{"price": monthly, "quantity": 3}], "when": "now"},
        )
    )
    ending = item(act(caller, name, "cancel", {"atPeriodEnd": True}))
    ended = item(act(caller, name, "cancel", {}))
    again = act(caller, name, "cancel", {})

    assert later["scheduledChange"]["lineItems"] == lines
    assert later["scheduledChange"]["at"] == later["periodEnd"]
    assert [(line["price"], line["quantity"]) for line in now["lineItems"]] == [(monthly, 3)]
    assert now["monthlyMinor"] == 3 * MONTHLY
    assert (ending["status"], ending["cancelAt"]) == ("active", ending["periodEnd"])
    assert ended["status"] == "canceled"
    assert account.v1.subscriptions.retrieve(name).status == "canceled"
    assert again.status_code == 400
    assert again.json()["errors"][0]["message"] == "status: can't be canceled: it is canceled"


def test_a_change_that_stripe_rejects_is_400_with_its_message(
    caller: Caller, account: Account, monthly: str
) -> None:
    tenant_id = caller.add_tenant(account.add_customer())
    invoice = item(caller.post_invoice(tenant_id, **subscribed(account, tenant_id, monthly)))

    gone = {"lineItems": [{"price": "price_gone"}], "when": "now"}
    answer = act(caller, invoice["subscriptionId"], "change", gone)

    assert answer.status_code == 400
    assert "price_gone" in answer.json()["errors"][0]["message"]
