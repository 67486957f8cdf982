from __future__ import annotations

import hashlib
import hmac
import json
import threading
from typing import Any
from urllib.parse import parse_qs

import pytest
from mollie.api.objects.payment import Payment

from tests.sandbox.webhook_receiver import Delivery, Sink
from tests.support.mollie_account import MollieAccount, amount
from tests.support.sandbox import Json, wait_for

DAY_S = 86400
FORM = "application/x-www-form-urlencoded"


def came(sink: Sink, count: int) -> list[Delivery]:
    wait_for(lambda: len(sink.received) >= count)
    return sink.received


def settled(account: MollieAccount, *states: str) -> list[Json]:
    """All deliveries once each is in one of the states."""

    def look() -> list[Json]:
        found = account.admin.deliveries()
        return found if found and all(item["state"] in states for item in found) else []

    return wait_for(look)


def types(account: MollieAccount, kind: str = "classic") -> list[str]:
    return [item["type"] for item in account.admin.deliveries(kind=kind)]


def webhook(account: MollieAccount, sink: Sink, *wanted: str) -> Json:
    body = {"name": "Shop", "url": sink.url, "eventTypes": list(wanted or ("*",))}
    made: Json = account.client.perform_http_call("POST", "webhooks", body).json()
    return made


def verified(delivery: Delivery, secret: str) -> Json:
    digest = hmac.new(secret.encode(), delivery.body, hashlib.sha256).hexdigest()
    assert delivery.headers["X-Mollie-Signature"] == f"sha256={digest}"
    event: Json = json.loads(delivery.body)
    return event


def pay(account: MollieAccount, sink: Sink, **fields: Any) -> Payment:
    payment = account.pay(method="ideal", webhookUrl=sink.url, **fields)
    account.at_checkout(payment, "paid")
    return payment


def test_a_classic_webhook_has_the_id_only(account: MollieAccount, sink: Sink) -> None:
    payment = pay(account, sink)
    (delivery,) = came(sink, 1)
    assert parse_qs(delivery.body.decode()) == {"id": [payment.id]}
    assert delivery.headers["Content-Type"] == FORM
    assert "X-Mollie-Signature" not in delivery.headers
    settled(account, "delivered")


@pytest.mark.parametrize("status", ["paid", "failed", "canceled", "expired"])
def test_every_final_status_sends_a_webhook(
    account: MollieAccount, sink: Sink, status: str
) -> None:
    payment = account.pay(webhookUrl=sink.url)
    assert account.admin.deliveries() == []
    account.at_checkout(payment, status)
    assert types(account) == [f"payment.{status}"]


def test_open_and_pending_send_no_webhook(account: MollieAccount, sink: Sink) -> None:
    payment = account.pay(webhookUrl=sink.url, method="banktransfer")
    account.at_checkout(payment, "pending")
    assert account.admin.deliveries() == []


def test_a_payment_that_expires_by_the_clock_sends_a_webhook(
    account: MollieAccount, sink: Sink
) -> None:
    account.pay(webhookUrl=sink.url)
    account.admin.set_clock(advance_s=DAY_S)
    came(sink, 1)
    assert types(account) == ["payment.expired"]


def test_refunds_and_chargebacks_send_the_payments_id(account: MollieAccount, sink: Sink) -> None:
    payment = account.get(pay(account, sink).id)
    refund = payment.refunds.create({"amount": amount("1.00"), "description": "x"})
    account.admin.set_clock(advance_s=2 * DAY_S)
    account.admin.reverse_chargeback(account.admin.chargeback(payment.id)["id"])
    assert types(account) == [
        "payment.paid", "refund.processing", "refund.refunded", "chargeback.received",
        "chargeback.reversed",
    ]  # fmt: skip
    assert {item.body for item in came(sink, 5)} == {f"id={payment.id}".encode()}
    assert payment.refunds.get(refund.id).status == "refunded"


def test_an_authorized_payment_sends_a_webhook(account: MollieAccount, sink: Sink) -> None:
    payment = account.pay(webhookUrl=sink.url, captureMode="manual", method="creditcard")
    account.at_checkout(payment, "authorized")
    assert types(account) == ["payment.authorized"]


def test_a_failed_delivery_is_tried_again_by_the_table(account: MollieAccount, sink: Sink) -> None:
    account.admin.set_webhooks(retry_scale=0.002)
    sink.statuses = [500, 302]
    pay(account, sink)
    (delivery,) = settled(account, "delivered")
    assert [attempt["status"] for attempt in delivery["attempts"]] == [500, 302, 200]
    first, second, third = (attempt["at"] for attempt in delivery["attempts"])
    assert 0.12 <= second - first < third - first
    assert third - first >= 0.36


def test_after_ten_attempts_a_delivery_is_given_up(account: MollieAccount) -> None:
    account.admin.set_webhooks(retry_scale=1e-6)
    payment = account.pay(webhookUrl="http://127.0.0.1:9/none", method="ideal")
    account.at_checkout(payment, "paid")
    (failed,) = settled(account, "failed")
    assert [attempt["status"] for attempt in failed["attempts"]] == [None] * 10


def test_without_a_webhook_url_nothing_is_sent(account: MollieAccount) -> None:
    account.at_checkout(account.pay(method="ideal"), "paid")
    assert account.admin.deliveries() == []


def test_a_signed_webhook_carries_the_payment(account: MollieAccount, sink: Sink) -> None:
    made = webhook(account, sink, "payment.paid")
    payment = account.pay(method="ideal")
    account.at_checkout(payment, "paid")
    event = verified(came(sink, 1)[0], made["webhookSecret"])
    assert (event["resource"], event["type"]) == ("event", "payment.paid")
    assert (event["entityId"], event["id"][:6]) == (payment.id, "event_")
    assert event["_embedded"]["entity"] == account.get(payment.id)
    answered = account.client.perform_http_call("GET", f"events/{event['id']}").json()
    assert answered == event


def test_a_signed_webhook_may_come_without_its_entity(account: MollieAccount, sink: Sink) -> None:
    account.admin.set_webhooks(embed=False)
    made = webhook(account, sink)
    account.at_checkout(account.pay(method="ideal"), "pending")
    event = verified(came(sink, 1)[0], made["webhookSecret"])
    assert (event["type"], event["_embedded"]) == ("payment.pending", None)


def test_signed_webhooks_report_each_step_of_a_refund(account: MollieAccount, sink: Sink) -> None:
    made = webhook(account, sink, "refund.pending", "refund.refunded")
    payment = account.pay(method="ideal")
    account.at_checkout(payment, "paid")
    refund = account.get(payment.id).refunds.create({"amount": amount("1.00"), "description": ""})
    account.admin.set_clock(advance_s=2 * DAY_S)
    events = [verified(item, made["webhookSecret"]) for item in came(sink, 2)]
    assert sorted(event["type"] for event in events) == ["refund.pending", "refund.refunded"]
    assert {event["entityId"] for event in events} == {refund.id}
    assert {event["_embedded"]["entity"]["resource"] for event in events} == {"refund"}


def test_both_kinds_come_at_once(account: MollieAccount, sink: Sink) -> None:
    webhook(account, sink)
    pay(account, sink)
    kinds = {item.headers["Content-Type"] for item in came(sink, 2)}
    assert kinds == {FORM, "application/json"}


def test_each_webhook_has_its_own_secret_and_may_get_a_new_one(
    account: MollieAccount, sink: Sink
) -> None:
    first, second = (webhook(account, sink) for _ in range(2))
    assert first["webhookSecret"] != second["webhookSecret"]
    account.client.perform_http_call("DELETE", f"webhooks/{second['id']}")
    fresh = account.admin.rotate(first["id"])
    assert fresh != first["webhookSecret"]
    account.at_checkout(account.pay(method="ideal"), "paid")
    verified(came(sink, 1)[0], fresh)
    settled(account, "delivered")
    assert len(sink.received) == 1


def test_signatures_can_be_corrupt(account: MollieAccount, sink: Sink) -> None:
    made = webhook(account, sink)
    account.admin.set_webhooks(corrupt_signature=True)
    account.at_checkout(account.pay(method="ideal"), "paid")
    with pytest.raises(AssertionError):
        verified(came(sink, 1)[0], made["webhookSecret"])


def test_the_secret_is_shown_once(account: MollieAccount, sink: Sink) -> None:
    made = webhook(account, sink, "payment.paid", "payment.failed")
    call = account.client.perform_http_call
    assert "webhookSecret" not in call("GET", f"webhooks/{made['id']}").json()
    changed = call("PATCH", f"webhooks/{made['id']}", {"eventTypes": "payment.paid", "name": "n"})
    assert changed.json()["eventTypes"] == ["payment.paid"]
    assert call("GET", "webhooks").json()["count"] == 1
    assert call("DELETE", f"webhooks/{made['id']}").status_code == 204
    assert call("GET", "webhooks").json()["count"] == 0
    assert call("GET", f"webhooks/{made['id']}").status_code == 410


@pytest.mark.parametrize(
    "body",
    [
        {"name": "n", "url": "nowhere", "eventTypes": "*"},
        {"name": "n", "url": "http://127.0.0.1/", "eventTypes": "subscription.paid"},
        {"name": "n", "url": "http://127.0.0.1/", "eventTypes": []},
        {"url": "http://127.0.0.1/", "eventTypes": "*"},
    ],
)
def test_wrong_webhooks_are_refused(account: MollieAccount, body: Json) -> None:
    assert account.client.perform_http_call("POST", "webhooks", body).status_code == 422


@pytest.mark.parametrize("order", ["asis", "reverse", "shuffle"])
def test_what_is_held_comes_when_released_in_the_order_set(
    account: MollieAccount, sink: Sink, order: str
) -> None:
    account.admin.set_webhooks(hold=True, order=order, seed=7)
    made = [f"id={pay(account, sink).id}".encode() for _ in range(5)]
    assert {item["state"] for item in account.admin.deliveries()} == {"held"}
    assert account.admin.release() == 5
    bodies = [item.body for item in came(sink, 5)]
    assert sorted(bodies) == sorted(made)
    assert (bodies == made) == (order == "asis")
    assert (bodies == made[::-1]) == (order == "reverse")


def test_deliveries_can_be_doubled_dropped_and_sent_again(
    account: MollieAccount, sink: Sink
) -> None:
    webhook(account, sink)
    account.admin.set_webhooks(copies=2, drop_types=["classic:*"], delay_ms=1)
    payment = pay(account, sink)
    came(sink, 2)
    states = [(item["kind"], item["state"]) for item in settled(account, "delivered", "dropped")]
    assert sorted(states) == [("classic", "dropped")] * 2 + [("signed", "delivered")] * 2
    assert account.admin.resend(payment.id, copies=3) == 3
    event = json.loads(sink.received[0].body)
    assert account.admin.resend(event["id"]) == 1
    came(sink, 6)


def test_webhooks_of_any_type_can_be_dropped(account: MollieAccount, sink: Sink) -> None:
    webhook(account, sink)
    account.admin.set_webhooks(drop_types=["payment.*"])
    pay(account, sink)
    assert {item["state"] for item in account.admin.deliveries()} == {"dropped"}


def test_a_webhook_can_come_before_the_answer(account: MollieAccount, sink: Sink) -> None:
    customer = account.with_mandate()
    account.admin.add_fault("delay", ms=1500, when="after", method="POST")
    fields: Json = {"sequenceType": "recurring", "customerId": customer.id, "redirectUrl": None}
    payment_thread = threading.Thread(target=account.pay, kwargs={"webhookUrl": sink.url, **fields})
    payment_thread.start()
    try:
        came(sink, 1)
        assert payment_thread.is_alive()
    finally:
        payment_thread.join()
