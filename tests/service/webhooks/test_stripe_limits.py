"""Limits of deliveries by Stripe: their rate, their bytes, and the size of one."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from service.webhooks import inbox
from service.webhooks.large_bodies import LARGE_BYTES
from service.webhooks.stripe import StripeEvent, read_event
from tests.service.harness import Shop, stripe_event
from tests.service.running_service import Service
from tests.service.webhooks.delivery_counts import count
from tests.support.wait_until import DEADLINE_S


def test_deliveries_over_the_rate_are_answered_503_(
    database: str,
) -> None:
    with Service(database, webhooks_per_minute=2) as service:
        shop, other = Shop(service), Shop(service)
        events = [stripe_event() for _ in range(3)]

        forged = shop.deliver(stripe_event(), secret="whsec_guessed")
        answers = [shop.deliver(event) for event in events]

        assert forged.status_code == 400
        assert [answer.status_code for answer in answers] == [200, 200, 503]
        assert answers[-1].headers["retry-after"] == "60"
        assert [len(shop.received(event["id"])) for event in events] == [1, 1, 0]
        assert other.deliver(events[2]).status_code == 200
        assert count(service, "over_budget") == 1


def test_deliveries_over_the_days_bytes_are_answered_503(database: str) -> None:
    event = stripe_event()
    size = len(json.dumps(event).encode())
    with Service(database, webhook_bytes_per_day=2 * size) as service:
        shop = Shop(service)
        answers = [shop.deliver(event | {"id": f"evt_{number}"}) for number in range(3)]

        assert [answer.status_code for answer in answers] == [200, 200, 503]
        assert answers[-1].headers["retry-after"] == "3600"
        assert len(shop.received("evt_2")) == 0
        assert count(service, "over_budget") == 1


def test_a_delivery_beyond_a_mebibyte_is_413(service: Service, shop: Shop) -> None:
    before = service.head()
    assert shop.deliver(b" " * (1024 * 1024 + 1)).status_code == 413
    assert service.head() == before


def test_small_deliveries_pass_one_that_takes_long_to_read(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_on = Event()

    def read_slowly(raw: bytes) -> StripeEvent:
        assert len(raw) < LARGE_BYTES or read_on.wait(DEADLINE_S)
        return read_event(raw)

    monkeypatch.setattr(inbox, "read_event", read_slowly)
    large = stripe_event(about={"description": "x" * LARGE_BYTES})
    with ThreadPoolExecutor() as threads:
        reading = threads.submit(shop.deliver, large)
        try:
            for _ in range(3):
                assert shop.deliver(stripe_event()).status_code == 200
            assert not reading.done()
        finally:
            read_on.set()
        assert reading.result().status_code == 200
    assert shop.received(large["id"])
