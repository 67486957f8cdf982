"""A subscription at Mollie through the whole system: asked for, paid, begun, renewed, canceled."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import cast

import pytest

from tests.support.mollie_account import MollieAccount
from tests.support.system import DEMO_MOLLIE_KEY, Caller, Json, System, eventually

MONTH = timedelta(days=32)


@pytest.fixture
def mollie(system: System) -> Iterator[MollieAccount]:
    with MollieAccount(system.demo["sandbox_url"], DEMO_MOLLIE_KEY) as made:
        yield made


def subscribe(caller: Caller) -> Json:
    """Request the demo's monthly plan."""
    tenant_id = caller.demo["tenant_id"]
    line = {"name": "Pro", "price": caller.demo["prices"]["monthly"]}
    answer = caller.http.post(
        f"{caller.app_path}/tenants/{tenant_id}/payment-providers/mollie/invoices",
        json={
            "tenantUuid": tenant_id,
            "lineItems": [line],
            "taxRateId": caller.demo["tax_rates"]["standard"],
            "type": "subscription",
        },
        headers=caller.headers("write"),
    )
    assert answer.status_code == 200, answer.text
    return cast("Json", answer.json()["items"][0])


def work(caller: Caller) -> list[Json]:
    items: list[Json] = caller.get("/work")["items"]
    return items


def test_a_subscription_begins_renews_and_is_canceled(
    caller: Caller, mollie: MollieAccount
) -> None:
    invoice = subscribe(caller)
    assert invoice["status"] == "open"
    payment = mollie.get(invoice["providerObjectId"])
    mollie.at_checkout(payment, "paid", method="creditcard")

    def subscription() -> Json | None:
        items: list[Json] = caller.get("/subscriptions", provider="mollie")["items"]
        mine = [one for one in items if one["invoiceId"] == invoice["id"]]
        return mine[0] if mine and mine[0]["status"] == "active" else None

    started = eventually(subscription)
    assert started is not None
    eventually(lambda: started["id"] in [row["subscriptionId"] for row in work(caller)])
    shown = caller.invoice(invoice["id"])
    assert (shown["status"], shown["subscriptionId"]) == ("paid", started["providerSubscriptionId"])
    by_its_id = caller.get(f"/subscriptions/{started['providerSubscriptionId']}")["items"][0]
    assert by_its_id["id"] == started["id"]
    mollie.admin.set_clock(advance_s=MONTH.total_seconds())

    def renewal() -> Json | None:
        items: list[Json] = caller.get("/invoices", origin="renewal", provider="mollie")["items"]
        mine = [one for one in items if one["subscriptionId"] == started["providerSubscriptionId"]]
        return mine[0] if mine and mine[0]["status"] == "paid" else None

    renewed = eventually(renewal)
    assert renewed is not None
    assert renewed["totalMinor"] == invoice["totalMinor"]
    assert renewed["taxMinor"] == invoice["taxMinor"]
    assert renewed["periodStart"] == started["periodEnd"]
    answer = caller.http.post(
        f"{caller.app_path}/subscriptions/{started['id']}/cancel",
        json={"atPeriodEnd": False},
        headers=caller.headers("write"),
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["items"][0]["status"] == "canceled"
    eventually(lambda: started["id"] not in [row["subscriptionId"] for row in work(caller)])


def test_one_whose_first_payment_fails_never_begins(caller: Caller, mollie: MollieAccount) -> None:
    invoice = subscribe(caller)
    mollie.at_checkout(mollie.get(invoice["providerObjectId"]), "failed", method="creditcard")

    def ended() -> bool:
        items: list[Json] = caller.get("/subscriptions", provider="mollie")["items"]
        return ("incomplete_expired", invoice["id"]) in [
            (one["status"], one["invoiceId"]) for one in items
        ]

    assert eventually(ended)
    assert caller.invoice(invoice["id"])["status"] == "failed"
