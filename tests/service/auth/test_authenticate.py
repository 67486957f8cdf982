from uuid import uuid4

import pytest

from domain.apps.commands import RevokeKey
from tests.service.harness import Shop, errors, now
from tests.service.running_service import Service

UNAUTHORIZED = (401, "[E4010]", "Unauthorized Token or API key")
WRONG_TYPE = (401, "[E4011]", "Unauthorized API key type")
DISABLED = (403, "[E4030]", "App Is Disabled")


def error_of(response: object) -> tuple[int, str, str]:
    (entry,) = errors(response)  # type: ignore[arg-type]
    return response.status_code, entry["code"], entry["message"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"x-api-key": None}, UNAUTHORIZED),
        ({"x-api-key": "bh_write_unknown"}, UNAUTHORIZED),
        ({"x-api-key": ""}, UNAUTHORIZED),
        ({"x-client-id": None}, UNAUTHORIZED),
        ({"x-client-id": str(uuid4())}, UNAUTHORIZED),
        ({"x-api-key-type": None}, WRONG_TYPE),
        ({"x-api-key-type": "read"}, WRONG_TYPE),
        ({"x-api-key-type": "admin"}, WRONG_TYPE),
    ],
)
def test_an_unknown_caller_is_rejected_before_its_body_is_read(
    service: Service,
    shop: Shop,
    changes: dict[str, str | None],
    expected: tuple[int, str, str],
) -> None:
    headers = {**shop.headers(), **changes}
    given = {name: value for name, value in headers.items() if value is not None}
    before = service.head()
    response = service.request("POST", shop.invoices_url, content=b"{", headers=given)
    assert error_of(response) == expected
    assert service.head() == before


def test_a_read_key_never_writes(service: Service, shop: Shop) -> None:
    headers = shop.headers("read") | {"x-api-key-type": "write"}
    response = service.request("POST", shop.invoices_url, json=shop.body(), headers=headers)
    assert error_of(response) == WRONG_TYPE


def test_a_write_key_reads_nothing(service: Service, shop: Shop) -> None:
    response = service.request("GET", f"{shop.url}/invoices", headers=shop.headers("write"))
    assert error_of(response) == WRONG_TYPE


def test_another_apps_key_opens_nothing_here(service: Service, shop: Shop) -> None:
    other = Shop(service)
    headers = other.headers() | {"x-client-id": str(shop.app_id)}
    for given in (headers, other.headers(), {"api-key": other.keys["admin"]}):
        response = service.request("POST", shop.invoices_url, json=shop.body(), headers=given)
        assert error_of(response) == UNAUTHORIZED


@pytest.mark.parametrize("kind", ["read", "write"])
def test_an_admin_header_takes_admin_keys_alone(service: Service, shop: Shop, kind: str) -> None:
    headers = {"api-key": shop.keys[kind]}
    response = service.request("GET", f"{shop.url}/invoices", headers=headers)
    assert error_of(response) == WRONG_TYPE


def test_an_admin_key_is_no_app_key(service: Service, shop: Shop) -> None:
    headers = shop.headers() | {"x-api-key": shop.keys["admin"]}
    response = service.request("POST", shop.invoices_url, json=shop.body(), headers=headers)
    assert error_of(response) == WRONG_TYPE


def test_a_disabled_app_is_403_and_records_nothing(service: Service, shop: Shop) -> None:
    shop.change(enabled=False)
    service.wait_for_projection("access")
    before = service.head()
    assert error_of(shop.post()) == DISABLED
    assert service.head() == before
    shop.change(enabled=True)
    service.wait_for_projection("access")
    assert shop.post().status_code == 200


def test_a_revoked_key_opens_nothing_and_another_still_does(service: Service, shop: Shop) -> None:
    old_key, old_id = shop.keys["write"], shop.key_ids["write"]
    assert shop.post().status_code == 200
    shop.add_key("write")
    revoke = RevokeKey(app_id=shop.app_id, key_id=old_id, actor="operator")
    shop.billing.revoke_key(revoke, occurred_at=now())
    service.wait_for_projection("access")
    headers = shop.headers() | {"x-api-key": old_key}
    response = service.request("POST", shop.invoices_url, json=shop.body(), headers=headers)
    assert error_of(response) == UNAUTHORIZED
    assert shop.post().status_code == 200


def test_an_app_that_is_none_is_no_different_from_one_without_this_key(
    service: Service, shop: Shop
) -> None:
    nowhere = str(uuid4())
    headers = shop.headers() | {"x-client-id": nowhere}
    path = shop.invoices_url.replace(str(shop.app_id), nowhere)
    response = service.request("POST", path, json=shop.body(), headers=headers)
    assert error_of(response) == UNAUTHORIZED
