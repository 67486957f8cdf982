"""`billhook up` with a test key and no public URL: the provider is asked for its events."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.test_invoice_lifecycle import by_status, confirm_on_page
from tests.support.sandbox import SandboxProcess
from tests.support.stripe_account import Account
from tests.support.system import System, eventually

KEY = "sk_test_without_public_url"


@pytest.mark.extended
def test_without_webhooks_what_is_confirmed_on_the_page_becomes_paid(tmp_path: Path) -> None:
    with (
        SandboxProcess() as stripe,
        System(tmp_path, stripe_api_base=stripe.url, demo_stripe_key=KEY) as system,
        Account(stripe.url, KEY) as account,
        system.caller() as caller,
    ):
        account.admin.set_webhooks(hold=True)
        tenant_id = caller.add_tenant(account.add_customer("needs_authentication"))
        item = caller.post_invoice(tenant_id).json()["items"][0]
        assert item["status"] == "requires_action"

        confirm_on_page(item["nextAction"]["url"])

        paid = eventually(lambda: by_status(caller, item["id"], "paid"))
        assert paid["amountPaidMinor"] == 1999
        states = {entry["state"] for entry in account.admin.deliveries()}
        assert "delivered" not in states
