"""Actions that are requested again under the same idempotency key."""

from uuid import UUID, uuid4

import pytest

from domain.core import ids
from tests.service.harness import Shop, errors
from tests.service.invoice_outcomes import complete_action
from tests.service.invoices.invoice_actions import NEVER, act, invoice, item
from tests.service.running_service import Service


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


def test_the_id_of_a_refund_follows_from_its_key(shop: Shop) -> None:
    """The provider knows a refund by it: also where a restored backup lost the first request."""
    target = invoice(shop, "paid")
    key = uuid4().hex
    shown = item(act(shop, f"{target['url']}/refunds", {"amountMinor": 5}, idempotency_key=key))
    assert shown["refundId"] == str(ids.for_action(shop.app_id, None, key))
    others = [item(act(shop, f"{target['url']}/refunds", {"amountMinor": 5})) for _ in range(2)]
    assert len({one["refundId"] for one in (shown, *others)}) == 3


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
