"""A tenant's customer is sent to a page of the provider's, and comes back."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import pytest

from domain.gateway.setups import ProviderMethod
from domain.payment_methods.events import SetupRequested
from domain.payment_methods.setup import MethodSetup
from tests.service.fake_worker import setup_session
from tests.service.harness import Shop, errors, now
from tests.service.invoice_outcomes import CHECKOUT_URL
from tests.service.running_service import Service
from tests.support.immediate_relay import relay

OPEN = "https://shop.test/open"
REJECTED = "https://shop.test/rejected"
NEVER = {"prefer": "respond-async"}
CARD = ProviderMethod(id="pm_1", type="card", brand="visa", last4="4242")


def url_of(shop: Shop, setup_id: str | None = None) -> str:
    path = f"{shop.tenant_url}/payment-methods/setup"
    return path if setup_id is None else f"{path}/{setup_id}"


def post(shop: Shop, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
    given = {"provider": "stripe", "redirectUrl": OPEN} | body
    return shop.service.request(
        "POST", url_of(shop), json=given, headers=shop.headers() | (headers or {})
    )


def item(response: httpx.Response) -> dict[str, Any]:
    items: list[dict[str, Any]] = response.json()["items"]
    assert len(items) == 1
    return items[0]


def shown(shop: Shop, setup_id: str) -> dict[str, Any]:
    response = shop.get(url_of(shop, setup_id))
    assert response.status_code == 200, response.text
    return item(response)


def change(shop: Shop, setup_id: str, decide: Callable[[MethodSetup], object]) -> None:
    shop.billing.change(MethodSetup, UUID(setup_id), decide)


def complete(shop: Shop, setup_id: str) -> None:
    left = setup_session("complete", UUID(setup_id))

    def decide(setup: MethodSetup) -> None:
        setup.record_session(left, source="webhook", actor="webhook:evt_1", occurred_at=now())
        setup.record_completed(CARD, occurred_at=now())

    change(shop, setup_id, decide)


def test_the_page_is_answered_at_the_top_and_in_the_envelope(shop: Shop) -> None:
    response = post(shop)
    assert response.status_code == 200, response.text
    document = response.json()
    assert document["url"] == CHECKOUT_URL
    assert (document["kind"], document["totalItems"], document["itemsLength"]) == (
        "paymentMethodSetups",
        1,
        1,
    )
    setup = item(response)
    assert (setup["url"], setup["status"]) == (CHECKOUT_URL, "open")
    assert (setup["connection"], setup["mode"], setup["redirectUrl"]) == (
        shop.connection,
        "test",
        OPEN,
    )
    assert setup["expiresAt"].endswith("Z")
    assert response.headers["location"] == url_of(shop, setup["id"])
    assert int(response.headers["x-billhook-position"]) == setup["position"]
    assert shown(shop, setup["id"]) == setup


def test_only_the_request_is_recorded_before_anybody_does_anything(shop: Shop) -> None:
    response = post(shop, NEVER, redirectUrl="https://shop.test/never")
    assert (response.status_code, response.json()["url"]) == (202, None)
    setup = item(response)
    assert (setup["status"], setup["url"], setup["expiresAt"]) == ("requested", None, None)
    assert "retry-after" in response.headers
    (only,) = shop.service.events(UUID(setup["id"]))
    assert isinstance(only, SetupRequested)


def test_a_setup_shows_what_was_left_and_its_page_no_more(shop: Shop) -> None:
    setup_id = item(post(shop))["id"]
    complete(shop, setup_id)
    done = shown(shop, setup_id)
    assert (done["status"], done["url"]) == ("completed", None)
    assert done["paymentMethod"] == {
        "id": "pm_1",
        "type": "card",
        "brand": "visa",
        "last4": "4242",
    }


def test_a_refusal_of_the_provider_is_a_bad_request_with_its_field(shop: Shop) -> None:
    response = post(shop, redirectUrl=REJECTED)
    assert response.status_code == 400
    (entry,) = errors(response)
    assert (entry["code"], entry["path"]) == ("[E4000]", "tenantUuid")
    assert entry["providerCode"] == "resource_missing"


def test_a_replay_is_answered_with_the_first_outcome_for_ever(shop: Shop) -> None:
    key = {"idempotency-key": f"key-{uuid4()}"}
    first = post(shop, key)
    complete(shop, item(first)["id"])
    again = post(shop, key)
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers


def test_a_replay_before_there_is_an_outcome_waits_like_the_first(shop: Shop) -> None:
    body, key = {"redirectUrl": "https://shop.test/never"}, {"idempotency-key": f"key-{uuid4()}"}
    first = post(shop, key | NEVER, **body)
    again = post(shop, key | NEVER, **body)
    assert (again.status_code, again.json()) == (202, first.json())
    page = setup_session("open", UUID(item(first)["id"]))
    change(
        shop,
        item(first)["id"],
        lambda setup: setup.record_session(
            page, source="answer", actor="worker", occurred_at=now()
        ),
    )
    assert post(shop, key | NEVER, **body).json()["url"] == CHECKOUT_URL


def test_a_key_that_was_used_for_something_else_is_refused(shop: Shop) -> None:
    key = {"idempotency-key": f"key-{uuid4()}"}
    assert post(shop, key).status_code == 200
    assert post(shop, key, redirectUrl=REJECTED).status_code == 422
    assert shop.post(headers=key).status_code == 422
    invoiced = {"idempotency-key": f"key-{uuid4()}"}
    assert shop.post(headers=invoiced).status_code == 200
    assert post(shop, invoiced).status_code == 422


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"provider": "paypal"}, "provider"),
        ({"redirectUrl": "ftp://shop.test"}, "redirectUrl"),
        ({"connection": "unknown"}, "connection"),
        ({"test": False}, "test"),
        ({"more": 1}, "more"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_by_its_field(
    shop: Shop, body: dict[str, Any], path: str
) -> None:
    response = post(shop, **body)
    assert response.status_code == 400
    assert [entry["path"] for entry in errors(response)] == [path]


def test_the_connection_of_the_requested_mode_is_used(shop: Shop) -> None:
    shop.set_connection("stripe-live", mode="live")
    shop.change(default_connections={"stripe:live": "stripe-live"})
    shop.service.wait_for_projection("access")
    setup = item(post(shop, test=False))
    assert (setup["connection"], setup["mode"]) == ("stripe-live", "live")
    assert item(post(shop, connection="stripe-live"))["mode"] == "live"


def test_another_tenants_setup_does_not_exist_here(shop: Shop) -> None:
    setup_id = item(post(shop))["id"]
    other = uuid4()
    shop.set_tenant(other)
    response = shop.get(f"{shop.url}/tenants/{other}/payment-methods/setup/{setup_id}")
    assert response.status_code == 404
    invoice_id = shop.post().json()["items"][0]["id"]
    assert shop.get(url_of(shop, invoice_id)).status_code == 404


def test_without_a_redirect_url_our_return_page_is_used(shop: Shop) -> None:
    response = post(shop, NEVER, redirectUrl=None)
    setup = item(response)

    def page() -> str:
        path = urlsplit(setup["redirectUrl"]).path
        assert path.startswith("/return/")
        answered = shop.service.request("GET", path)
        assert answered.status_code == 200
        assert answered.headers["cache-control"] == "no-store"
        return answered.text

    assert "being saved" in page()
    opened = setup_session("open", UUID(setup["id"]))
    change(
        shop,
        setup["id"],
        lambda known: known.record_session(
            opened, source="answer", actor="worker", occurred_at=now()
        ),
    )
    assert "No payment method is saved yet" in page()
    assert CHECKOUT_URL not in page()
    complete(shop, setup["id"])
    assert "your payment method is saved" in page()


def test_the_wait_is_over_when_the_page_is_there(service: Service) -> None:
    shop = Shop(service)
    assert post(shop, {"prefer": "wait=10"}).status_code == 200


# What gave up.


def gave_up(shop: Shop, setup_id: str) -> None:
    change(
        shop,
        setup_id,
        lambda setup: setup.give_up(
            attempts=40, last_error="GatewayUnavailable", occurred_at=now()
        ),
    )
    relay(shop.service.database, shop.service.events(UUID(setup_id)))


def resend(shop: Shop, work_id: str) -> httpx.Response:
    url = f"{shop.url}/work/{work_id}/resend"
    return shop.service.request("POST", url, json={}, headers=shop.headers())


@pytest.mark.parametrize(("kind", "step"), [("setup", "open"), ("setup_completion", "default")])
def test_a_setup_that_gave_up_is_listed_and_sent_again(shop: Shop, kind: str, step: str) -> None:
    setup_id = item(post(shop, NEVER, redirectUrl="https://shop.test/never"))["id"]
    if kind == "setup_completion":
        left = setup_session("complete", UUID(setup_id))
        change(
            shop,
            setup_id,
            lambda setup: setup.record_session(
                left, source="webhook", actor="webhook:e", occurred_at=now()
            ),
        )
    gave_up(shop, setup_id)
    (row,) = shop.get(f"{shop.url}/work", state="gave_up").json()["items"]
    assert (row["id"], row["kind"], row["step"]) == (f"{kind}:{setup_id}", kind, step)
    assert (row["setupId"], row["invoiceId"]) == (setup_id, None)

    again = resend(shop, row["id"])

    assert (again.status_code, item(again)["state"]) == (200, "open")
    newest = shop.service.events(UUID(setup_id))[-1]
    assert (newest.TOPIC, newest.step) == ("method_setup.step_resent", step)
    assert resend(shop, row["id"]).status_code == 400
