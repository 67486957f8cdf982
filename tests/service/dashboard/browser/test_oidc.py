"""The whole sign-in by OpenID Connect in Chromium, from another site and back."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import expect

from tests.service.dashboard.browser.conftest import Window, serving
from tests.service.dashboard.oidc.issuer_world import roles, settings_of
from tests.service.harness import Shop
from tests.service.running_service import Service
from tests.support.openid_provider import OpenIdProvider, openid_provider


@pytest.fixture
def away(service_database: str, service: Service) -> Iterator[tuple[OpenIdProvider, str]]:
    """Serve an issuer, and Billhook on a site of another name, as browsers see it."""
    shop, other = Shop(service), Shop(service)
    with ExitStack() as stack:
        bound = stack.enter_context(socket.socket())
        bound.bind(("127.0.0.1", 0))
        base_url = f"http://localhost:{bound.getsockname()[1]}"
        provider = stack.enter_context(openid_provider())
        settings = settings_of(provider.url, roles(shop.app_id, other.app_id))
        settings["public_url"] = base_url
        there = stack.enter_context(Service(service_database, projections=False, **settings))
        there.call(there.context.auth.access.wait_until_verified(60))
        stack.enter_context(serving(there, bound))
        yield provider, base_url


@pytest.mark.extended
def test_a_person_signs_in_at_another_site_chooses_an_app_and_signs_out(
    away: tuple[OpenIdProvider, str], window: Window
) -> None:
    provider, window.base_url = away
    provider.groups = ["billing"]
    page = window.page
    window.open("/dashboard/operations")
    assert window.accessibility_violations() == []
    page.get_by_role("link", name="Sign in with Example Login").click()
    page.get_by_role("link", name="Continue as Ada").click()
    page.wait_for_url("**/dashboard/operations")
    people = page.locator("#sessions")
    expect(people).to_contain_text(provider.subject)
    cookies = {one["name"]: one for one in page.context.cookies()}
    assert cookies["billhook_session"]["sameSite"] == "Strict"
    assert "billhook_oidc" not in cookies
    page.set_viewport_size({"width": 320, "height": 900})
    assert window.accessibility_violations() == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 320

    provider.groups = ["both"]
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("link", name="Sign in with Example Login").click()
    page.get_by_role("link", name="Continue as Ada").click()
    expect(page.get_by_role("heading")).to_have_text("Choose an app")
    assert window.accessibility_violations() == []
    page.locator("main a").first.click()
    page.get_by_role("link", name="Continue as Ada").click()
    page.wait_for_url("**/dashboard")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()

    provider.groups = ["unknown"]
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("link", name="Sign in with Example Login").click()
    page.get_by_role("link", name="Continue as Ada").click()
    expect(page.get_by_role("alert")).to_contain_text("you have no role")
    window.wrong.clear()  # the browser reports the status 403
