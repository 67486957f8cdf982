"""Requests of actions on an invoice, and the invoice in their answers."""

from typing import Any

import httpx

from tests.service.harness import Shop

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
