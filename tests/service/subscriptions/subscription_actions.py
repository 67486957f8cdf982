"""Requests of actions on a subscription, and the subscriptions in answers."""

from typing import Any

import httpx

from domain.subscriptions.subscription import Subscription
from tests.service.harness import Shop
from tests.service.subscription_fixtures import subscribe

NEVER = {"prefer": "respond-async"}
YEARLY = {"lineItems": [{"price": "price_yearly", "quantity": 3}], "when": "now"}


def subscribed(shop: Shop, **facts: Any) -> Subscription:
    facts = {"tenant_id": shop.tenant_id} | facts
    return subscribe(shop.service.context, shop.app_id, shop.connection_id, **facts)


def url_of(shop: Shop, subscription: Subscription) -> str:
    return f"{shop.url}/subscriptions/{subscription.id}"


def item(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code in (200, 202), response.text
    document = response.json()
    assert (document["kind"], document["itemsLength"]) == ("subscriptions", 1)
    found: dict[str, Any] = document["items"][0]
    return found


def listed(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    assert response.json()["totalItems"] == response.json()["itemsLength"]
    return [entry["id"] for entry in response.json()["items"]]


def act(shop: Shop, path: str, body: Any = None, **headers: str) -> httpx.Response:
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    given = {} if body is None else {"json": body}
    return shop.service.request("POST", path, headers=shop.headers() | more, **given)
