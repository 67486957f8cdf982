from __future__ import annotations

import re

import httpx
import pytest

from tests.support import plain_http
from tests.support.mollie_account import SHOP, MollieAccount, amount


def page_of(url: str) -> httpx.Response:
    return plain_http.get(url)


def press(url: str, **form: str) -> httpx.Response:
    return plain_http.post(url, data=form)


@pytest.mark.parametrize("status", ["paid", "failed", "canceled", "expired", "pending"])
def test_each_button_decides_and_leads_back_to_the_shop(
    account: MollieAccount, status: str
) -> None:
    payment = account.pay(method="ideal")
    assert account.at_checkout(payment, status) == f"{SHOP}/back"
    decided = account.get(payment.id)
    assert decided.status == status
    if status != "pending":
        assert decided[f"{status}At"] == payment.created_at


def test_the_page_is_a_plain_form_with_a_button_for_each_outcome(account: MollieAccount) -> None:
    payment = account.pay("12.50", method=["ideal", "creditcard"], description="Order <1>")
    page = page_of(payment.checkout_url)
    assert page.headers["content-type"].startswith("text/html")
    assert "12.50 EUR" in page.text
    assert "Order &lt;1&gt;" in page.text
    buttons = re.findall(r'name="status" value="(\w+)"', page.text)
    assert buttons == ["paid", "pending", "failed", "canceled", "expired"]
    assert re.findall(r'<option value="(\w+)"', page.text) == ["ideal", "creditcard"]
    assert "<script" not in page.text


def test_the_method_chosen_on_the_page_is_the_payments(account: MollieAccount) -> None:
    payment = account.pay()
    account.at_checkout(payment, "paid", method="creditcard")
    paid = account.get(payment.id)
    assert (paid.method, paid.details["cardLabel"]) == ("creditcard", "Mastercard")
    assert paid.amount_remaining == amount()


def test_canceling_redirects_to_the_cancel_url(account: MollieAccount) -> None:
    payment = account.pay(cancelUrl=f"{SHOP}/canceled")
    assert account.at_checkout(payment, "canceled") == f"{SHOP}/canceled"
    assert account.at_checkout(account.pay(cancelUrl=f"{SHOP}/c"), "paid") == f"{SHOP}/back"


def test_a_pending_payment_can_still_be_changed_in_test_mode(account: MollieAccount) -> None:
    payment = account.pay(method="banktransfer")
    account.at_checkout(payment, "pending")
    pending = account.get(payment.id)
    assert (pending.checkout_url, pending.expires_at) == (None, None)
    account.admin.set_clock(advance_s=30 * 86400)
    account.at_checkout(account.get(payment.id), "paid")
    assert account.get(payment.id).status == "paid"


def test_paying_twice_takes_the_money_once(account: MollieAccount) -> None:
    payment = account.pay()
    assert press(payment.checkout_url, status="paid", method="ideal").status_code == 303
    again = press(payment.checkout_url, status="paid", method="ideal")
    assert (again.status_code, "Nothing is left to decide" in again.text) == (422, True)
    assert account.charged() == [1000]


@pytest.mark.parametrize(
    "form", [{"status": "rich"}, {"status": "paid", "method": "cash"}, {"status": "authorized"}, {}]
)
def test_what_the_page_does_not_offer_is_refused(
    account: MollieAccount, form: dict[str, str]
) -> None:
    payment = account.pay(method="ideal")
    assert press(payment.checkout_url, **form).status_code == 422
    assert account.get(payment.id).status == "open"


def test_an_expired_payment_cannot_be_paid_late(account: MollieAccount) -> None:
    payment = account.pay()
    account.admin.set_clock(advance_s=3600)
    assert press(payment.checkout_url, status="paid", method="ideal").status_code == 422
    assert account.charged() == []


def test_pages_that_do_not_exist_are_not_found(account: MollieAccount) -> None:
    assert page_of(f"{account.url}/mollie/checkout/none").status_code == 404
    assert press(f"{account.url}/mollie/checkout/none").status_code == 404
    assert page_of(f"{account.url}/mollie/dashboard/org_none/payments/tr_1").status_code == 404


def test_the_dashboard_shows_the_payment(account: MollieAccount) -> None:
    payment = account.pay()
    page = page_of(payment["_links"]["dashboard"]["href"])
    assert (page.status_code, payment.id in page.text) == (200, True)
    wrong = payment["_links"]["dashboard"]["href"] + "x"
    assert page_of(wrong).status_code == 404


def test_a_method_that_authorizes_is_captured_later(account: MollieAccount) -> None:
    payment = account.pay("20.00", method="creditcard", captureMode="manual")
    account.at_checkout(payment, "authorized")
    held = account.get(payment.id)
    assert (held.status, held.is_cancelable) == ("authorized", True)
    assert account.charged() == []
    capture = held.captures.create({"amount": amount("15.00")})
    paid = account.get(payment.id)
    assert (paid.status, paid.amount_captured) == ("paid", amount("15.00"))
    assert paid.amount_remaining == amount("15.00")
    assert account.charged() == [1500]
    assert [item.id for item in paid.captures.list()] == [capture.id]
    assert paid.captures.get(capture.id)["status"] == "succeeded"
    with pytest.raises(Exception, match="not authorized"):
        held.captures.create({})


def test_what_is_never_captured_expires(account: MollieAccount) -> None:
    payment = account.pay(method="creditcard", captureMode="manual")
    account.at_checkout(payment, "authorized")
    account.admin.set_clock(advance_s=29 * 86400)
    assert account.get(payment.id).status == "expired"
