from uuid import UUID, uuid4

import pytest

from domain.core import ids
from tests.service.harness import Shop, errors
from tests.service.invoice_outcomes import complete_invoice
from tests.service.running_service import Service


def keyed(key: str | None = None, **more: str) -> dict[str, str]:
    return {"idempotency-key": key or uuid4().hex} | more


def test_fifty_requests_at_once_under_one_key_make_one_invoice(
    service: Service, shop: Shop
) -> None:
    headers = shop.headers() | keyed()
    request = ("POST", shop.invoices_url, {"json": shop.body("paid"), "headers": headers})
    responses = service.requests([request] * 50)
    assert {response.status_code for response in responses} == {200}
    assert len({response.text for response in responses}) == 1
    replayed = [response.headers.get("idempotent-replayed") for response in responses]
    assert sorted(replayed, key=str) == [None] + ["true"] * 49
    service.wait_for_projection("invoices")
    assert shop.get(f"{shop.url}/invoices").json()["totalItems"] == 1


@pytest.mark.parametrize("outcome", ["paid", "declined", "rejected", "requires_action"])
def test_a_replay_gives_the_first_answer_again(shop: Shop, outcome: str) -> None:
    headers = keyed()
    first, second = (shop.post(outcome, headers=headers) for _ in range(2))
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert first.headers["location"] == second.headers["location"]


def test_a_replay_returns_the_first_outcome_after_later_events(
    service: Service, shop: Shop
) -> None:
    headers = keyed()
    first = shop.post("requires_action", headers=headers)
    complete_invoice(service.context, UUID(first.json()["items"][0]["id"]), "paid")
    assert shop.post("requires_action", headers=headers).json() == first.json()


def test_a_replay_waits_like_the_first_while_there_is_no_outcome(
    service: Service, shop: Shop
) -> None:
    headers = keyed()
    first = shop.post("never", headers=headers | {"prefer": "respond-async"})
    again = shop.post("never", headers=headers | {"prefer": "respond-async"})
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    complete_invoice(service.context, UUID(first.json()["items"][0]["id"]), "paid")
    assert shop.post("never", headers=headers).status_code == 200


def test_another_body_under_the_key_is_422_that_names_the_clash(
    service: Service, shop: Shop
) -> None:
    headers = keyed()
    shop.post("paid", headers=headers)
    before = service.head()
    response = shop.post("paid", headers=headers, footer="another")
    assert response.status_code == 422
    assert errors(response)[0]["code"] == "[E4220]"
    assert "Idempotency-Key" in errors(response)[0]["message"]
    assert service.head() == before


def test_another_query_or_path_under_the_key_is_422(service: Service, shop: Shop) -> None:
    headers = keyed()
    shop.post("paid", headers=headers)
    response = service.request(
        "POST",
        shop.invoices_url + "?x=1",
        json=shop.body("paid"),
        headers=shop.headers() | headers,
    )
    assert response.status_code == 422


def test_the_order_of_keys_and_a_trailing_slash_make_no_other_request(
    service: Service, shop: Shop
) -> None:
    headers = shop.headers() | keyed()
    body = shop.body("paid")
    turned = dict(reversed(body.items()))
    for path, sent in ((shop.invoices_url, body), (shop.invoices_url + "/", turned)):
        response = service.request("POST", path, json=sent, headers=headers)
        assert response.status_code == 200
    assert response.headers["idempotent-replayed"] == "true"


def test_a_key_counts_in_its_app_alone(service: Service, shop: Shop) -> None:
    headers = keyed()
    other = Shop(service)
    first, second = shop.post("paid", headers=headers), other.post("paid", headers=headers)
    assert "idempotent-replayed" not in second.headers
    assert first.json()["items"][0]["id"] != second.json()["items"][0]["id"]


def test_a_rejection_before_recording_does_not_use_up_the_key(shop: Shop) -> None:
    headers = keyed()
    assert shop.post("paid", headers=headers, type="gift").status_code == 400
    assert shop.post("paid", headers=headers).status_code == 200


def test_without_a_key_each_request_is_one_of_its_own(shop: Shop) -> None:
    first, second = shop.post("paid"), shop.post("paid")
    assert first.json()["items"][0]["id"] != second.json()["items"][0]["id"]


def test_the_invoices_id_follows_from_app_and_key(shop: Shop) -> None:
    item = shop.post("paid", headers=keyed("order-7")).json()["items"][0]
    assert item["id"] == str(ids.for_post(shop.app_id, None, "order-7"))
