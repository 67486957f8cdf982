"""Search, amounts and CSV of invoice lists; invoices as of a time."""

import csv
import io
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.service.harness import Shop, paths
from tests.service.invoice_outcomes import complete_invoice
from tests.service.running_service import Service


@pytest.fixture(scope="module")
def stocked(service: Service) -> Shop:
    """A shop with invoices over 19.99 and 5.00 EUR, one of them of a tenant with an e-mail."""
    shop = Shop(service)
    shop.put(shop.tenant_url, {"name": "Ada", "email": "ada@shop.example"})
    shop.post("paid", metadata={"outcome": "paid", "order": "Nr. 4711"}, userId="=HYPERLINK(1)")
    shop.post("declined")
    tenant_id = uuid4()
    shop.set_tenant(tenant_id)
    path = shop.invoices_url.replace(str(shop.tenant_id), str(tenant_id))
    body = shop.body(tenantUuid=str(tenant_id), description='Tea, "green"\u2028')
    shop.service.request("POST", path, json=body, headers=shop.headers())
    service.wait_for_projection("invoices")
    service.wait_for_projection("emails")
    return shop


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"currency": "eur", "amountMin": 1999}, 3),
        ({"currency": "eur", "amountMin": 2000}, 0),
        ({"currency": "EUR", "amountMin": 0, "amountMax": 1998}, 0),
        ({"subscriptionId": "sub_1"}, 0),
        ({"q": "4711"}, 1),
        ({"q": "NR 47"}, 1),
        ({"q": "nr 48"}, 0),
        ({"q": "ada@shop"}, 2),
        ({"q": "ada@shop 4711"}, 1),
    ],
)
def test_amounts_and_search_terms_narrow_the_list(
    stocked: Shop, params: dict[str, Any], expected: int
) -> None:
    found = stocked.get(f"{stocked.url}/invoices", **params).json()
    assert (found["totalItems"], found["itemsLength"]) == (expected, expected)


@pytest.mark.parametrize(
    ("params", "path"),
    [
        ({"amountMin": 1}, "currency"),
        ({"amountMax": 1}, "currency"),
        ({"currency": "eur", "amountMin": -1}, "amountMin"),
        ({"currency": "eur", "amountMax": 2**63}, "amountMax"),
        ({"q": " "}, "q"),
        ({"q": "a b c d e f"}, "q"),
        ({"format": "xml"}, "format"),
        ({"format": "csv", "limit": 5}, "limit"),
        ({"format": "csv", "cursor": "x"}, "cursor"),
        ({"format": "csv", "page": 1}, "page"),
    ],
)
def test_what_does_not_go_together_is_400(stocked: Shop, params: dict[str, Any], path: str) -> None:
    response = stocked.get(f"{stocked.url}/invoices", **params)
    assert response.status_code == 400
    assert paths(response) == [path]


def test_a_list_as_csv_has_what_the_json_has(stocked: Shop) -> None:
    query = {"sort": "createdAt", "mode": "test"}
    items = stocked.get(f"{stocked.url}/invoices", **query).json()["items"]
    response = stocked.get(f"{stocked.url}/invoices", **query, format="csv")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/csv; header=present; charset=utf-8"
    assert "invoices.csv" in response.headers["content-disposition"]
    assert int(response.headers["x-billhook-lag-ms"]) >= 0
    lines = list(csv.DictReader(io.StringIO(response.text, newline="")))
    assert len(lines) == len(items) == 3
    for line, item in zip(lines, items, strict=True):
        for name in ("id", "tenantUuid", "status", "currency", "createdAt", "description"):
            assert line[name] == (item[name] or "")
        assert line["totalMinor"] == str(item["totalMinor"])
        assert line["position"] == str(item["position"])
    assert lines[1]["failureCode"] == items[1]["failure"]["code"]
    # A spreadsheet would run it.
    assert lines[0]["userId"] == "'=HYPERLINK(1)"


def test_a_csv_list_is_filtered_and_an_empty_one_has_its_header(stocked: Shop) -> None:
    def lines(**params: str) -> list[dict[str, str]]:
        text = stocked.get(stocked.invoices_url, format="csv", **params).text
        return list(csv.DictReader(io.StringIO(text, newline="")))

    assert len(lines()) == 2
    assert [line["status"] for line in lines(status="failed")] == ["failed"]
    assert lines(status="void") == []
    empty = stocked.get(stocked.invoices_url, format="csv", status="void").text
    assert empty.startswith("id,tenantUuid,")


def test_an_invoice_can_be_read_as_of_a_time(service: Service) -> None:
    shop = Shop(service)
    posted = shop.post("requires_action").json()["items"][0]
    complete_invoice(service.context, UUID(posted["id"]), "paid")
    events = shop.invoice_events(posted["id"])
    url = f"{shop.url}/invoices/{posted['id']}"
    seen = []
    for event in events:
        (item,) = shop.get(url, asOf=event.timestamp.isoformat()).json()["items"]
        seen.append((item["status"], item["position"]))
    assert [status for status, _ in seen] == ["requested", "open", "requires_action", "paid"]
    assert [position for _, position in seen] == sorted({position for _, position in seen})
    now = shop.get(url, minPosition=service.head()).json()["items"]
    assert shop.get(url, asOf="2999-01-01T00:00:00+01:00").json()["items"] == now


def test_a_time_that_was_shown_includes_what_happened_then(service: Service) -> None:
    shop = Shop(service)
    posted = shop.post("paid").json()["items"][0]
    url = f"{shop.url}/invoices/{posted['id']}"
    shown = shop.get(url, minPosition=service.head()).json()["items"][0]["updatedAt"]

    (item,) = shop.get(url, asOf=shown).json()["items"]

    assert (item["status"], item["position"]) == ("paid", posted["position"])


def test_as_of_a_time_before_the_request_there_is_no_invoice(
    stocked: Shop, other_shop: Shop
) -> None:
    item = stocked.get(f"{stocked.url}/invoices").json()["items"][0]
    url = f"{stocked.url}/invoices/{item['id']}"
    assert stocked.get(url, asOf="2020-01-01T00:00:00Z").status_code == 404
    foreign = other_shop.post("paid").json()["items"][0]["id"]
    url = f"{stocked.url}/invoices/{foreign}"
    assert stocked.get(url, asOf="2999-01-01T00:00:00Z").status_code == 404
    response = stocked.get(f"{stocked.url}/invoices/{item['id']}", asOf="yesterday")
    assert (response.status_code, paths(response)) == (400, ["asOf"])
