from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from domain.gateway.objects import RefundsAndDisputes
from domain.invoices.commands import ImportInvoice
from tests.service.harness import Shop, errors, paths
from tests.service.invoice_outcomes import complete_invoice, provider_invoice
from tests.service.running_service import Service


@pytest.fixture(scope="module")
def stocked(service: Service) -> Shop:
    """A shop with five invoices of its tenant and one of another tenant."""
    shop = Shop(service)
    for outcome in ("paid", "paid", "declined", "requires_action", "open"):
        shop.post(outcome)
    shop.other_tenant_id = uuid4()  # type: ignore[attr-defined]
    shop.set_tenant(shop.other_tenant_id)  # type: ignore[attr-defined]
    other = str(shop.other_tenant_id)  # type: ignore[attr-defined]
    path = shop.invoices_url.replace(str(shop.tenant_id), other)
    service.request("POST", path, json=shop.body(tenantUuid=other), headers=shop.headers())
    service.wait_for_projection("invoices")
    return shop


def test_lists_are_by_app_tenant_and_provider(stocked: Shop) -> None:
    totals = [
        stocked.get(path).json()["totalItems"]
        for path in (
            f"{stocked.url}/invoices",
            f"{stocked.tenant_url}/invoices",
            stocked.invoices_url,
            stocked.invoices_url.replace("stripe", "mollie"),
        )
    ]
    assert totals == [6, 5, 5, 0]


def test_a_list_has_the_envelope_and_its_position(stocked: Shop) -> None:
    response = stocked.get(f"{stocked.url}/invoices", limit=2)
    document = response.json()
    assert list(document) == [
        "kind",
        "totalItems",
        "totalItemsIsExact",
        "itemsLength",
        "items",
        "nextCursor",
    ]
    assert (document["kind"], document["itemsLength"]) == ("invoices", 2)
    assert document["totalItemsIsExact"] is True
    assert int(response.headers["x-billhook-lag-ms"]) >= 0
    assert all("providerResponse" not in item for item in document["items"])


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"status": "paid"}, 3),
        ({"status": "paid,failed"}, 4),
        ({"status": ["paid", "failed"]}, 4),
        ({"provider": "stripe"}, 6),
        ({"provider": "mollie"}, 0),
        ({"type": "payment"}, 6),
        ({"mode": "live"}, 0),
        ({"mode": "test"}, 6),
        ({"currency": "eur"}, 6),
        ({"currency": "USD"}, 0),
        ({"customer": "cus_1"}, 6),
        ({"userId": "nobody"}, 0),
        ({"createdFrom": "2020-01-01T00:00:00Z"}, 6),
        ({"createdTo": "2020-01-01T00:00:00+02:00"}, 0),
        ({"paidFrom": "2020-01-01T00:00:00Z", "paidTo": "2999-01-01T00:00:00Z"}, 3),
    ],
)
def test_filters_narrow_the_list(stocked: Shop, params: dict[str, str], expected: int) -> None:
    found = stocked.get(f"{stocked.url}/invoices", **params).json()
    assert (found["totalItems"], found["itemsLength"]) == (expected, expected)


def test_a_tenant_filter_narrows_the_apps_list(stocked: Shop) -> None:
    for tenant_id, expected in ((stocked.tenant_id, 5), (uuid4(), 0)):
        found = stocked.get(f"{stocked.url}/invoices", tenantUuid=str(tenant_id)).json()
        assert found["totalItems"] == expected


def test_the_mode_of_the_default_connection_is_listed_by_default(
    service: Service,
) -> None:
    shop = Shop(service)
    shop.post("paid")
    shop.set_connection("live-1", mode="live")
    shop.change(default_connections={"stripe": "live-1"})
    service.wait_for_projection("access")
    service.wait_for_projection("invoices")
    listed = [
        shop.get(f"{shop.url}/invoices", **params).json()["totalItems"]
        for params in ({}, {"mode": "test"})
    ]
    assert listed == [0, 1]


def test_cursors_lead_through_the_whole_list_once(stocked: Shop) -> None:
    seen: list[str] = []
    params: dict[str, str] = {"limit": "4"}
    while True:
        found = stocked.get(f"{stocked.url}/invoices", **params).json()
        seen += [item["id"] for item in found["items"]]
        if found["nextCursor"] is None:
            break
        params["cursor"] = found["nextCursor"]
    assert len(seen) == len(set(seen)) == 6


def test_pages_are_counted_from_0_on_seed_002s_own_path(stocked: Shop) -> None:
    pages = [stocked.get(stocked.invoices_url, page=n, limit=3).json() for n in range(3)]
    assert [page["itemsLength"] for page in pages] == [3, 2, 0]
    assert len({item["id"] for page in pages for item in page["items"]}) == 5


@pytest.mark.parametrize(
    ("params", "path"),
    [
        ({"status": "gone"}, "status"),
        ({"provider": "paypal"}, "provider"),
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"sort": "name"}, "sort"),
        ({"createdFrom": "yesterday"}, "createdFrom"),
        ({"createdFrom": "1700000000"}, "createdFrom"),
        ({"createdFrom": "2026-01-01"}, "createdFrom"),
        ({"tenantUuid": "x"}, "tenantUuid"),
        ({"customer": "a\u0000"}, "customer"),
        ({"minPosition": -1}, "minPosition"),
        ({"minPosition": 2**63}, "minPosition"),
        ({"amountMin": "1.000", "currency": "eur"}, "amountMin"),
        ({"amountMax": "1_000", "currency": "eur"}, "amountMax"),
        ({"unknown": "x"}, "unknown"),
        ({"page": 1}, "page"),
        ({"limit": [1, 2]}, "limit"),
    ],
)
def test_a_query_that_can_not_be_meant_is_400(
    stocked: Shop, params: dict[str, str], path: str
) -> None:
    response = stocked.get(f"{stocked.url}/invoices", **params)
    assert response.status_code == 400
    assert paths(response) == [path]


def test_a_page_that_is_too_deep_is_named_in_the_refusal(stocked: Shop) -> None:
    for params, status in (({"page": 10_000, "limit": 100}, 200), ({"page": 50_001}, 400)):
        response = stocked.get(stocked.invoices_url, **params)
        assert response.status_code == status
    assert paths(response) == ["page"]


def test_a_cursor_that_is_none_of_this_list_is_400(stocked: Shop) -> None:
    cursor = stocked.get(f"{stocked.url}/invoices", limit=1).json()["nextCursor"]
    for params in ({"cursor": "nonsense"}, {"cursor": cursor, "status": "paid"}):
        response = stocked.get(f"{stocked.url}/invoices", **params)
        assert response.status_code == 400
        assert "cursor" in errors(response)[0]["message"]


def test_a_single_invoice_has_lines_payments_and_the_providers_response(stocked: Shop) -> None:
    (item, *_) = stocked.get(f"{stocked.url}/invoices", status="failed").json()["items"]
    response = stocked.get(f"{stocked.url}/invoices/{item['id']}")
    (found,) = response.json()["items"]
    assert found.items() >= item.items()
    assert [line["name"] for line in found["lines"]] == ["Pro Plan"]
    (payment,) = found["payments"]
    assert (payment["status"], payment["id"]) == ("failed", "pi_1")
    assert found["refunds"] == []
    assert found["providerResponse"]["id"] == "in_1"
    assert "x-billhook-lag-ms" in response.headers


def test_the_timeline_has_every_event_in_order(service: Service) -> None:
    shop = Shop(service)
    posted = shop.post("requires_action")
    invoice_id = posted.json()["items"][0]["id"]
    complete_invoice(service.context, UUID(invoice_id), "paid")
    response = shop.get(f"{shop.url}/invoices/{invoice_id}/events", minPosition=service.head())
    document = response.json()
    assert document["kind"] == "events"
    assert [entry["type"] for entry in document["items"]] == [
        "invoice.requested",
        "invoice.issued",
        "invoice.payment_action_required",
        "invoice.payment_succeeded",
    ]
    assert [entry["by"] for entry in document["items"]] == [
        f"key:{shop.key_ids['write']}",
        *["worker"] * 3,
    ]
    positions = [entry["position"] for entry in document["items"]]
    assert positions == sorted(set(positions))
    assert all(entry["at"].endswith("Z") for entry in document["items"])
    assert document["items"][3]["data"]["amountMinor"] == 1999


def test_another_apps_invoice_is_404_like_one_that_is_not(stocked: Shop, other_shop: Shop) -> None:
    foreign = other_shop.post("paid").json()["items"][0]["id"]
    for more in ("", "/events"):
        answers = [
            stocked.get(f"{stocked.url}/invoices/{invoice_id}{more}")
            for invoice_id in (foreign, str(uuid4()), str(stocked.app_id), "none")
        ]
        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.text for answer in answers}) == 1


def test_another_apps_tenant_has_no_list(stocked: Shop, other_shop: Shop) -> None:
    for tenant_id in (str(other_shop.tenant_id), str(uuid4()), "none"):
        path = f"{stocked.url}/tenants/{tenant_id}/invoices"
        assert stocked.get(path).status_code == 404


def test_a_trailing_slash_changes_nothing_and_redirects_nowhere(stocked: Shop) -> None:
    for path in (f"{stocked.url}/invoices", stocked.tenant_url, stocked.invoices_url, "/healthz"):
        plain, slashed = stocked.get(path), stocked.get(path + "/")
        assert plain.status_code == slashed.status_code == 200
        assert plain.json() == slashed.json()


def test_what_the_provider_made_is_listed_by_origin_and_while_it_is_nobodys(shop: Shop) -> None:
    requested = shop.post("paid").json()["items"][0]["id"]
    command = ImportInvoice(
        app_id=shop.app_id,
        tenant_id=None,
        provider="stripe",
        connection=shop.connection,
        connection_id=shop.connection_id,
        mode="test",
        origin="renewal",
        actor="webhook:evt_1",
    )
    seen = replace(provider_invoice("paid"), subscription_id="sub_7", created_at=1_700_000_000)
    made = shop.billing.import_invoice(
        command, seen, RefundsAndDisputes(), occurred_at=datetime.now(UTC)
    )
    shop.service.wait_for_projection("invoices")
    path = f"{shop.url}/invoices"

    def listed(**filters: str) -> list[str]:
        return [entry["id"] for entry in shop.get(path, **filters).json()["items"]]

    assert listed() == [requested, str(made.id)]
    for filters in (
        {"unassigned": "true"},
        {"origin": "renewal"},
        {"subscriptionId": "sub_7"},
        {"type": "subscription"},
        {"createdTo": "2024-01-01T00:00:00Z"},
    ):
        assert listed(**filters) == [str(made.id)]
    assert listed(unassigned="false", origin="request") == [requested]
    made.assign(shop.tenant_id, actor="worker", occurred_at=datetime.now(UTC))
    shop.billing.save(made)
    shop.service.wait_for_projection("invoices")
    assert listed(unassigned="true") == []
    assert listed(tenantUuid=str(shop.tenant_id)) == [requested, str(made.id)]
    refused = shop.get(path, unassigned="true", tenantUuid=str(shop.tenant_id))
    assert paths(refused) == ["unassigned"]
