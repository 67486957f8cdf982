"""Webhook endpoints: what they take, and their secrets while one is rolled."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.shop import Shop
from tests.sandbox.webhook_receiver import Delivery, Sink
from tests.support.sandbox import wait_for

VERSION = "2026-10-28.endive"
DAY_S = 86400


def endpoint(shop: Shop, sink: Sink, **fields: Any) -> stripe.WebhookEndpoint:
    params: Any = {"url": sink.url, "enabled_events": ["*"], "api_version": VERSION, **fields}
    return shop.stripe.webhook_endpoints.create(params)


def next_delivery(shop: Shop, sink: Sink) -> Delivery:
    """Returns what comes in of a new event."""
    before = len(sink.received)
    shop.stripe.customers.create({})
    wait_for(lambda: len(sink.received) > before)
    return sink.received[-1]


def verifies(delivery: Delivery, secret: str) -> bool:
    try:
        delivery.event(secret)
    except stripe.SignatureVerificationError:
        return False
    return True


def test_an_endpoint_is_what_it_was_made_to_be(shop: Shop, sink: Sink) -> None:
    made = endpoint(
        shop, sink, enabled_events=["invoice.paid"], description="ours", metadata={"app": "a"}
    )
    found = shop.stripe.webhook_endpoints.retrieve(made.id)
    assert (found.api_version, found.enabled_events, found.status) == (
        VERSION,
        ["invoice.paid"],
        "enabled",
    )
    assert (found.description, found.metadata.to_dict()) == ("ours", {"app": "a"})
    assert "secret" in made
    assert "secret" not in found
    assert "secret" not in shop.stripe.webhook_endpoints.list().data[0]


def test_an_endpoint_without_a_version_has_the_accounts(shop: Shop, sink: Sink) -> None:
    made = shop.stripe.webhook_endpoints.create({"url": sink.url, "enabled_events": ["*"]})
    assert made.api_version is None
    assert next_delivery(shop, sink).event(str(made.secret)).api_version == VERSION


def test_an_endpoints_event_types_can_be_changed(shop: Shop, sink: Sink) -> None:
    made = endpoint(shop, sink, enabled_events=["customer.deleted"])
    changed = shop.stripe.webhook_endpoints.update(
        made.id, {"enabled_events": ["customer.created"], "metadata": {"app": "b"}}
    )
    assert (changed.enabled_events, "secret" in changed) == (["customer.created"], False)
    assert next_delivery(shop, sink).event(str(made.secret)).type == "customer.created"


def test_endpoints_are_listed_newest_first_in_pages(shop: Shop, sink: Sink) -> None:
    made = [endpoint(shop, sink).id for _ in range(3)]
    page = shop.stripe.webhook_endpoints.list({"limit": 2})
    assert ([item.id for item in page.data], page.has_more) == (made[:0:-1], True)
    assert [item.id for item in page.auto_paging_iter()] == made[::-1]


@pytest.mark.parametrize("field", ["api_version", "secret"])
def test_what_cannot_be_changed_is_an_unknown_parameter(shop: Shop, sink: Sink, field: str) -> None:
    made = endpoint(shop, sink)
    wrong: Any = {field: "x"}
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        shop.stripe.webhook_endpoints.update(made.id, wrong)
    assert refusal.value.code == "parameter_unknown"


def test_a_rolled_secret_and_the_old_one_both_verify_for_a_while(shop: Shop, sink: Sink) -> None:
    made = endpoint(shop, sink)
    old = str(made.secret)
    new = shop.admin.roll_secret(made.id, overlap_s=DAY_S)
    both = next_delivery(shop, sink)
    assert both.signature.count("v1=") == 2
    assert (verifies(both, old), verifies(both, new)) == (True, True)
    shop.admin.set_clock(advance_s=DAY_S + 1)
    late = next_delivery(shop, sink)
    assert late.signature.count("v1=") == 1
    assert (verifies(late, old), verifies(late, new)) == (False, True)


def test_a_secret_may_be_rolled_at_once(shop: Shop, sink: Sink) -> None:
    made = endpoint(shop, sink)
    new = shop.admin.roll_secret(made.id, overlap_s=0)
    delivery = next_delivery(shop, sink)
    assert (verifies(delivery, str(made.secret)), verifies(delivery, new)) == (False, True)


def test_an_endpoint_disabled_meanwhile_gets_what_it_missed_once_enabled(
    shop: Shop, sink: Sink
) -> None:
    shop.admin.set_webhooks(retry_scale=0.02)
    made = endpoint(shop, sink)
    sink.statuses = [500]
    next_delivery(shop, sink)
    shop.stripe.webhook_endpoints.update(made.id, {"disabled": True})

    def refused() -> bool:
        attempts = shop.admin.deliveries()[0]["attempts"]
        return any(attempt["error"] == "disabled" for attempt in attempts)

    wait_for(refused)
    assert len(sink.received) == 1
    shop.stripe.webhook_endpoints.update(made.id, {"disabled": False})
    wait_for(lambda: len(sink.received) == 2)
