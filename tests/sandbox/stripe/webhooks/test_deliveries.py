from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.shop import Shop
from tests.sandbox.webhook_receiver import Delivery, Sink
from tests.support.sandbox import Json, wait_for

VERSION = "2026-10-28.endive"


def endpoint(shop: Shop, sink: Sink, *types: str) -> stripe.WebhookEndpoint:
    enabled: Any = list(types or ("*",))
    return shop.stripe.webhook_endpoints.create(
        {"url": sink.url, "enabled_events": enabled, "api_version": VERSION}
    )


def received(sink: Sink, count: int) -> list[Delivery]:
    wait_for(lambda: len(sink.received) >= count)
    return sink.received


def settled(shop: Shop, *states: str) -> list[Json]:
    """All deliveries once each is in one of the states."""

    def look() -> list[Json]:
        found = shop.admin.deliveries()
        return found if found and all(item["state"] in states for item in found) else []

    return wait_for(look)


def names(deliveries: list[Delivery], secret: str) -> list[str]:
    return [item.event(secret).data.object["name"] for item in deliveries]


@contextmanager
def held(shop: Shop) -> Iterator[None]:
    shop.admin.set_webhooks(hold=True)
    yield
    shop.admin.set_webhooks(hold=False)


def test_events_are_delivered_signed_to_subscribed_endpoints(shop: Shop, sink: Sink) -> None:
    made = endpoint(shop, sink, "customer.created")
    customer = shop.stripe.customers.create({"name": "Ada"}, {"idempotency_key": "k"})
    shop.stripe.customers.update(customer.id, {"name": "Eve"})
    event = received(sink, 1)[0].event(str(made.secret))
    assert (event.type, event.data.object["name"]) == ("customer.created", "Ada")
    assert (event.api_version, event.request.idempotency_key) == (VERSION, "k")
    assert event.request.id == customer.last_response.request_id
    settled(shop, "delivered")
    assert len(sink.received) == 1
    assert shop.stripe.events.retrieve(event.id).pending_webhooks == 0


def test_updates_carry_the_values_before(shop: Shop) -> None:
    customer = shop.stripe.customers.create({"name": "Ada", "metadata": {"a": "1", "b": "2"}})
    shop.stripe.customers.update(customer.id, {"name": "Eve", "metadata": {"a": "9"}})
    event = shop.stripe.events.list({"type": "customer.updated"}).data[0]
    before = event.data.previous_attributes.to_dict()
    assert before == {"name": "Ada", "metadata": {"a": "1"}}
    assert event.data.object["name"] == "Eve"


def test_the_secret_is_shown_once(shop: Shop, sink: Sink) -> None:
    made = endpoint(shop, sink)
    assert str(made.secret).startswith("whsec_")
    with pytest.raises(AttributeError):
        _ = shop.stripe.webhook_endpoints.retrieve(made.id).secret
    assert shop.stripe.webhook_endpoints.list().data[0].id == made.id


def test_a_disabled_or_deleted_endpoint_gets_nothing(shop: Shop, sink: Sink) -> None:
    made = endpoint(shop, sink)
    assert shop.stripe.webhook_endpoints.update(made.id, {"disabled": True}).status == "disabled"
    shop.stripe.customers.create({})
    assert shop.admin.deliveries() == []
    assert shop.stripe.webhook_endpoints.delete(made.id).deleted is True
    with pytest.raises(stripe.InvalidRequestError):
        shop.stripe.webhook_endpoints.retrieve(made.id)


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "nowhere", "enabled_events": ["*"]},
        {"url": "https://[::1", "enabled_events": ["*"]},
        {"url": "http://127.0.0.1/x", "enabled_events": ["*"], "api_version": "2020-08-27"},
        {"url": "http://127.0.0.1/x"},
    ],
)
def test_wrong_endpoints_are_refused(shop: Shop, wrong: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        shop.stripe.webhook_endpoints.create(wrong)


def test_a_failed_delivery_is_tried_again_with_back_off(shop: Shop, sink: Sink) -> None:
    shop.admin.set_webhooks(retry_scale=0.01)
    endpoint(shop, sink)
    sink.statuses = [500, 302]
    shop.stripe.customers.create({})
    delivery = settled(shop, "delivered")[0]
    assert [attempt["status"] for attempt in delivery["attempts"]] == [500, 302, 200]
    first, second, third = (attempt["at"] for attempt in delivery["attempts"])
    assert second - first >= 0.05
    assert third - second >= 0.1
    assert all(attempt["duration_ms"] >= 0 for attempt in delivery["attempts"])


def test_after_three_days_a_delivery_is_given_up(shop: Shop, sink: Sink) -> None:
    shop.admin.set_webhooks(retry_scale=1e-6)
    endpoint(shop, sink)
    sink.statuses = [500] * 1000
    shop.stripe.customers.create({})
    failed = settled(shop, "failed")[0]
    assert 1 < len(failed["attempts"]) < 40
    event = shop.stripe.events.list({"delivery_success": False}).data[0]
    assert (event.id, event.pending_webhooks) == (failed["event"], 1)


def test_an_unreachable_endpoint_delays_no_answer(shop: Shop) -> None:
    shop.stripe.webhook_endpoints.create(
        {"url": "http://127.0.0.1:9/none", "enabled_events": ["*"]}
    )
    shop.stripe.customers.create({})
    attempt = wait_for(lambda: shop.admin.deliveries()[0]["attempts"])[0]
    assert (attempt["status"], "ConnectError" in attempt["error"]) == (None, True)


def test_what_is_held_comes_when_released(shop: Shop, sink: Sink) -> None:
    secret = str(endpoint(shop, sink).secret)
    with held(shop):
        for name in "abc":
            shop.stripe.customers.create({"name": name})
        assert {item["state"] for item in shop.admin.deliveries()} == {"held"}
        assert shop.admin.release() == 3
        assert names(received(sink, 3), secret) == ["a", "b", "c"]


@pytest.mark.parametrize(("order", "expected"), [("reverse", "edcba"), ("shuffle", None)])
def test_held_events_can_be_delivered_in_another_order(
    shop: Shop, sink: Sink, order: str, expected: str | None
) -> None:
    secret = str(endpoint(shop, sink).secret)
    shop.admin.set_webhooks(order=order, seed=7)
    orders = []
    for _ in range(2):
        sink.received.clear()
        with held(shop):
            for name in "abcde":
                shop.stripe.customers.create({"name": name})
            shop.admin.release()
            orders.append("".join(names(received(sink, 5), secret)))
        settled(shop, "delivered")
    assert orders[0] == orders[1] != "abcde"
    assert sorted(orders[0]) == list("abcde")
    assert expected in (None, orders[0])


def test_deliveries_can_be_doubled_delayed_and_dropped(shop: Shop, sink: Sink) -> None:
    endpoint(shop, sink)
    shop.admin.set_webhooks(copies=2, delay_ms=300, drop_types=["customer.updated"])
    customer = shop.stripe.customers.create({})
    shop.stripe.customers.update(customer.id, {"name": "Ada"})
    started_at = time.monotonic()
    bodies = [item.body for item in received(sink, 2)]
    assert time.monotonic() - started_at > 0.15
    assert bodies[0] == bodies[1]
    lost = settled(shop, "delivered", "dropped")
    assert [item["state"] for item in lost].count("dropped") == 2
    missing = shop.stripe.events.list({"delivery_success": False}).data
    assert [event.type for event in missing] == ["customer.updated"]
    assert shop.admin.resend(missing[0].id, copies=3) == 3
    received(sink, 5)


def test_signatures_can_be_corrupt_or_old(shop: Shop, sink: Sink) -> None:
    secret = str(endpoint(shop, sink).secret)
    shop.admin.set_webhooks(corrupt_signature=True)
    shop.stripe.customers.create({})
    forged = received(sink, 1)[0]
    shop.admin.set_webhooks(corrupt_signature=False, timestamp_offset_s=-3600)
    shop.stripe.customers.create({})
    stale = received(sink, 2)[1]
    for delivery in (forged, stale):
        with pytest.raises(stripe.SignatureVerificationError):
            delivery.event(secret)
    stripe.Webhook.construct_event(stale.body, stale.signature, secret, tolerance=7200)


def test_events_are_listed_by_type_time_and_page(shop: Shop) -> None:
    shop.admin.set_clock(now=1_900_000_000, frozen=True)
    customer = shop.stripe.customers.create({})
    shop.admin.set_clock(advance_s=60)
    shop.stripe.customers.update(customer.id, {"name": "Ada"})
    shop.stripe.products.create({"name": "Book"})
    events = shop.stripe.events
    of_customers = events.list({"type": "customer.*"}).data
    assert [item.type for item in of_customers] == ["customer.updated", "customer.created"]
    both: Any = {"types": ["customer.created", "product.created"], "limit": 1}
    first = events.list(both)
    assert (first.data[0].type, first.has_more) == ("product.created", True)
    rest = events.list({**both, "starting_after": first.data[0].id})
    assert ([item.type for item in rest.data], rest.has_more) == (["customer.created"], False)
    late = events.list({"created": {"gte": 1_900_000_060}})
    assert len(late.data) == 2
    with pytest.raises(stripe.InvalidRequestError):
        events.list({"type": "a", "types": ["b"]})
    shop.admin.set_clock(advance_s=31 * 86400)
    assert events.list().data == []


def test_every_event_of_a_busy_day_arrives_and_verifies(shop: Shop, sink: Sink) -> None:
    secret = str(endpoint(shop, sink).secret)
    for card in ("pm_card_visa", "pm_card_chargeDeclined", "pm_card_authenticationRequired"):
        opened = shop.opened(
            shop.customer(card).id, default_tax_rates=[shop.rate(19, inclusive=True).id]
        )
        with suppress(stripe.CardError):
            shop.stripe.invoices.pay(opened.id)
    shop.admin.fail_authentication(opened.id)
    shop.stripe.invoices.void_invoice(opened.id)
    customer = shop.customer(balance=-60).id
    shop.stripe.invoices.mark_uncollectible(shop.opened(customer).id)
    shop.stripe.invoices.delete(shop.draft(customer, 5).id)
    item = shop.stripe.invoice_items.create({"customer": customer, "amount": 5, "currency": "eur"})
    shop.stripe.invoice_items.delete(item.id)
    price = shop.price()
    shop.stripe.prices.update(price.id, {"nickname": "n"})
    shop.stripe.products.update(str(price.product), {"name": "n"})
    shop.stripe.products.delete(shop.stripe.products.create({"name": "x"}).id)
    shop.stripe.tax_rates.update(shop.rate(7, inclusive=False).id, {"active": False})
    shop.stripe.customers.delete(customer)
    settled(shop, "delivered")
    arrived = sorted(item.event(secret).type for item in sink.received)
    assert arrived == sorted(item["type"] for item in shop.admin.deliveries())
    assert {"charge.failed", "invoice.voided", "payment_method.detached"} < set(arrived)
