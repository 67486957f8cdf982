from __future__ import annotations

from typing import Any

import pytest
from mollie.api.error import BadRequestError, NotFoundError, UnprocessableEntityError

from tests.support.mollie_account import SHOP, MollieAccount, amount

NOW = "2030-03-17T17:46:40+00:00"
MINUTE = 60


def line(total: str = "10.00", **fields: Any) -> dict[str, Any]:
    return {
        "description": "Book",
        "quantity": 1,
        "unitPrice": amount(total),
        "totalAmount": amount(total),
        **fields,
    }


def refused(account: MollieAccount, **fields: Any) -> str:
    """Makes a payment that is refused; returns the field that is named."""
    with pytest.raises(UnprocessableEntityError) as caught:
        account.pay(**fields)
    return str(caught.value.field)


def test_a_new_payment_is_open_and_leads_to_its_checkout(account: MollieAccount) -> None:
    payment = account.pay(metadata={"order": 7}, webhookUrl=f"{SHOP}/hook", locale="nl_NL")
    assert payment.id.startswith("tr_")
    assert (payment.status, payment.mode, payment.created_at) == ("open", "test", NOW)
    assert payment.expires_at == "2030-03-17T18:01:40+00:00"
    assert (payment.metadata, payment.sequence_type) == ({"order": 7}, "oneoff")
    assert payment.checkout_url.startswith(account.url)
    assert payment["_links"]["dashboard"]["type"] == "text/html"
    assert account.get(payment.id) == payment
    assert payment["profileId"].startswith("pfl_")


def test_the_key_determines_mode_and_account(account: MollieAccount) -> None:
    with MollieAccount(account.url, key="live_" + account.key[5:]) as live:
        assert live.pay().mode == "live"
        assert len(live.client.payments.list()) == 1
    assert len(account.client.payments.list()) == 0


@pytest.mark.parametrize(
    ("value", "currency"),
    [
        *((value, "EUR") for value in ("10", "10.0", "10.000", "1,00", "-1.00", "0.00", "")),
        *(("10.00", currency) for currency in ("JPY", "XYZ", "eur")),
    ],
)
def test_amounts_have_exactly_the_decimals_of_their_currency(
    account: MollieAccount, value: str, currency: str
) -> None:
    assert refused(account, amount=amount(value, currency)) == "amount"


@pytest.mark.parametrize(("value", "currency"), [("1000", "JPY"), ("1000", "ISK"), ("1.00", "HUF")])
def test_yen_and_crowns_of_iceland_have_no_decimals(
    account: MollieAccount, value: str, currency: str
) -> None:
    assert account.pay(amount=amount(value, currency)).amount == amount(value, currency)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("description", {"description": ""}),
        ("description", {"description": "x" * 256}),
        ("description", {"description": None}),
        ("amount.value", {"amount": {"currency": "EUR"}}),
        ("amount", {"amount": {"currency": "EUR", "value": 10.0}}),
        ("redirectUrl", {"redirectUrl": None}),
        ("redirectUrl", {"redirectUrl": "somewhere"}),
        ("redirectUrl", {"redirectUrl": "https://[::1"}),
        ("webhookUrl", {"webhookUrl": "ftp://shop.example.org"}),
        ("webhookURL", {"webhookURL": "https://shop.example.org"}),
        ("testmode", {"testmode": True}),
        ("applicationFee", {"applicationFee": {}}),
        ("locale", {"locale": "xx_XX"}),
        ("metadata", {"metadata": "x" * 1100}),
        ("metadata", {"metadata": [1]}),
        ("method", {"method": "cash"}),
        ("method", {"method": "ideal", "amount": amount("5.00", "USD")}),
        ("amount", {"method": "creditcard", "amount": amount("10000.01")}),
        ("amount", {"method": "bancontact", "amount": amount("0.01")}),
        ("lines", {"method": "klarna"}),
        ("customerId", {"customerId": "cst_none"}),
        ("customerId", {"sequenceType": "first"}),
        ("sequenceType", {"sequenceType": "always"}),
        ("mandateId", {"mandateId": "mdt_none"}),
        ("dueDate", {"dueDate": "2030-04-01"}),
        ("dueDate", {"method": "banktransfer", "dueDate": "2030-03-01"}),
        ("dueDate", {"method": "banktransfer", "dueDate": "soon"}),
    ],
)
def test_what_does_not_fit_is_refused_by_its_field(
    account: MollieAccount, field: str, wrong: dict[str, Any]
) -> None:
    assert refused(account, **wrong) == field


def test_lines_that_add_up_are_kept(account: MollieAccount) -> None:
    lines = [
        line("5.00", quantity=3, totalAmount=amount("14.00"), discountAmount=amount("1.00")),
        line("-4.00", type="discount", vatRate="21.00", vatAmount=amount("-0.69")),
    ]
    payment = account.pay(lines=lines, method="klarna")
    assert [item["totalAmount"]["value"] for item in payment.lines] == ["14.00", "-4.00"]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("lines", line("9.99")),
        ("lines.0.totalAmount", line(quantity=2)),
        ("lines.0", line(unitPrice=amount("10.00", "USD"))),
        ("lines.0.vatAmount", line(vatRate="21.00", vatAmount=amount("1.73"))),
        ("lines.0.vatAmount", line(vatRate="21.00")),
        ("lines.0.vatRate", line(vatAmount=amount("1.74"))),
        ("lines.0.vatRate", line(vatRate="a lot", vatAmount=amount("1.74"))),
        ("lines.0.vatRate", line(vatRate="121", vatAmount=amount("1.74"))),
        ("lines.0.unitPrice", line(type="discount")),
        ("lines.0.discountAmount", line("9.00", discountAmount=amount("-1.00"))),
        ("lines.0.colour", line(colour="red")),
        ("lines", line(quantity=0)),
        ("lines", line(quantity="1")),
    ],
)
def test_lines_that_do_not_add_up_are_refused(
    account: MollieAccount, field: str, wrong: dict[str, Any]
) -> None:
    assert refused(account, lines=[wrong]) == field


@pytest.mark.parametrize(
    ("chosen", "expires_after_s"),
    [
        ({}, 15 * MINUTE),
        ({"method": ["ideal", "paypal"]}, 15 * MINUTE),
        ({"method": "creditcard"}, 30 * MINUTE),
        ({"method": "paypal"}, 180 * MINUTE),
        ({"method": "banktransfer"}, 14 * 1440 * MINUTE),
    ],
)
def test_an_open_payment_expires_by_the_clock(
    account: MollieAccount, chosen: dict[str, Any], expires_after_s: int
) -> None:
    payment = account.pay(**chosen)
    account.admin.set_clock(advance_s=expires_after_s - 1)
    assert account.get(payment.id).status == "open"
    account.admin.set_clock(advance_s=86400)
    expired = account.get(payment.id)
    assert expired.status == "expired"
    assert expired.expired_at == payment.expires_at
    assert expired.checkout_url is None
    assert "isCancelable" not in expired


def test_a_bank_transfer_has_a_due_date_and_may_be_canceled(account: MollieAccount) -> None:
    payment = account.pay(method="banktransfer", dueDate="2030-03-20")
    assert payment.expires_at == "2030-03-21T00:00:00+00:00"
    assert payment.details["transferReference"].startswith("RF")
    assert payment.is_cancelable
    canceled = account.client.payments.delete(payment.id)
    assert (canceled["status"], canceled["canceledAt"]) == ("canceled", NOW)


def test_what_is_not_cancelable_stays_unless_the_world_is_set_so(account: MollieAccount) -> None:
    payment = account.pay()
    assert payment.is_cancelable is False
    with pytest.raises(UnprocessableEntityError, match="cannot be cancelled"):
        account.client.payments.delete(payment.id)
    account.admin.set_settings(cancelable=True)
    assert account.client.payments.delete(payment.id)["status"] == "canceled"
    with pytest.raises(UnprocessableEntityError, match="cannot be cancelled"):
        account.client.payments.delete(payment.id)


def test_payments_are_updated_without_telling_anybody(account: MollieAccount) -> None:
    payment = account.pay(webhookUrl=f"{SHOP}/hook")
    body = {"description": "Order 2", "metadata": {"a": "b"}, "method": "creditcard"}
    changed = account.client.payments.update(payment.id, body)
    assert (changed.description, changed.metadata) == ("Order 2", {"a": "b"})
    assert (changed.method, changed.expires_at) == ("creditcard", "2030-03-17T18:16:40+00:00")
    assert account.admin.deliveries() == []
    with pytest.raises(UnprocessableEntityError, match="Non-existent body parameter"):
        account.client.payments.update(payment.id, {"amount": amount("1.00")})
    account.admin.outcome(payment.id, "paid")
    with pytest.raises(UnprocessableEntityError, match="not open"):
        account.client.payments.update(payment.id, {"method": "ideal"})


def test_lists_are_newest_first_and_lead_on_by_id(account: MollieAccount) -> None:
    made = [account.pay(description=f"Order {number}").id for number in range(5)][::-1]
    first = account.client.payments.list(limit=2)
    second = first.get_next()
    third = second.get_next()
    assert [payment.id for page in (first, second, third) for payment in page] == made
    assert (len(first), len(third), third.has_next()) == (2, 1, False)
    assert [payment.id for payment in third.get_previous()] == made[2:4]
    assert not first.has_previous()
    upwards = account.client.payments.list(limit=2, sort="asc", **{"from": made[3]})
    assert [payment.id for payment in upwards] == [made[3], made[2]]
    assert upwards.has_previous()


@pytest.mark.parametrize("wrong", [{"limit": 251}, {"limit": 0}, {"page": 2}, {"sort": "up"}])
def test_wrong_pages_are_refused(account: MollieAccount, wrong: dict[str, Any]) -> None:
    with pytest.raises(UnprocessableEntityError):
        account.client.payments.list(**wrong)


def test_a_cursor_that_leads_nowhere_is_refused(account: MollieAccount) -> None:
    with pytest.raises(BadRequestError, match="Invalid cursor"):
        account.client.payments.list(**{"from": "tr_none"})


def test_what_does_not_exist_is_not_found(account: MollieAccount) -> None:
    with pytest.raises(NotFoundError, match="No payment exists with token tr_none"):
        account.get("tr_none")
    with pytest.raises(NotFoundError):
        account.client.customers.get("cst_none")
    assert account.client.perform_http_call("GET", "unicorns").status_code == 404


def test_methods_have_their_limits(account: MollieAccount) -> None:
    found = {item["id"]: item for item in account.client.methods.list()}
    assert found["bancontact"]["minimumAmount"] == amount("0.02")
    assert found["paypal"]["maximumAmount"] is None
    assert "directdebit" not in found
    first = [item["id"] for item in account.client.methods.list(sequenceType="first")]
    assert "banktransfer" not in first
    yen = account.client.methods.list(amount=amount("500", "JPY"))
    assert [item["id"] for item in yen] == ["creditcard", "paypal"]
    much = account.client.methods.list(amount=amount("60000.00"))
    assert [item["id"] for item in much] == ["banktransfer", "paypal"]
    assert account.client.methods.get("ideal").description == "iDEAL"
    with pytest.raises(NotFoundError):
        account.client.methods.get("ideal", currency="USD")
