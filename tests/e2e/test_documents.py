"""Test pages that customers open without a key: the invoice document and the payment status."""

from __future__ import annotations

from tests.support import plain_http
from tests.support.stripe_account import Account
from tests.support.system import Caller


def test_a_document_url_redirects_to_the_providers_pdf(caller: Caller, account: Account) -> None:
    tenant_id = caller.add_tenant(account.add_customer())
    item = caller.post_invoice(tenant_id).json()["items"][0]
    assert item["documentUrl"].startswith(f"{caller.demo['base_url']}/d/")

    led = plain_http.get(item["documentUrl"])

    assert led.status_code == 302
    document = plain_http.get(led.headers["location"])
    assert document.headers["content-type"] == "application/pdf"
    assert document.content.startswith(b"%PDF")


def test_the_app_is_led_to_the_same_document(caller: Caller, account: Account) -> None:
    tenant_id = caller.add_tenant(account.add_customer())
    item = caller.post_invoice(tenant_id).json()["items"][0]

    led = caller.http.get(
        f"{caller.app_path}/invoices/{item['id']}/document", headers=caller.headers("read")
    )

    public = plain_http.get(item["documentUrl"])
    assert (led.status_code, led.headers["location"]) == (302, public.headers["location"])
