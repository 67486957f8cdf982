"""Seed 002: POST /api/v1/apps/:appUuid/tenants/:tenantUuid/payment-providers/…/invoices."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.contract.field_table import printed_in
from tests.contract.response_matching import Json, differences
from tests.support.stripe_account import Account
from tests.support.system import Caller, eventually

REFUSED: dict[str, tuple[int, Json]] = {
    document["errors"][0]["code"]: (status, document)
    for status, document in printed_in("002_refused.json")
}


@pytest.fixture
def tenant_id(caller: Caller, account: Account) -> str:
    return caller.add_tenant(account.add_customer())


def test_the_printed_payload_is_answered_with_the_printed_envelope(
    caller: Caller, account: Account, tenant_id: str
) -> None:
    line = printed_in("002_payload.json")["lineItems"][0] | {"price": account.price}
    body: Json = {
        "tenantUuid": tenant_id,
        "lineItems": [line],
        "taxRateId": account.tax_rate,
        "type": "payment",
    }
    assert set(body) == set(printed_in("002_payload.json"))

    answer = caller.post_invoice(tenant_id, **body)

    assert answer.status_code == 200
    document = answer.json()
    assert [
        d for d in differences("002_created.json", document) if "providerResponse" not in d
    ] == ["items[].nextAction.url: is missing"]
    item = document["items"][0]
    assert (item["status"], item["nextAction"], item["totalMinor"]) == ("paid", None, 2419)
    assert item["providerObjectType"] == "invoice"
    assert item["providerResponse"]["id"] == item["providerObjectId"]


def test_where_the_customer_has_to_go_on_is_the_next_action(
    caller: Caller, account: Account
) -> None:
    answer = caller.post_invoice(caller.add_tenant(account.add_customer(None)))

    assert answer.status_code == 200
    assert [
        difference
        for difference in differences("002_created.json", answer.json())
        if "providerResponse" not in difference
    ] == []
    assert answer.json()["items"][0]["status"] == "open"


@pytest.mark.parametrize(
    ("code", "headers"),
    [
        ("[E4010]", {"x-api-key": "bh_write_none"}),
        ("[E4010]", {"x-api-key": ""}),
        ("[E4010]", {"x-client-id": str(uuid4())}),
        ("[E4011]", {"x-api-key-type": "read"}),
        ("[E4011]", {"x-api-key-type": "admin"}),
    ],
)
def test_the_printed_errors_are_answered_to_the_letter(
    caller: Caller, tenant_id: str, code: str, headers: dict[str, str]
) -> None:
    answer = post(caller, tenant_id, caller.headers("write") | headers)

    assert (answer.status_code, answer.json()) == REFUSED[code]


def test_a_disabled_app_is_refused_to_the_letter(caller: Caller, tenant_id: str) -> None:
    admin = {"Api-Key": caller.demo["admin_key"]}

    def switch(*, enabled: bool) -> None:
        changed = caller.http.patch(caller.app_path, json={"enabled": enabled}, headers=admin)
        assert changed.status_code == 200, changed.text

    switch(enabled=False)
    try:
        refused = eventually(lambda: refusal(post(caller, tenant_id, caller.headers("write"))))
    finally:
        switch(enabled=True)
    assert refused == REFUSED["[E4030]"]
    eventually(lambda: caller.post_invoice(tenant_id).status_code == 200)


def refusal(answer: httpx.Response) -> tuple[int, Any] | None:
    return None if answer.status_code == 200 else (answer.status_code, answer.json())


def test_a_bad_request_is_printed_with_the_field_that_is_wrong(
    caller: Caller, tenant_id: str
) -> None:
    answer = caller.post_invoice(tenant_id, type="sometimes")

    status, printed = REFUSED["[E4000]"]
    assert answer.status_code == status
    (error,) = answer.json()["errors"]
    assert error["path"] == "type"
    assert error["message"].startswith("type: ")
    assert {name: error[name] for name in ("validation", "code")} == {
        name: printed["errors"][0][name] for name in ("validation", "code")
    }


def post(caller: Caller, tenant_id: str, headers: dict[str, str]) -> httpx.Response:
    return caller.http.post(
        f"{caller.app_path}/tenants/{tenant_id}/payment-providers/stripe/invoices",
        json=caller.body(tenant_id),
        headers=headers,
    )
