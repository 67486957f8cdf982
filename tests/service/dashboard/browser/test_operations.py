"""Keys and connections on Operations in Chromium: used, and checked with axe-core in each state."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from domain.gateway.errors import GatewayMisconfigured
from eventlog.security.vault import Vault
from tests.service.dashboard.browser.conftest import Window
from tests.service.harness import Shop
from tests.service.running_service import MASTER_KEY
from tests.support.credentials_check import CredentialsCheck
from tests.support.provider_lookup_worker import lookup_worker

_WIDTHS_PX = (320, 1300)


def problems(window: Window) -> list[str]:
    found = []
    for width in _WIDTHS_PX:
        window.page.set_viewport_size({"width": width, "height": 900})
        found += [f"{width} px: {one}" for one in window.accessibility_violations()]
        if window.page.evaluate("document.documentElement.scrollWidth") > width:
            found.append(f"wider than {width} px")
    return found


@pytest.mark.extended
def test_a_key_is_rotated_and_a_connection_tested(shop: Shop, window: Window) -> None:
    gateway: Any = CredentialsCheck()
    window.sign_in(shop)
    window.open("/dashboard/operations")
    page = window.page
    old = page.locator(f"#rotate-{shop.key_ids['read']}")
    old.locator("summary").click()
    assert problems(window) == []
    old.locator("select").select_option("after an hour")
    old.get_by_role("button", name="Rotate this key").click()
    expect(page.get_by_role("alert")).to_contain_text(re.compile("bh_read_[A-Za-z0-9_-]{43}"))
    assert problems(window) == []
    with lookup_worker(shop.service.database, gateway, vault=Vault([MASTER_KEY])):
        page.get_by_role("button", name="Test stripe-1").click()
        expect(page.locator("#connections")).to_contain_text("Stripe accepts the key of stripe-1")
        assert problems(window) == []
        gateway.error = GatewayMisconfigured("Stripe rejects our credentials (api_key_expired)")
        page.get_by_role("button", name="Test stripe-1").click()
        expect(page.get_by_role("alert")).to_contain_text("(api_key_expired)")
    page.emulate_media(color_scheme="dark")
    assert problems(window) == []
