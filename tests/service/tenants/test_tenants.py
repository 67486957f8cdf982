from uuid import uuid4

import pytest

from tests.service.harness import Shop, errors, paths
from tests.service.running_service import Service

CONTACT = {
    "name": "Ada Lovelace",
    "email": "ada@example.com",
    "country": "GB",
    "vatId": "GB123456789",
}


def new_url(shop: Shop) -> str:
    return f"{shop.url}/tenants/{uuid4()}"


def test_a_tenant_reads_as_it_was_written(shop: Shop) -> None:
    url = new_url(shop)
    customers = [{"connection": "stripe-1", "customerId": "cus_7"}]
    written = shop.put(url, CONTACT | {"providerCustomers": customers})
    assert written.status_code == 200
    assert int(written.headers["x-billhook-position"]) > 0
    read = shop.get(url)
    assert read.json() == written.json()
    assert read.json()["kind"] == "tenants"
    (item,) = read.json()["items"]
    assert item.items() >= CONTACT.items()
    assert item["providerCustomers"] == [customers[0] | {"deletedAt": None}]
    assert item["tenantUuid"] in url


@pytest.mark.parametrize(
    "unlinking", [[], [{"connection": "stripe-1", "customerId": None}]], ids=["empty", "null"]
)
def test_customers_are_unlinked_by_an_empty_list_or_null(
    shop: Shop, unlinking: list[dict[str, object]]
) -> None:
    url, other = new_url(shop), new_url(shop)
    customers = {"providerCustomers": [{"connection": "stripe-1", "customerId": "cus_9"}]}
    shop.put(url, CONTACT | customers)

    response = shop.put(url, CONTACT | {"providerCustomers": unlinking})

    assert response.json()["items"][0]["providerCustomers"] == []
    assert shop.put(other, customers).status_code == 200


def test_omitted_fields_are_erased_but_customers_stay(shop: Shop) -> None:
    url = new_url(shop)
    customers = [{"connection": "stripe-1", "customerId": "cus_7"}]
    shop.put(url, CONTACT | {"providerCustomers": customers})
    (item,) = shop.put(url, {"name": "Ada"}).json()["items"]
    assert (item["name"], item["email"]) == ("Ada", None)
    assert item["providerCustomers"] == [customers[0] | {"deletedAt": None}]


def test_personal_data_is_in_no_event(service: Service, shop: Shop) -> None:
    shop.put(new_url(shop), CONTACT)
    (recorded,) = service.call(service.context.recording.log.read_async(service.head() - 1, 1))
    for text in CONTACT.values():
        assert text.encode() not in recorded.state


def test_the_same_tenant_twice_records_nothing_new(service: Service, shop: Shop) -> None:
    url = new_url(shop)
    shop.put(url, CONTACT)
    before = service.head()
    assert shop.put(url, CONTACT).status_code == 200
    assert service.head() == before


def test_a_tenant_made_here_can_be_billed_at_once(service: Service, shop: Shop) -> None:
    url = new_url(shop)
    shop.put(url, CONTACT)
    tenant_id = url.rpartition("/")[2]
    response = service.request(
        "POST",
        f"{url}/payment-providers/stripe/invoices",
        json=shop.body("paid", tenantUuid=tenant_id),
        headers=shop.headers(),
    )
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"name": "a\u0000"}, "name"),
        ({"email": "nobody"}, "email"),
        ({"country": "Germany"}, "country"),
        ({"age": 7}, "age"),
        ({"providerCustomers": [{"connection": "stripe-1"}]}, "providerCustomers.0.customerId"),
        (
            {"providerCustomers": [{"connection": "gone", "customerId": "cus_1"}]},
            "providerCustomers.0.connection",
        ),
        (
            {"providerCustomers": [{"connection": "stripe-1", "customerId": "cus_1"}] * 2},
            "providerCustomers",
        ),
    ],
)
def test_a_tenant_that_can_not_be_is_400(shop: Shop, changes: dict[str, object], path: str) -> None:
    before = shop.service.head()
    response = shop.put(new_url(shop), CONTACT | changes)
    assert response.status_code == 400
    assert paths(response) == [path]
    assert shop.service.head() == before


def test_another_apps_tenant_is_404(shop: Shop, other_shop: Shop) -> None:
    for tenant_id in (other_shop.tenant_id, uuid4(), "none"):
        response = shop.get(f"{shop.url}/tenants/{tenant_id}")
        assert (response.status_code, errors(response)[0]["code"]) == (404, "[E4040]")


def test_two_apps_may_bill_one_tenant_apart(shop: Shop, other_shop: Shop) -> None:
    tenant_id = uuid4()
    for owner, name in ((shop, "Ada"), (other_shop, "Grace")):
        owner.put(f"{owner.url}/tenants/{tenant_id}", {"name": name})
    names = [
        owner.get(f"{owner.url}/tenants/{tenant_id}").json()["items"][0]["name"]
        for owner in (shop, other_shop)
    ]
    assert names == ["Ada", "Grace"]


def test_a_providers_customer_is_one_tenant_only(shop: Shop) -> None:
    first, second = new_url(shop), new_url(shop)
    customers = {"providerCustomers": [{"connection": "stripe-1", "customerId": "cus_shared"}]}
    assert shop.put(first, customers).status_code == 200
    before = shop.service.head()
    response = shop.put(second, customers)
    assert response.status_code == 400
    assert paths(response) == ["providerCustomers.0.customerId"]
    assert shop.service.head() == before
    assert shop.get(second).status_code == 404
    moved = {"providerCustomers": [{"connection": "stripe-1", "customerId": "cus_new"}]}
    assert shop.put(first, moved).status_code == 200
    assert shop.put(second, customers).status_code == 200


def test_two_apps_may_have_customers_of_the_same_id(shop: Shop, other_shop: Shop) -> None:
    customers = {"providerCustomers": [{"connection": "stripe-1", "customerId": "cus_same"}]}
    for owner in (shop, other_shop):
        assert owner.put(new_url(owner), customers).status_code == 200
