from typing import Any

import pytest

from tests.service.harness import Shop, errors, paths
from tests.service.running_service import Service

PRICE = {"name": "Pro Plan", "currency": "eur", "amountMinor": 1999, "interval": "month"}
TAX_RATE = {"name": "VAT", "percentage": 19, "inclusive": False}
KINDS = pytest.mark.parametrize(("path", "body"), [("prices", PRICE), ("tax-rates", TAX_RATE)])


def test_a_price_reads_as_it_was_written(shop: Shop) -> None:
    written = shop.put(f"{shop.url}/prices/price_12345", PRICE)
    assert written.status_code == 200
    assert written.json()["kind"] == "prices"
    (item,) = written.json()["items"]
    assert item.items() >= PRICE.items()
    assert (item["priceId"], item["intervalCount"]) == ("price_12345", 1)
    assert int(written.headers["x-billhook-position"]) == item["position"]
    assert shop.get(f"{shop.url}/prices/price_12345").json() == written.json()


def test_a_tax_rate_reads_as_it_was_written(shop: Shop) -> None:
    written = shop.put(f"{shop.url}/tax-rates/txr_12345", TAX_RATE)
    assert written.status_code == 200
    assert written.json()["kind"] == "taxRates"
    (item,) = written.json()["items"]
    assert item.items() >= TAX_RATE.items()
    assert item["taxRateId"] == "txr_12345"
    assert shop.get(f"{shop.url}/tax-rates/txr_12345").json() == written.json()


@pytest.mark.parametrize("percentage", [0, 7.75, 8.1, 0.0001, 99.9999, 100, 5.5])
def test_a_percentage_is_kept_exactly(shop: Shop, percentage: float) -> None:
    shop.put(f"{shop.url}/tax-rates/txr", TAX_RATE | {"percentage": percentage})
    (item,) = shop.get(f"{shop.url}/tax-rates/txr").json()["items"]
    assert item["percentage"] == percentage


def test_a_price_without_an_interval_is_paid_once(shop: Shop) -> None:
    body = {"currency": "EUR", "amountMinor": 0}
    (item,) = shop.put(f"{shop.url}/prices/once", body).json()["items"]
    assert (item["interval"], item["intervalCount"]) == (None, None)
    assert (item["currency"], item["amountMinor"], item["name"]) == ("eur", 0, None)


def test_what_is_put_replaces_what_was_there_and_is_read_at_once(
    service: Service, shop: Shop
) -> None:
    url = f"{shop.url}/prices/price_1"
    (first,) = shop.put(url, PRICE).json()["items"]
    service.wait_for_projection("catalogue")
    shop.put(url, PRICE | {"amountMinor": 2500, "interval": None, "name": None})
    (item,) = shop.get(url).json()["items"]
    assert (item["amountMinor"], item["interval"], item["name"]) == (2500, None, None)
    assert item["createdAt"] == first["createdAt"]
    service.wait_for_projection("catalogue")
    assert shop.get(url).json()["items"] == [item]


@KINDS
def test_a_row_and_the_log_agree(
    service: Service, shop: Shop, path: str, body: dict[str, Any]
) -> None:
    url = f"{shop.url}/{path}/known"
    written = shop.put(url, body).json()
    service.wait_for_projection("catalogue")
    assert shop.get(url).json() == written


@KINDS
def test_the_same_twice_records_nothing_new(
    service: Service, shop: Shop, path: str, body: dict[str, Any]
) -> None:
    shop.put(f"{shop.url}/{path}/one", body)
    before = service.head()
    assert shop.put(f"{shop.url}/{path}/one", body).status_code == 200
    assert service.head() == before


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"currency": "xxx"}, "currency"),
        ({"currency": None}, "currency"),
        ({"amountMinor": -1}, "amountMinor"),
        ({"amountMinor": 100_000_000}, "amountMinor"),
        ({"amountMinor": 19.99}, "amountMinor"),
        ({"amountMinor": "1999"}, "amountMinor"),
        ({"amountMinor": 1001, "currency": "kwd"}, None),
        ({"interval": "fortnight"}, "interval"),
        ({"intervalCount": 0}, "intervalCount"),
        ({"intervalCount": 13}, None),
        ({"interval": None, "intervalCount": 2}, None),
        ({"name": "a\u0000"}, "name"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_price_that_can_not_be_is_400(
    shop: Shop, changes: dict[str, Any], path: str | None
) -> None:
    before = shop.service.head()
    response = shop.put(f"{shop.url}/prices/price_1", PRICE | changes)
    assert response.status_code == 400
    assert paths(response) == [path]
    assert shop.service.head() == before


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"percentage": -1}, "percentage"),
        ({"percentage": 100.5}, "percentage"),
        ({"percentage": 7.12345}, "percentage"),
        ({"percentage": "19"}, "percentage"),
        ({"percentage": True}, "percentage"),
        ({"inclusive": "no"}, "inclusive"),
        ({"country": "DE"}, "country"),
    ],
)
def test_a_tax_rate_that_can_not_be_is_400(shop: Shop, changes: dict[str, Any], path: str) -> None:
    response = shop.put(f"{shop.url}/tax-rates/txr_1", TAX_RATE | changes)
    assert response.status_code == 400
    assert paths(response) == [path]


@pytest.mark.parametrize("named", ["a%20b", "a%00b", "%C3%A9", "a" * 256])
def test_a_name_that_can_not_be_is_400_to_write_and_404_to_read(shop: Shop, named: str) -> None:
    for path, field, body in (
        ("prices", "priceId", PRICE),
        ("tax-rates", "taxRateId", TAX_RATE),
    ):
        response = shop.put(f"{shop.url}/{path}/{named}", body)
        assert response.status_code == 400
        assert paths(response) == [field]
        assert shop.get(f"{shop.url}/{path}/{named}").status_code == 404


@KINDS
def test_what_another_app_has_does_not_exist(
    shop: Shop, other_shop: Shop, path: str, body: dict[str, Any]
) -> None:
    other_shop.put(f"{other_shop.url}/{path}/theirs", body)
    other_shop.service.wait_for_projection("catalogue")
    for named in ("theirs", "nobodys"):
        response = shop.get(f"{shop.url}/{path}/{named}")
        assert (response.status_code, errors(response)[0]["code"]) == (404, "[E4040]")
    assert other_shop.get(f"{other_shop.url}/{path}/theirs").status_code == 200


@KINDS
def test_a_read_key_writes_nothing(shop: Shop, path: str, body: dict[str, Any]) -> None:
    response = shop.service.request(
        "PUT", f"{shop.url}/{path}/one", json=body, headers=shop.headers("read")
    )
    assert (response.status_code, errors(response)[0]["code"]) == (401, "[E4011]")
