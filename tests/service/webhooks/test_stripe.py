import json
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import orjson
import pytest
import stripe

from domain.inbox.provider_event import ProviderEventReceived
from tests.service.harness import Shop, errors, sign, stripe_event
from tests.service.running_service import Service
from tests.service.webhooks.delivery_counts import count


@pytest.fixture(params=["application", "server"])
def shop(request: pytest.FixtureRequest, service: Service) -> Iterator[Shop]:
    """An app whose deliveries go to the application, or over a socket to the server."""
    if request.param == "application":
        yield Shop(service)
        return
    with service.served():
        yield Shop(service)


def test_a_signed_delivery_is_stored_with_its_facts(service: Service, shop: Shop) -> None:
    invoice_id = uuid4()
    event = stripe_event(about={"metadata": {"billhook_invoice": str(invoice_id)}})
    response = shop.deliver(event)
    assert response.status_code == 200
    (received,) = shop.received(event["id"])
    assert isinstance(received, ProviderEventReceived)
    assert (received.app_id, received.connection) == (shop.app_id, shop.connection)
    assert (received.type, received.object_type) == ("invoice.paid", "invoice")
    assert (received.object_id, received.invoice_id) == ("in_1", invoice_id)
    assert received.occurred_at == event["created"]
    assert received.actor == f"webhook:{event['id']}"
    assert int(response.headers["x-billhook-position"]) == service.head()
    stored = service.call(service.context.recording.log.body_async(bytes.fromhex(received.body)))
    assert orjson.loads(stored or b"") == event


def test_the_sdks_own_signature_is_valid(shop: Shop) -> None:
    raw = json.dumps(stripe_event()).encode()
    make = stripe.WebhookSignature.generate_signature_header
    header = make(raw.decode(), shop.webhook_secrets[0])
    response = shop.service.request(
        "POST", shop.webhook_url, content=raw, headers={"stripe-signature": header}
    )
    assert response.status_code == 200


def test_any_of_the_connections_secrets_signs(shop: Shop) -> None:
    for secret in shop.webhook_secrets:
        assert shop.deliver(stripe_event(), secret=secret).status_code == 200


def test_the_same_event_twice_is_stored_once(service: Service, shop: Shop) -> None:
    event = stripe_event()
    assert shop.deliver(event).status_code == 200
    before = service.head()
    assert shop.deliver(event).status_code == 200
    assert service.head() == before


def test_twenty_deliveries_of_one_event_at_once_are_stored_once(
    service: Service, shop: Shop
) -> None:
    raw = json.dumps(stripe_event()).encode()
    headers = {"stripe-signature": sign(raw, secret=shop.webhook_secrets[0])}
    before = service.head()
    request = ("POST", shop.webhook_url, {"content": raw, "headers": headers})
    assert {r.status_code for r in service.requests([request] * 20)} == {200}
    assert service.head() == before + 1


def test_one_event_id_at_two_connections_is_two_events(service: Service, shop: Shop) -> None:
    event, other = stripe_event(), Shop(service)
    assert shop.deliver(event).status_code == other.deliver(event).status_code == 200
    assert shop.received(event["id"])[0].app_id == shop.app_id
    assert other.received(event["id"])[0].app_id == other.app_id


def _forged(raw: bytes) -> str:
    return sign(raw, secret="whsec_guessed")


def _old(raw: bytes) -> str:
    return sign(raw, secret="whsec_first", at_s=time.time() - 310)


def _future(raw: bytes) -> str:
    return sign(raw, secret="whsec_first", at_s=time.time() + 310)


def _of_other_bytes(raw: bytes) -> str:
    return sign(raw + b" ", secret="whsec_first")


def _other_time(raw: bytes) -> str:
    return sign(raw, secret="whsec_first").replace("t=1", "t=2", 1)


def _old_scheme(raw: bytes) -> str:
    return sign(raw, secret="whsec_first").replace("v1=", "v0=")


@pytest.mark.parametrize(
    ("header", "result"),
    [
        (_forged, "forged"),
        (_of_other_bytes, "forged"),
        (_other_time, "forged"),
        (_old, "stale"),
        (_future, "future"),
        (_old_scheme, "malformed"),
        (lambda _: "", "unsigned"),
        (lambda _: "nonsense", "malformed"),
        (lambda _: "t=,v1=", "malformed"),
        (lambda _: "t=1,t=2,v1=" + "0" * 64, "malformed"),
        (lambda _: "t=99999999999999999999,v1=" + "0" * 64, "malformed"),
        (lambda raw: sign(raw, secret="whsec_first") + ",v1=0" * 2000, "malformed"),
    ],
)
def test_a_delivery_that_is_not_proved_is_400_counted_and_not_stored(
    service: Service, shop: Shop, header: Any, result: str
) -> None:
    raw = json.dumps(stripe_event()).encode()
    before, counted = service.head(), count(service, result)
    response = service.request(
        "POST", shop.webhook_url, content=raw, headers={"stripe-signature": header(raw)}
    )
    assert response.status_code == 400
    assert errors(response)[0]["message"] == "The delivery can't be verified"
    assert service.head() == before
    assert count(service, result) == counted + 1


@pytest.mark.parametrize("seconds", [-290, 290])
def test_clocks_may_be_five_minutes_apart(shop: Shop, seconds: int) -> None:
    assert shop.deliver(stripe_event(), at_s=time.time() + seconds).status_code == 200


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"garbage \xff\xfe\x00",
        b"[]",
        b"{}",
        b'{"id": "evt_1"}',
        json.dumps(stripe_event(created=10**18)).encode(),
        json.dumps(stripe_event(created=-1)).encode(),
        json.dumps(stripe_event(livemode="no")).encode(),
        json.dumps(stripe_event("evt\u0000")).encode(),
        b'{"a":' * 2000 + b"1" + b"}" * 2000,
    ],
)
def test_signed_bytes_that_are_no_event_are_400_and_not_stored(
    service: Service, shop: Shop, raw: bytes
) -> None:
    before, counted = service.head(), count(service, "unreadable")
    assert shop.deliver(raw).status_code == 400
    assert service.head() == before
    assert count(service, "unreadable") == counted + 1


def test_an_event_of_the_other_mode_is_refused(service: Service, shop: Shop) -> None:
    before = service.head()
    assert shop.deliver(stripe_event(livemode=True)).status_code == 400
    assert service.head() == before


def test_an_unknown_connection_is_404_before_any_other_error(service: Service, shop: Shop) -> None:
    silent = Shop(service, webhook_secrets=())
    urls = [
        f"/webhooks/stripe/{uuid4()}",
        "/webhooks/stripe/none",
        f"/webhooks/none/{shop.connection_id}",
        silent.webhook_url,
    ]
    answers = [shop.deliver(stripe_event(), url=url) for url in urls]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1


def test_secrets_are_cut_before_anything_is_stored(service: Service, shop: Shop) -> None:
    secret = "pi_1_secret_abc"
    event = stripe_event(
        about={
            "client_secret": secret,
            "next_action": {"url": f"https://hooks.stripe.test/a?client_secret={secret}&b=1"},
        }
    )
    assert shop.deliver(event).status_code == 200
    (received,) = shop.received(event["id"])
    stored = service.call(service.context.recording.log.body_async(bytes.fromhex(received.body)))
    assert stored is not None
    assert secret.encode() not in stored
    assert orjson.loads(stored)["data"]["object"]["next_action"] == {
        "url": "https://hooks.stripe.test/a?client_secret=[cut]&b=1"
    }


@pytest.mark.parametrize(
    "about",
    [
        {"metadata": {"billhook_invoice": "no-uuid"}},
        {"metadata": {"billhook_invoice": 7}},
        {"metadata": None},
        {"metadata": []},
        {"parent": {"subscription_details": None}},
        {"parent": "x"},
    ],
)
def test_metadata_that_names_no_invoice_of_ours_is_no_hint(
    shop: Shop, about: dict[str, Any]
) -> None:
    event = stripe_event(about=about)
    assert shop.deliver(event).status_code == 200
    assert shop.received(event["id"])[0].invoice_id is None


@pytest.mark.parametrize("reason", ["subscription_create", "subscription_cycle"])
def test_a_subscriptions_metadata_is_a_hint_for_its_first_invoice_alone(
    shop: Shop, reason: str
) -> None:
    invoice_id = uuid4()
    details = {"metadata": {"billhook_invoice": str(invoice_id)}}
    about = {"billing_reason": reason, "parent": {"subscription_details": details}}
    event = stripe_event(about=about)
    assert shop.deliver(event).status_code == 200
    first = reason == "subscription_create"
    assert shop.received(event["id"])[0].invoice_id == (invoice_id if first else None)


def test_an_object_without_an_id_is_stored(shop: Shop) -> None:
    event = stripe_event()
    del event["data"]["object"]["id"]
    assert shop.deliver(event).status_code == 200
    assert shop.received(event["id"])[0].object_id == ""
