"""`billhook up` with the default: what webhooks did not bring is found by the scheduler."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_invoice_lifecycle import by_status, confirm_on_page
from tests.support.system import System, eventually


@pytest.mark.extended
def test_a_dropped_webhook_heals_by_itself(tmp_path: Path) -> None:
    every: dict[str, Any] = dict.fromkeys(
        ("reconcile_events_every_s", "reconcile_open_items_every_s"), 1
    )
    with (
        System(tmp_path, reconcile="true", **every) as system,
        system.account() as account,
        system.caller() as caller,
    ):
        account.admin.set_webhooks(hold=True)
        tenant_id = caller.add_tenant(account.add_customer("needs_authentication"))
        item = caller.post_invoice(tenant_id).json()["items"][0]
        assert item["status"] == "requires_action"
        confirm_on_page(item["nextAction"]["url"])
        # The newest minute is left to webhooks.
        account.admin.set_clock(advance_s=90)

        paid = eventually(lambda: by_status(caller, item["id"], "paid"))

        assert paid["amountPaidMinor"] == 1999
        assert "delivered" not in {entry["state"] for entry in account.admin.deliveries()}
