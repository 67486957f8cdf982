"""A tenant leaves a card on the provider's page and is charged by it from then on."""

from __future__ import annotations

from tests.support.stripe_account import Account
from tests.support.system import Caller, Json, eventually


def test_a_card_left_on_the_providers_page_pays_the_next_invoice(
    caller: Caller, account: Account
) -> None:
    customer = account.add_customer(card=None)
    tenant_id = caller.add_tenant(customer)
    path = f"/tenants/{tenant_id}/payment-methods/setup"
    headers = caller.headers("write") | {"Idempotency-Key": f"card-of-{tenant_id}"}
    body = {"provider": "stripe", "redirectUrl": "https://shop.example.org/saved"}

    answer = caller.http.post(caller.app_path + path, json=body, headers=headers)

    assert answer.status_code == 200, answer.text
    setup = answer.json()["items"][0]
    assert answer.json()["url"] == setup["url"]
    page = caller.http.get(setup["url"])
    assert page.status_code == 200
    account.admin.complete_checkout(setup["url"].rpartition("/")[2], "pm_card_mastercard")

    def completed() -> Json | None:
        found: Json = caller.get(f"{path}/{setup['id']}")["items"][0]
        return found if found["status"] == "completed" else None

    done = eventually(completed)
    assert done is not None
    assert (done["paymentMethod"]["brand"], done["paymentMethod"]["last4"]) == (
        "mastercard",
        "4444",
    )
    settings = account.v1.customers.retrieve(customer).invoice_settings
    assert settings is not None
    assert settings.default_payment_method == done["paymentMethod"]["id"]
    again = caller.http.post(caller.app_path + path, json=body, headers=headers)
    assert again.json() == answer.json()

    invoice = caller.post_invoice(tenant_id)

    assert invoice.status_code == 200, invoice.text
    assert invoice.json()["items"][0]["status"] == "paid"
    eventually(lambda: not _work_of(caller, setup["id"]))


def _work_of(caller: Caller, setup_id: str) -> list[Json]:
    items: list[Json] = caller.get("/work")["items"]
    return [row for row in items if row["setupId"] == setup_id]
