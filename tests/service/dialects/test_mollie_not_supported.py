"""Interfaces that return Stripe's own objects reject Mollie connections with a reason."""

from __future__ import annotations

import httpx
import pytest

from tests.service.harness import Shop
from tests.service.running_service import Service


@pytest.fixture
def shop(service: Service) -> Shop:
    return Shop(service, provider="mollie", connection="mollie-1", webhook_secrets=())


def error_message(answer: httpx.Response) -> str:
    assert answer.status_code == 400, answer.text
    return answer.text


def test_the_stripe_interfaces_reject_mollie_connections_with_a_reason(shop: Shop) -> None:
    body = {"price": "p", "taxRate": "t", "mode": "payment", "quantity": 1}
    for version in ("/v1", "/api/v1"):
        answer = shop.service.request(
            "POST",
            f"{version}/tenants/{shop.tenant_id}/stripe-invoices",
            json=body,
            headers=shop.headers(),
        )
        assert "Mollie has payments, no invoices" in error_message(answer)


def test_the_admin_interface_rejects_mollie_connections_too(shop: Shop) -> None:
    answer = shop.service.request(
        "POST",
        "/admin/api/invoices",
        json={"items": [{"name": "Tea", "amount": 100}], "customer": "cst_1"},
        headers={"Api-Key": shop.keys["admin"]},
    )

    assert "Mollie has payments, no invoices" in error_message(answer)


def test_a_draft_of_pending_items_names_the_connection_without_drafts(shop: Shop) -> None:
    answer = shop.service.request(
        "POST",
        "/stripe/invoices/?name=shop&connection_name=mollie-1",
        data={"customer": "cst_1"},
        headers={"x-api-key": shop.keys["write"]},
    )

    assert "mollie-1 is a connection of mollie, which has payments and no drafts" in error_message(
        answer
    )


def test_mollie_is_used_through_its_own_path_only(shop: Shop) -> None:
    answer = shop.service.request(
        "POST",
        f"{shop.tenant_url}/payment-providers/stripe/invoices",
        json=shop.body(connection="mollie-1"),
        headers=shop.headers(),
    )

    assert "no connection of stripe has this name" in error_message(answer)
