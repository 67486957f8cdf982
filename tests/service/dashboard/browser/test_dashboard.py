"""The dashboard in a real Chromium: its policy, accessibility, layout, live updates and actions."""

from typing import Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from service.dashboard.pages import NAVIGATION
from tests.service.dashboard.browser.conftest import Window
from tests.service.dashboard.shown_invoices import invoice_of
from tests.service.harness import Shop, stripe_event
from tests.service.invoices.invoice_actions import act
from tests.service.operations.test_alerts import disable_endpoint, leave_drift
from tests.service.subscriptions.subscription_actions import subscribed


def pages_of(shop: Shop) -> list[str]:
    """Make an invoice of each kind and a delivery; return the pages that show them."""
    failed, paid = invoice_of(shop, "declined"), invoice_of(shop)
    shop.deliver(stripe_event())
    leave_drift(shop)
    disable_endpoint(shop)
    shop.service.wait_for_projection("deliveries")
    made = subscribed(shop)
    shop.service.wait_for_projection("subscriptions")
    subscription = f"/dashboard/subscriptions/{made.id}"
    own = [subscription, f"{subscription}/change?price-0=price_yearly&when=now",
           "/dashboard/recurring-revenue?mode=test&currency=eur", "/dashboard/operations/log",
           f"/dashboard/invoices/{failed}", f"/dashboard/invoices/{paid}?raw=1",
           f"/dashboard/invoices/{paid}/confirm/refund", f"/dashboard/tenants/{shop.tenant_id}",
           "/dashboard/movements?kind=failed", "/dashboard/operations/drift"]  # fmt: skip
    return [path for path, _ in NAVIGATION] + own


@pytest.mark.parametrize(
    ("theme", "width", "pages"),
    [
        ("light", 320, slice(0, None, 2)),
        pytest.param("light", 320, slice(1, None, 2), marks=pytest.mark.extended),
        pytest.param("dark", 1600, slice(None), marks=pytest.mark.extended),
    ],
    ids=["light-phone-some", "light-phone-others", "dark-wide-all"],
)
def test_pages_are_accessible_in_light_and_dark_from_phone_to_wide_screen(
    shop: Shop, window: Window, theme: Literal["light", "dark"], width: int, pages: slice
) -> None:
    window.open("/dashboard/sign-in")
    assert window.accessibility_violations() == []
    window.sign_in(shop)
    window.page.emulate_media(color_scheme=theme)
    window.page.set_viewport_size({"width": width, "height": 900})
    problems = []
    for path in pages_of(shop)[pages]:
        window.open(path)
        shown = window.page.evaluate("document.documentElement.dataset.bsTheme")
        assert shown == theme
        problems += [f"{path}, {theme}: {one}" for one in window.accessibility_violations()]
        if window.page.evaluate("document.documentElement.scrollWidth") > width:
            problems.append(f"{path} is wider than {width} px")
    assert problems == []


_LONG_WORDS = """
for (const it of document.querySelectorAll("main :is(h1, h2, p, dt, dd, td > a)"))
  it.textContent = "W".repeat(255);
"""
_WIDEST_TABLE = """
Math.max(0, ...[...document.querySelectorAll(".bh-scroll")].map(it => it.scrollWidth))
"""


@pytest.mark.parametrize("width", [320, 1300])
def test_a_long_word_of_a_provider_does_not_widen_a_page(
    shop: Shop, window: Window, width: int
) -> None:
    window.sign_in(shop)
    window.page.set_viewport_size({"width": width, "height": 900})
    for path in (f"/dashboard/invoices/{invoice_of(shop)}", f"/dashboard/tenants/{shop.tenant_id}"):
        window.open(path)
        window.page.evaluate(_LONG_WORDS)
        assert window.page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("path", ["/dashboard/invoices", "/dashboard/movements"])
def test_a_long_number_leaves_room_for_the_other_columns(
    shop: Shop, window: Window, path: str
) -> None:
    invoice_of(shop)
    window.sign_in(shop)
    window.page.set_viewport_size({"width": 1300, "height": 900})
    window.open(path)
    window.page.evaluate(_LONG_WORDS)
    assert 0 < window.page.evaluate(_WIDEST_TABLE) <= 1300


def test_a_wrong_key_shows_an_error(shop: Shop, window: Window) -> None:
    window.open("/dashboard/sign-in")
    window.page.fill("#key", "bh_admin_wrong")
    window.page.click("text=Sign in >> nth=-1")
    expect(window.page.get_by_role("alert")).to_contain_text("does not open the dashboard")
    window.wrong.clear()  # the browser reports the status 401
    window.sign_in(shop, "read")
    window.open("/dashboard/invoices")


def test_a_refund_from_the_click_to_the_ledger(shop: Shop, window: Window) -> None:
    invoice_id = invoice_of(shop)
    window.sign_in(shop)
    window.open(f"/dashboard/invoices/{invoice_id}")
    window.page.get_by_role("button", name="Refund").first.click()
    dialog = window.page.locator("dialog[open]")
    dialog.locator("#amount-refund").fill("7.25")
    dialog.locator("#reason").select_option("duplicate")
    dialog.get_by_role("button", name="Refund").click()
    expect(window.page.get_by_role("status").filter(has_text="Done")).to_be_visible()
    expect(window.page.locator("main")).to_contain_text("12.74 EUR refundable now")
    found = shop.get(f"{shop.url}/invoices/{invoice_id}").json()["items"][0]
    assert found["amountRefundedMinor"] == 725


def test_what_changes_while_a_dialog_is_open_is_shown_once_it_is_closed(
    shop: Shop, window: Window
) -> None:
    invoice_id = invoice_of(shop)
    window.sign_in(shop)
    window.open(f"/dashboard/invoices/{invoice_id}")
    expect(window.page.locator("#live")).to_have_text("Live")
    window.page.get_by_role("button", name="Refund").first.click()
    dialog = window.page.locator("dialog[open]")
    other = window.page.context.new_page()
    other.goto(window.page.url)
    expect(other.locator("#live")).to_have_text("Live")
    act(shop, f"{shop.url}/invoices/{invoice_id}/refunds", {"amountMinor": 725})
    expect(other.locator("main")).to_contain_text("12.74 EUR refundable now")
    dialog.get_by_text("Keep as it is").click()
    expect(window.page.locator("main")).to_contain_text("12.74 EUR refundable now")


def test_a_subscription_is_changed_from_the_click_to_the_provider(
    shop: Shop, window: Window
) -> None:
    made = subscribed(shop)
    window.sign_in(shop)
    window.open(f"/dashboard/subscriptions/{made.id}")
    window.page.get_by_text("Change this subscription").click()
    window.page.fill("#quantity-0", "4")
    window.page.get_by_role("button", name="Change now").click()
    expect(window.page.get_by_role("region", name="Items after")).to_contain_text("1 → 4")
    window.page.get_by_role("button", name="Change now").click()
    expect(window.page.get_by_role("status").filter(has_text="Done")).to_be_visible()
    expect(window.page.get_by_role("region", name="Items")).to_contain_text("4")


def test_the_log_is_verified_from_the_click_to_the_result(shop: Shop, window: Window) -> None:
    invoice_of(shop)
    window.sign_in(shop)
    window.open("/dashboard/operations/log")
    window.page.get_by_role("button", name="Verify").click()
    expect(window.page.locator("#checks")).to_contain_text("sound", timeout=60_000)
    expect(window.page.locator("#checks")).not_to_contain_text("running")


def test_an_open_page_shows_what_happens_and_keeps_scroll_and_text(
    shop: Shop, window: Window
) -> None:
    for _ in range(12):
        invoice_of(shop)
    window.sign_in(shop)
    window.page.set_viewport_size({"width": 1300, "height": 500})
    window.open("/dashboard/invoices")
    expect(window.page.locator("#live")).to_have_text("Live")
    window.page.fill("#f-currency", "eu")
    window.page.evaluate(
        "window.scrollTo({top: 200, behavior: 'instant'}); window.unchanged = true"
    )
    before = window.page.evaluate("window.scrollY")
    expect(window.page.locator("tbody tr")).to_have_count(12)
    new = invoice_of(shop)
    expect(window.page.locator(f'a[href="/dashboard/invoices/{new}"]')).to_be_visible()
    expect(window.page.locator("tbody tr")).to_have_count(13)
    assert window.page.evaluate("window.scrollY") == before
    assert window.page.input_value("#f-currency") == "eu"
    assert window.page.evaluate("window.unchanged"), "the page was not loaded again"


def test_search_narrows_the_list_while_typing_and_keeps_it_in_the_url(
    shop: Shop, window: Window
) -> None:
    found = invoice_of(shop, metadata={"outcome": "paid", "order": "zebra"})
    invoice_of(shop)
    window.sign_in(shop)
    window.open("/dashboard/invoices")
    expect(window.page.locator("tbody tr")).to_have_count(2)
    window.page.locator("#f-q").press_sequentially("zebr")
    expect(window.page.locator("tbody tr")).to_have_count(1)
    expect(window.page.locator("tbody a").first).to_have_attribute(
        "href", f"/dashboard/invoices/{found}"
    )
    assert "q=zebr" in urlsplit(window.page.url).query


def test_the_slider_shows_an_invoice_as_of_a_moment(shop: Shop, window: Window) -> None:
    invoice_id = invoice_of(shop, "declined")
    window.sign_in(shop)
    window.open(f"/dashboard/invoices/{invoice_id}")
    slider = window.page.locator("#slider")
    slider.focus()
    slider.press("Home")
    expect(window.page.locator("#slider-text")).to_contain_text("Requested")
    window.page.click("text=Show as of then")
    note = window.page.get_by_role("status").filter(has_text="As it was known at")
    expect(note).to_be_visible()


def test_pages_read_without_scripts(shop: Shop, window: Window) -> None:
    invoice_id = invoice_of(shop)
    window.sign_in(shop)
    state = window.page.context.storage_state()
    browser = window.page.context.browser
    assert browser is not None
    with browser.new_context(java_script_enabled=False, storage_state=state) as context:
        page = context.new_page()
        page.goto(f"{window.base_url}/dashboard/invoices/{invoice_id}")
        assert page.locator("h1").inner_text()
        page.get_by_role("button", name="Refund").first.click()
        assert "/confirm/refund" in page.url
