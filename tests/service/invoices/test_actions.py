from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.service.fake_worker import CHECKOUT_URL, complete_action, refund_as
from tests.service.harness import Service, Shop, errors

NEVER = {"prefer": "respond-async"}


def invoice(shop: Shop, outcome: str, then: str | None = None) -> dict[str, Any]:
    """Make an invoice; `then`: what comes of whatever is asked of it."""
    metadata = {"outcome": outcome} | ({} if then is None else {"then": then})
    body = shop.body(outcome, metadata=metadata)
    headers = shop.headers()
    response = shop.service.request("POST", shop.invoices_url, json=body, headers=headers)
    invoice_id = response.headers["location"].partition("?")[0].rpartition("/")[2]
    return {"id": invoice_id, "url": f"{shop.url}/invoices/{invoice_id}"}


def act(
    shop: Shop, path: str, body: dict[str, Any] | None = None, /, **headers: str
) -> httpx.Response:
    given = {} if body is None else {"json": body}
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return shop.service.request("POST", path, headers=shop.headers() | more, **given)


def item(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code in (200, 202), response.text
    document = response.json()
    assert (document["kind"], document["itemsLength"]) == ("invoices", 1)
    found: dict[str, Any] = document["items"][0]
    return found


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


def test_a_refund_is_shown_by_its_id(shop: Shop) -> None:
    url = invoice(shop, "paid")["url"]
    body = {"amountMinor": 500, "reason": "duplicate", "creditNote": False}
    shown = item(act(shop, f"{url}/refunds", body))
    assert (shown["status"], shown["amountRefundedMinor"]) == ("paid", 500)
    (refund,) = shown["refunds"]
    assert refund["id"] == shown["refundId"]
    assert refund == refund | {
        "status": "succeeded",
        "amountMinor": 500,
        "reason": "duplicate",
        "creditNote": False,
        "code": None,
        "message": None,
    }
    assert refund["providerRefundId"].startswith("re_")
    assert refund["refundedAt"].endswith("Z")
    assert refund["at"].endswith("Z")
    shop.service.wait_for_projection("invoices")
    assert item(shop.get(url))["refunds"] == [refund]


def test_all_that_is_left_is_given_back_without_an_amount(shop: Shop) -> None:
    url = invoice(shop, "paid")["url"]
    first = item(act(shop, f"{url}/refunds", {"amountMinor": 999}))
    second = item(act(shop, f"{url}/refunds"))
    assert second["amountRefundedMinor"] == 1999
    assert [refund["amountMinor"] for refund in second["refunds"]] == [999, 1000]
    assert [refund["id"] for refund in second["refunds"]] == [
        first["refundId"],
        second["refundId"],
    ]
    response = act(shop, f"{url}/refunds")
    assert response.status_code == 400
    assert "all of it has gone back" in errors(response)[0]["message"]


def test_more_than_is_left_is_refused_with_the_field(shop: Shop) -> None:
    url = invoice(shop, "paid", "never")["url"]
    assert act(shop, f"{url}/refunds", {"amountMinor": 1500}, **NEVER).status_code == 202
    response = act(shop, f"{url}/refunds", {"amountMinor": 500}, **NEVER)
    assert response.status_code == 400
    (entry,) = errors(response)
    assert entry["path"] == "amountMinor"
    assert "only 499 can still be given back" in entry["message"]


def test_refunds_at_once_never_exceed_what_was_paid(shop: Shop) -> None:
    url = invoice(shop, "paid", "never")["url"]
    more = {"json": {"amountMinor": 1000}, "headers": shop.headers() | NEVER}
    responses = shop.service.requests([("POST", f"{url}/refunds", more)] * 5)
    statuses = sorted(response.status_code for response in responses)
    assert statuses[0] == 202
    assert set(statuses[1:]) <= {400, 503}


def test_a_refund_that_takes_days_is_pending(shop: Shop) -> None:
    shown = item(act(shop, invoice(shop, "paid", "pending")["url"] + "/refunds"))
    (refund,) = shown["refunds"]
    assert (refund["status"], refund["refundedAt"]) == ("pending", None)
    assert shown["amountRefundedMinor"] == 0


def test_a_failed_refund_is_400_and_can_be_repeated(service: Service, shop: Shop) -> None:
    target = invoice(shop, "paid", "never")
    key = {"idempotency_key": uuid4().hex}
    pending = item(act(shop, target["url"] + "/refunds", **key, **NEVER))
    assert pending["refunds"][0]["status"] == "requested"
    refund_as(service.context, UUID(target["id"]), UUID(pending["refundId"]), "failed")
    response = act(shop, target["url"] + "/refunds", **key)
    assert response.status_code == 400
    (entry,) = errors(response)
    assert entry["providerCode"] == "refund_refused"
    assert entry["message"] == "The card's bank takes nothing back."
    assert act(shop, target["url"] + "/refunds", **NEVER).status_code == 202


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
    ("action", "stands", "then"),
    [
        ("retry", "declined", "paid"),
        ("retry", "declined", "declined"),
        ("retry", "declined", "refused"),
        ("void", "declined", "void"),
        ("finalize", "draft", "open"),
        ("mark-uncollectible", "declined", "uncollectible"),
        ("refunds", "paid", "succeeded"),
        ("refunds", "paid", "pending"),
        ("refunds", "paid", "failed"),
    ],
)
def test_a_replay_always_returns_the_first_outcome(
    shop: Shop, action: str, stands: str, then: str
) -> None:
    target = invoice(shop, stands, then)
    key = {"idempotency_key": uuid4().hex}
    first = act(shop, f"{target['url']}/{action}", **key)
    if then == "declined":
        complete_action(shop.service.context, UUID(target["id"]), "paid")
    before = shop.service.head()
    again = act(shop, f"{target['url']}/{action}", **key)
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert shop.service.head() == before


def test_a_replay_waits_like_the_first(service: Service, shop: Shop) -> None:
    target = invoice(shop, "declined", "never")
    key = {"idempotency_key": uuid4().hex}
    for _ in range(2):
        assert act(shop, target["url"] + "/void", **key, **NEVER).status_code == 202
    complete_action(service.context, UUID(target["id"]), "void")
    assert item(act(shop, target["url"] + "/void", **key))["status"] == "void"
    topics = [event.TOPIC for event in shop.invoice_events(target["id"])]
    assert topics.count("invoice.void_requested") == 1


def test_concurrent_requests_under_one_key_record_one_request(shop: Shop) -> None:
    target = invoice(shop, "paid")
    headers = shop.headers() | {"idempotency-key": uuid4().hex}
    more = {"json": {"amountMinor": 100}, "headers": headers}
    responses = shop.service.requests([("POST", target["url"] + "/refunds", more)] * 20)
    assert {response.status_code for response in responses} == {200}
    assert len({response.text for response in responses}) == 1
    replayed = [response.headers.get("idempotent-replayed") for response in responses]
    assert replayed.count(None) == 1
    assert item(responses[0])["amountRefundedMinor"] == 100


@pytest.mark.parametrize("other", ["body", "action", "invoice", "create"])
def test_a_key_is_for_one_request_alone(shop: Shop, other: str) -> None:
    url = invoice(shop, "paid", "never")["url"]
    key = {"idempotency_key": uuid4().hex}
    act(shop, f"{url}/refunds", {"amountMinor": 100}, **key, **NEVER)
    requests = {
        "body": (f"{url}/refunds", {"amountMinor": 200}),
        "action": (f"{url}/void", None),
        "invoice": (invoice(shop, "paid")["url"] + "/refunds", {"amountMinor": 100}),
        "create": (shop.invoices_url, shop.body("never")),
    }
    path, body = requests[other]
    response = act(shop, path, body, **key, **NEVER)
    assert response.status_code == 422
    assert errors(response)[0]["code"] == "[E4220]"


def test_a_rejection_before_recording_does_not_use_up_the_key(service: Service, shop: Shop) -> None:
    target = invoice(shop, "requires_action", "never")
    key = {"idempotency_key": uuid4().hex}
    assert act(shop, target["url"] + "/refunds", **key, **NEVER).status_code == 400
    complete_action(service.context, UUID(target["id"]), "paid")
    assert act(shop, target["url"] + "/refunds", **key, **NEVER).status_code == 202


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
