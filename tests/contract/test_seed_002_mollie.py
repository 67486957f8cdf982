"""Seed 002 where the provider is Mollie: the billing document is a payment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.field_table import printed_in
from tests.contract.response_matching import Json, differences
from tests.support.mollie_account import MollieAccount
from tests.support.system import DEMO_MOLLIE_KEY, Caller, System, eventually


@pytest.fixture
def mollie(system: System) -> Iterator[MollieAccount]:
    with MollieAccount(system.demo["sandbox_url"], DEMO_MOLLIE_KEY) as account:
        yield account


def create_invoice(caller: Caller, **changes: object) -> Json:
    """Send the printed call, with the demo's own price and tax rate."""
    tenant_id = caller.demo["tenant_id"]
    line = printed_in("002_payload.json")["lineItems"][0]
    body = {
        "tenantUuid": tenant_id,
        "lineItems": [line | {"price": caller.demo["prices"]["one_time"]}],
        "taxRateId": caller.demo["tax_rates"]["standard"],
        "paymentMethod": "card",
        "type": "payment",
        **changes,
    }
    answer = caller.http.post(
        f"{caller.app_path}/tenants/{tenant_id}/payment-providers/mollie/invoices",
        json=body,
        headers=caller.headers("write"),
    )
    document: Json = answer.json() | {"code": answer.status_code}
    return document


def test_the_printed_call_is_answered_with_every_printed_field(
    caller: Caller, mollie: MollieAccount
) -> None:
    document = create_invoice(caller)

    assert document["code"] == 200
    assert differences("002_created.json", document) == []
    item = document["items"][0]
    payment = mollie.get(item["providerObjectId"])
    assert (item["status"], item["totalMinor"], item["taxMinor"]) == ("open", 2419, 420)
    assert item["providerObjectType"] == "payment"
    assert item["nextAction"] == {"type": "redirect", "url": payment.checkout_url}
    assert item["providerResponse"]["method"] == "creditcard"
    assert item["providerResponse"]["id"] == payment.id
    assert payment.redirect_url.startswith(f"{caller.demo['base_url']}/return/")


# The example of the document, to the letter.
PRINTED = (
    '{"tenantUuid":"11111111-1111-1111-1111-111111111111","lineItems":[{"name":"Pro Plan",'
    '"price":"price_12345"}],"taxRateId":"txr_12345","paymentMethod":"card","type":"subscription"}'
)


def put(caller: Caller, path: str, **body: object) -> None:
    answer = caller.http.put(caller.app_path + path, json=body, headers=caller.headers("write"))
    assert answer.status_code == 200, answer.text


def test_the_printed_example_verbatim_begins_a_subscription_with_every_printed_field(
    caller: Caller, mollie: MollieAccount
) -> None:
    put(caller, "/tenants/11111111-1111-1111-1111-111111111111", name="Ada")
    monthly = {"currency": "eur", "amountMinor": 1999, "interval": "month"}
    put(caller, "/prices/price_12345", name="Pro Plan", **monthly)
    put(caller, "/tax-rates/txr_12345", percentage=21, inclusive=False)

    answer = caller.http.post(
        f"{caller.app_path}/tenants/11111111-1111-1111-1111-111111111111"
        "/payment-providers/mollie/invoices",
        content=PRINTED,
        headers=caller.headers("write") | {"Content-Type": "application/json"},
    )

    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert differences("002_created.json", document) == []
    item = document["items"][0]
    response = item["providerResponse"]
    assert (item["status"], response["method"], response["sequenceType"]) == (
        "open",
        "creditcard",
        "first",
    )
    assert response["customerId"].startswith("cst_")
    assert item["nextAction"]["url"] == mollie.get(item["providerObjectId"]).checkout_url


def test_checkout_outcomes_are_applied(caller: Caller, mollie: MollieAccount) -> None:
    item = create_invoice(caller)["items"][0]

    back = mollie.at_checkout(mollie.get(item["providerObjectId"]), "paid")

    path = f"{caller.app_path}/invoices/{item['id']}"
    headers = caller.headers("read")
    eventually(lambda: caller.http.get(path, headers=headers).json()["items"][0]["paidAt"])
    shown = caller.http.get(path, headers=headers).json()["items"][0]
    assert (shown["status"], shown["amountPaidMinor"]) == ("paid", 2419)
    assert "it is paid" in caller.http.get(back).text


def test_the_document_is_the_payment_in_mollies_dashboard(
    caller: Caller, mollie: MollieAccount
) -> None:
    item = create_invoice(caller)["items"][0]

    answer = caller.http.get(item["documentUrl"])

    payment = mollie.get(item["providerObjectId"])
    assert answer.status_code == 302
    assert answer.headers["location"] == payment["_links"]["dashboard"]["href"]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"lineItems": [{"price": "price_unknown"}]}, "lineItems.0.price"),
        ({"taxRateId": "txr_unknown"}, "taxRateId"),
        ({"paymentMethod": "sorcery"}, "paymentMethod"),
    ],
    ids=["price", "tax", "method"],
)
def test_a_request_that_cannot_be_charged_is_400_with_the_field(
    caller: Caller, changes: Json, path: str
) -> None:
    document = create_invoice(caller, **changes)

    assert document["code"] == 400
    (error,) = document["errors"]
    assert (error["code"], error["path"]) == ("[E4000]", path)
