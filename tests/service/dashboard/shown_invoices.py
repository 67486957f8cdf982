"""An invoice that the pages show."""

from typing import Any

from tests.service.harness import Shop


def invoice_of(shop: Shop, outcome: str = "paid", **more: Any) -> str:
    response = shop.post(outcome, **more)
    assert response.status_code in (200, 402), response.text
    shop.service.wait_for_projection("invoices")
    found = shop.get(f"{shop.url}/invoices", limit="1").json()["items"]
    return str(found[0]["id"])
