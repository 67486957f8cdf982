from uuid import uuid4

import pytest

from tests.service.harness import Shop, errors, free_line
from tests.service.invoice_outcomes import HOSTED_URL, SECRET, complete_invoice
from tests.service.running_service import Service


def test_a_paid_invoice_is_answered_with_every_field(shop: Shop) -> None:
    response = shop.post("paid", footer="Thanks", userId="user-1")
    assert response.status_code == 200
    document = response.json()
    assert {name: document[name] for name in ("kind", "totalItems", "itemsLength")} == {
        "kind": "invoices",
        "totalItems": 1,
        "itemsLength": 1,
    }
    (item,) = document["items"]
    assert item["status"] == "paid"
    assert item["tenantUuid"] == str(shop.tenant_id)
    assert item["userId"] == "user-1"
    assert (item["provider"], item["connection"], item["mode"]) == ("stripe", "stripe-1", "test")
    assert (item["totalMinor"], item["amountPaidMinor"], item["currency"]) == (1999, 1999, "eur")
    assert (item["providerObjectType"], item["providerObjectId"]) == ("invoice", "in_1")
    assert item["documentUrl"].startswith("http://127.0.0.1:8080/d/")
    assert item["footer"] == "Thanks"
    assert item["nextAction"] is None
    assert item["failure"] is None
    assert item["paidAt"].endswith("Z")
    assert item["lineItems"] == [
        {**free_line(), "quantity": 1, "price": None},
    ]
    assert int(response.headers["x-billhook-position"]) == item["position"]


def test_the_providers_secrets_are_cut_from_its_response(shop: Shop) -> None:
    response = shop.post("paid")
    (item,) = response.json()["items"]
    assert item["providerResponse"] == {"id": "in_1", "confirmation_secret": {}}
    assert SECRET not in response.text


def test_a_decline_is_402_with_the_providers_codes_and_the_invoice_is_failed(shop: Shop) -> None:
    response = shop.post("declined")
    assert response.status_code == 402
    assert errors(response) == [
        {
            "validation": "error",
            "code": "[E4020]",
            "message": "Your card has insufficient funds.",
            "providerCode": "card_declined",
            "declineCode": "insufficient_funds",
        }
    ]
    found = shop.get(response.headers["location"]).json()["items"][0]
    assert found["status"] == "failed"
    assert found["failure"] == {
        "code": "card_declined",
        "declineCode": "insufficient_funds",
        "message": "Your card has insufficient funds.",
    }


def test_a_refusal_of_the_provider_is_400_that_names_the_field(shop: Shop) -> None:
    response = shop.post("rejected")
    assert response.status_code == 400
    assert errors(response) == [
        {
            "validation": "error",
            "code": "[E4000]",
            "message": "No such price: 'price_gone'",
            "path": "lineItems.0.price",
            "providerCode": "resource_missing",
        }
    ]


@pytest.mark.parametrize(
    ("provider", "currency", "amount", "rule"),
    [
        ("stripe", "isk", 50_050, "must end in 00 in isk at Stripe"),
        ("mollie", "isk", 50_050, "must end in 00 in isk at Mollie"),
        ("stripe", "UGX", 5, "must end in 00 in ugx at Stripe"),
        ("stripe", "bhd", 1999, "must end in 0 in bhd at Stripe"),
    ],
)
def test_an_amount_that_the_provider_can_not_charge_is_400_and_nothing_is_recorded(
    shop: Shop, service: Service, *, provider: str, currency: str, amount: int, rule: str
) -> None:
    url = shop.invoices_url.replace("/stripe/", f"/{provider}/")
    line = free_line(amount) | {"currency": currency}
    body = shop.body(lineItems=[line])
    head = service.call(service.context.recording.log.head_async())
    response = service.request("POST", url, json=body, headers=shop.headers())
    assert response.status_code == 400
    (error,) = errors(response)
    assert error["path"] == "lineItems.0"
    assert rule in error["message"]
    assert service.call(service.context.recording.log.head_async()) == head


@pytest.mark.parametrize("outcome", ["requires_action", "open"])
def test_what_the_customer_must_do_is_200_with_where(shop: Shop, outcome: str) -> None:
    response = shop.post(outcome)
    assert response.status_code == 200
    (item,) = response.json()["items"]
    assert item["status"] == outcome
    assert item["nextAction"] == {"type": "redirect", "url": HOSTED_URL}


def test_a_payment_under_way_is_200(shop: Shop) -> None:
    assert shop.post("processing").json()["items"][0]["status"] == "processing"


def test_an_outcome_after_the_time_out_is_202_and_can_be_fetched_later(
    service: Service, shop: Shop
) -> None:
    response = shop.post("never", headers={"prefer": "wait=0"})
    assert response.status_code == 202
    (item,) = response.json()["items"]
    assert item["status"] == "requested"
    assert item["providerResponse"] is None
    position = response.headers["x-billhook-position"]
    location = f"{shop.url}/invoices/{item['id']}?minPosition={position}"
    assert response.headers["location"] == location
    assert int(response.headers["retry-after"]) >= 1
    complete_invoice(service.context, shop.invoice_events(item["id"])[0].originator_id, "paid")
    service.wait_for_projection("invoices")
    assert shop.get(location).json()["items"][0]["status"] == "paid"


@pytest.mark.parametrize(
    ("prefer", "status"),
    [
        ("respond-async", 202),
        ("wait=0", 202),
        ("Respond-Async", 202),
        ("respond-async, wait=5", 200),
        ("wait=5", 200),
        ("wait=100000", 200),
        ("wait=-1", 200),
        ("wait=soon", 200),
        ("return=minimal", 200),
    ],
)
def test_prefer_sets_the_time_to_wait(shop: Shop, prefer: str, status: int) -> None:
    assert shop.post("paid", headers={"prefer": prefer}).status_code == status


def test_a_wait_ends_in_time_when_nothing_happens(shop: Shop) -> None:
    assert shop.post("never", headers={"prefer": "wait=1"}).status_code == 202


def test_waits_end_at_once_when_the_service_stops(service_database: str) -> None:
    with Service(service_database) as stopping:
        shop = Shop(stopping)

        async def end() -> None:
            stopping.app.state.waits.end_all()

        stopping.call(end())
        assert shop.post("never", headers={"prefer": "wait=60"}).status_code == 202


def test_the_request_records_its_actor_and_nothing_else(shop: Shop, service: Service) -> None:
    before = service.head()
    response = shop.post("never", headers={"prefer": "respond-async"})
    (event,) = shop.invoice_events(response.json()["items"][0]["id"])
    assert service.head() == before + 1
    assert event.actor == f"key:{shop.key_ids['write']}"
    assert event.dialect == "002"
    assert event.off_session is True


def test_a_named_connection_is_used_though_it_is_not_the_default(shop: Shop) -> None:
    shop.set_connection("live-1", mode="live")
    shop.service.wait_for_projection("access")
    item = shop.post("paid", connection="live-1").json()["items"][0]
    assert (item["connection"], item["mode"]) == ("live-1", "live")


def test_test_picks_the_default_of_that_mode(shop: Shop) -> None:
    shop.set_connection("live-1", mode="live")
    shop.change(default_connections={"stripe:live": "live-1"})
    shop.service.wait_for_projection("access")
    assert shop.post("paid", test=False).json()["items"][0]["connection"] == "live-1"
    assert shop.post("paid", test=True).json()["items"][0]["connection"] == "stripe-1"
    assert shop.post("paid").json()["items"][0]["connection"] == "stripe-1"


def test_an_admin_key_may_do_what_a_write_key_may(shop: Shop, service: Service) -> None:
    headers = {"api-key": shop.keys["admin"]}
    response = service.request("POST", shop.invoices_url, json=shop.body(), headers=headers)
    assert response.status_code == 200
    assert service.request("GET", f"{shop.url}/invoices", headers=headers).status_code == 200


def test_the_callers_request_id_comes_back_if_it_is_sane(shop: Shop) -> None:
    given = str(uuid4())
    assert shop.post(headers={"x-request-id": given}).headers["x-request-id"] == given
    for odd in ("a b", "x" * 129, 'a"b'):
        assert shop.post(headers={"x-request-id": odd}).headers["x-request-id"] != odd


def test_an_invoice_takes_missing_fields_from_its_app(shop: Shop) -> None:
    shop.change(settings={"invoice_defaults": {"footer": "Thank you", "description": "For work"}})
    shop.service.wait_for_projection("access")

    item = shop.post(footer="Goodbye").json()["items"][0]

    assert (item["footer"], item["description"]) == ("Goodbye", "For work")


def test_a_subscription_is_requested_with_prices_and_recorded_as_one(shop: Shop) -> None:
    lines = [{"name": "Pro Plan", "price": "price_monthly", "quantity": 2}, {"price": "price_seat"}]
    shown = shop.post("paid", type="subscription", lineItems=lines).json()["items"][0]
    assert (shown["type"], shown["status"]) == ("subscription", "paid")
    requested = shop.invoice_events(shown["id"])[0]
    assert requested.type == "subscription"
    assert [(line["price"], line["quantity"]) for line in requested.lines] == [
        ("price_monthly", 2),
        ("price_seat", 1),
    ]
