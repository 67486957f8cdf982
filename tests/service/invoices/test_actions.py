from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.service.harness import Shop, errors
from tests.service.invoice_outcomes import CHECKOUT_URL, complete_action
from tests.service.invoices.invoice_actions import NEVER, act, invoice, item
from tests.service.running_service import Service


@pytest.mark.parametrize(
    ("action", "stands", "status"),
    [
        ("retry", "declined", "paid"),
        ("retry", "open", "paid"),
        ("void", "declined", "void"),
        ("void", "draft", "canceled"),
        ("finalize", "draft", "open"),
        ("capture", "authorized", "paid"),
        ("mark-uncollectible", "declined", "uncollectible"),
    ],
)
def test_an_action_is_answered_with_its_outcome(
    shop: Shop, action: str, stands: str, status: str
) -> None:
    url = invoice(shop, stands)["url"]
    response = act(shop, f"{url}/{action}")
    assert (response.status_code, item(response)["status"]) == (200, status)
    assert item(response)["providerResponse"]["id"] == "in_1"
    assert response.headers["x-billhook-position"] == str(item(response)["position"])
    location = f"{url}?minPosition={item(response)['position']}"
    assert response.headers["location"] == location
    assert item(shop.get(location))["status"] == status


@pytest.mark.parametrize("outcome", ["processing", "requires_action"])
def test_a_retry_that_goes_on_is_no_refusal(shop: Shop, outcome: str) -> None:
    response = act(shop, invoice(shop, "declined", outcome)["url"] + "/retry")
    assert (response.status_code, item(response)["status"]) == (200, outcome)


def test_a_retry_that_is_declined_is_402(shop: Shop) -> None:
    response = act(shop, invoice(shop, "declined", "declined")["url"] + "/retry", {})
    assert response.status_code == 402
    (entry,) = errors(response)
    assert entry["code"] == "[E4020]"
    assert (entry["providerCode"], entry["declineCode"]) == ("card_declined", "insufficient_funds")


def test_a_retry_takes_the_method_that_is_given(shop: Shop) -> None:
    target = invoice(shop, "declined", "never")
    act(shop, target["url"] + "/retry", {"paymentMethod": "pm_other"}, **NEVER)
    newest = shop.invoice_events(target["id"])[-1]
    assert (newest.TOPIC, newest.payment_method) == ("invoice.retry_requested", "pm_other")
    assert newest.actor == f"key:{shop.key_ids['write']}"


def test_a_rejection_by_the_provider_is_400_with_its_message(shop: Shop) -> None:
    url = invoice(shop, "declined", "refused")["url"]
    response = act(shop, f"{url}/retry", {"paymentMethod": "pm_gone"})
    assert response.status_code == 400
    assert errors(response) == [
        {
            "validation": "error",
            "code": "[E4000]",
            "message": "No such PaymentMethod: 'pm_gone'",
            "path": "paymentMethod",
            "providerCode": "resource_missing",
        }
    ]
    shop.service.wait_for_projection("invoices")
    assert item(shop.get(url))["status"] == "failed"


@pytest.mark.parametrize(
    ("stands", "action", "reason"),
    [
        ("paid", "void", "it is paid"),
        ("paid", "retry", "it is paid"),
        ("declined", "finalize", "it is failed"),
        ("draft", "mark-uncollectible", "it is draft"),
        ("processing", "capture", "no authorized payment holds an amount"),
        ("paid", "capture", "no authorized payment holds an amount"),
        ("rejected", "void", "it is rejected"),
        ("declined", "refunds", "nothing was paid"),
    ],
)
def test_what_the_invoices_state_forbids_is_400_and_leaves_nothing(
    shop: Shop, stands: str, action: str, reason: str
) -> None:
    target = invoice(shop, stands)
    before = shop.invoice_events(target["id"])
    response = act(shop, f"{target['url']}/{action}")
    assert response.status_code == 400
    (entry,) = errors(response)
    assert (entry["code"], entry["path"]) == ("[E4000]", "status")
    assert reason in entry["message"]
    assert shop.invoice_events(target["id"]) == before


def test_a_retry_that_opens_another_checkout_came_true(shop: Shop) -> None:
    target = invoice(shop, "declined", "checkout")
    key = {"idempotency_key": uuid4().hex}
    first = act(shop, target["url"] + "/retry", **key)
    shown = item(first)
    assert (first.status_code, shown["status"], shown["failure"]) == (200, "open", None)
    assert shown["nextAction"] == {"type": "redirect", "url": CHECKOUT_URL}
    again = act(shop, target["url"] + "/retry", **key)
    assert again.headers["idempotent-replayed"] == "true"
    assert (again.status_code, item(again)["nextAction"]) == (200, shown["nextAction"])


def test_an_overtaken_request_is_400_with_its_reason(service: Service, shop: Shop) -> None:
    target = invoice(shop, "declined", "never")
    key = {"idempotency_key": uuid4().hex}
    act(shop, target["url"] + "/void", **key, **NEVER)
    complete_action(service.context, UUID(target["id"]), "paid")
    response = act(shop, target["url"] + "/void", **key)
    assert response.status_code == 400
    assert response.headers["idempotent-replayed"] == "true"
    (entry,) = errors(response)
    assert entry["message"] == "status: the invoice is paid by now, so it was not voided"
    assert entry["path"] == "status"


def test_what_takes_longer_is_202_with_the_invoice_of_now(shop: Shop) -> None:
    target = invoice(shop, "declined", "never")
    response = act(shop, target["url"] + "/void", prefer="wait=0")
    assert response.status_code == 202
    assert item(response)["status"] == "failed"
    assert response.headers["retry-after"] == "1"
    assert shop.invoice_events(target["id"])[-1].TOPIC == "invoice.void_requested"
    assert str(item(response)["position"]) in response.headers["location"]


def test_only_one_thing_at_a_time_is_done_with_an_invoice(shop: Shop) -> None:
    url = invoice(shop, "declined", "never")["url"]
    assert act(shop, f"{url}/void", **NEVER).status_code == 202
    response = act(shop, f"{url}/retry", **NEVER)
    assert response.status_code == 400
    assert "something else is being done" in errors(response)[0]["message"]


@pytest.mark.parametrize(
    ("action", "body", "path"),
    [
        ("refunds", {"amountMinor": 0}, "amountMinor"),
        ("refunds", {"amountMinor": 10**9}, "amountMinor"),
        ("refunds", {"amountMinor": "1"}, "amountMinor"),
        ("refunds", {"reason": "whim"}, "reason"),
        ("refunds", {"creditNote": "yes"}, "creditNote"),
        ("refunds", {"more": 1}, "more"),
        ("retry", {"paymentMethod": "a b"}, "paymentMethod"),
        ("void", {"reason": "duplicate"}, "reason"),
        ("finalize", {"more": 1}, "more"),
        ("mark-uncollectible", {"more": 1}, "more"),
        ("capture", {"amountMinor": 0}, "amountMinor"),
    ],
)
def test_a_wrong_body_is_400_with_the_field(
    shop: Shop, action: str, body: dict[str, Any], path: str
) -> None:
    response = act(shop, f"{shop.url}/invoices/{uuid4()}/{action}", body)
    assert response.status_code == 400
    assert [entry["path"] for entry in errors(response)] == [path]


@pytest.mark.parametrize(
    "action", ["retry", "void", "finalize", "mark-uncollectible", "capture", "refunds"]
)
def test_another_apps_invoice_does_not_exist(shop: Shop, other_shop: Shop, action: str) -> None:
    theirs = invoice(other_shop, "declined")["id"]
    response = act(shop, f"{shop.url}/invoices/{theirs}/{action}")
    assert response.status_code == 404
    assert response.json() == act(shop, f"{shop.url}/invoices/{uuid4()}/{action}").json()
    assert [event.TOPIC for event in other_shop.invoice_events(theirs)][-1] == (
        "invoice.payment_failed"
    )
