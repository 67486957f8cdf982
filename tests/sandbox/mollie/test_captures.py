"""Authorise and capture: in parts or once, in time, released, delayed and failed."""

from __future__ import annotations

from typing import Any

import pytest
from mollie.api.error import UnprocessableEntityError
from mollie.api.objects.payment import Payment

from tests.support.mollie_account import MollieAccount, amount

DAY_S = 86400


def held(account: MollieAccount, value: str = "50.00", **fields: Any) -> Payment:
    """Returns an authorized payment, by Klarna unless said otherwise."""
    line = {
        "description": "Book",
        "quantity": 1,
        "unitPrice": amount(value),
        "totalAmount": amount(value),
    }
    given = {"method": "klarna", "captureMode": "manual", "lines": [line]} | fields
    payment = account.pay(value, **given)
    account.at_checkout(payment, "authorized")
    return account.get(payment.id)


def capture(payment: Payment, value: str | None = None) -> Any:
    """Captures a part of a payment, or all that is left."""
    return payment.captures.create({} if value is None else {"amount": amount(value)})


def release(account: MollieAccount, payment: Payment) -> int:
    """Releases the rest of a payment; returns the HTTP status."""
    path = f"payments/{payment.id}/release-authorization"
    return int(account.client.perform_http_call("POST", path, {}).status_code)


def test_parts_are_captured_until_nothing_is_left(account: MollieAccount) -> None:
    payment = held(account)
    assert (payment.amount_captured, payment.amount_remaining) == (amount("0.00"), None)
    first = capture(payment, "30.00")
    part = account.get(payment.id)
    assert (part.status, part.amount_captured) == ("authorized", amount("30.00"))
    assert (part.amount_remaining, part.is_cancelable) == (amount("30.00"), False)
    assert account.charged() == [3000]
    with pytest.raises(UnprocessableEntityError, match="higher than the maximum"):
        capture(payment, "20.01")
    capture(payment)
    whole = account.get(payment.id)
    assert (whole.status, whole.amount_captured) == ("paid", amount("50.00"))
    assert account.charged() == [3000, 2000]
    assert [item.amount for item in whole.captures.list()][-1] == first.amount


def test_a_released_authorization_is_paid_by_what_was_captured(account: MollieAccount) -> None:
    payment, never = held(account), held(account)
    capture(payment, "30.00")
    assert release(account, payment) == release(account, never) == 202
    assert account.get(never.id).status == "canceled"
    paid = account.get(payment.id)
    assert (paid.status, paid.amount_remaining) == ("paid", amount("30.00"))
    assert account.charged() == [3000]
    answer = account.client.perform_http_call(
        "POST", f"payments/{payment.id}/release-authorization", {}
    )
    assert answer.status_code == 422


def test_what_is_not_captured_in_time_lapses(account: MollieAccount) -> None:
    never, part = held(account), held(account)
    card = held(account, method="creditcard", lines=None)
    assert card["captureBefore"] == "2030-03-24T17:46:40+00:00"
    assert never["captureBefore"] == "2030-04-14T17:46:40+00:00"
    capture(part, "0.01")
    account.admin.set_clock(advance_s=7 * DAY_S)
    assert account.get(card.id).status == "expired"
    account.admin.set_clock(advance_s=21 * DAY_S)
    assert [account.get(item.id).status for item in (never, part)] == ["expired", "paid"]
    assert account.charged() == [1]


def test_only_what_was_captured_is_refunded(account: MollieAccount) -> None:
    account.admin.set_settings(refund_pending_s=0, refund_processing_s=0)
    payment = held(account)
    with pytest.raises(UnprocessableEntityError, match="not paid"):
        payment.refunds.create({"amount": amount("1.00")})
    capture(payment, "30.00")
    for wrong in ("50.00", "30.01"):
        with pytest.raises(UnprocessableEntityError, match="higher than the maximum"):
            payment.refunds.create({"amount": amount(wrong)})
    payment.refunds.create({"amount": amount("10.00")})
    capture(payment, "5.00")
    assert account.get(payment.id).amount_remaining == amount("25.00")
    assert account.admin.ledger()["totals"] == {"eur": 2500}


@pytest.mark.parametrize("outcome", ["succeeded", "failed"])
def test_a_capture_takes_its_time_and_may_fail(account: MollieAccount, outcome: str) -> None:
    account.admin.set_settings(capture_delay_s=60, capture_outcome=outcome)
    payment = held(account)
    pending = capture(payment, "30.00")
    assert (pending["status"], account.charged()) == ("pending", [])
    with pytest.raises(UnprocessableEntityError, match="higher than the maximum"):
        capture(payment, "20.01")
    account.admin.set_clock(advance_s=60)
    assert payment.captures.get(pending.id)["status"] == outcome
    assert account.charged() == ([3000] if outcome == "succeeded" else [])
    assert account.get(payment.id).status == "authorized"


def test_a_delayed_capture_happens_by_the_clock(account: MollieAccount) -> None:
    payment = held(
        account, method="creditcard", captureMode="automatic", captureDelay="2 days", lines=None
    )
    account.admin.set_clock(advance_s=2 * DAY_S - 1)
    assert (account.get(payment.id).status, account.charged()) == ("authorized", [])
    account.admin.set_clock(advance_s=1)
    assert (account.get(payment.id).status, account.charged()) == ("paid", [5000])


def test_the_dashboard_captures_and_releases(account: MollieAccount) -> None:
    payment = held(account)
    account.admin.capture(payment.id, amount=amount("30.00"))
    assert account.admin.release_authorization(payment.id)["amountCaptured"] == amount("30.00")
    assert account.charged() == [3000]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("method", {"method": "ideal", "captureMode": "manual"}),
        ("captureMode", {"method": "riverty"}),
        ("captureDelay", {"captureMode": "manual", "captureDelay": "2 days"}),
        ("captureDelay", {"captureDelay": "8 days"}),
        ("captureDelay", {"captureDelay": "soon"}),
    ],
)
def test_captures_that_a_method_cannot_do_are_refused(
    account: MollieAccount, field: str, wrong: dict[str, Any]
) -> None:
    line = {"description": "Book", "quantity": 1} | dict.fromkeys(
        ("unitPrice", "totalAmount"), amount("10.00")
    )
    with pytest.raises(UnprocessableEntityError) as caught:
        account.pay("10.00", lines=[line], **wrong)
    assert caught.value.field == field
