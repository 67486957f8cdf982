"""Keys over HTTP: made, listed, rotated with an overlap, revoked."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from domain.apps.api_keys import digest
from tests.service.harness import Shop, admin, errors, item, paths
from tests.service.running_service import Service


def opens(shop: Shop, key: str, kind: str = "read") -> bool:
    headers = shop.headers(kind) | {"x-api-key": key}
    return shop.service.request("GET", f"{shop.url}/invoices", headers=headers).status_code == 200


@pytest.mark.parametrize("kind", ["read", "write", "admin"])
def test_a_new_key_is_shown_once_and_opens_the_app_at_once(shop: Shop, kind: str) -> None:
    made = item(admin(shop, "POST", "/api-keys", {"kind": kind, "name": "Till"}))
    assert made["key"].startswith(f"bh_{kind}_")
    assert made["key"].startswith(made["prefix"])
    assert (made["kind"], made["name"], made["revokedAt"]) == (kind, "Till", None)
    listed = admin(shop, "GET", "/api-keys")
    assert made["key"] not in listed.text
    assert digest(made["key"]) not in listed.text
    newest = listed.json()["items"][0]
    assert newest == {name: value for name, value in made.items() if name != "key"}
    if kind == "read":
        assert opens(shop, made["key"])


def test_all_keys_of_the_app_are_listed_and_no_others(shop: Shop, other_shop: Shop) -> None:
    document = admin(shop, "GET", "/api-keys").json()
    assert {entry["id"] for entry in document["items"]} == set(map(str, shop.key_ids.values()))
    assert (document["totalItems"], document["itemsLength"]) == (3, 3)
    assert str(other_shop.key_ids["read"]) not in json.dumps(document)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "kind"),
        ({"kind": "root"}, "kind"),
        ({"kind": "read", "name": ""}, "name"),
        ({"kind": "read", "name": "a\nb"}, "name"),
        ({"kind": "read", "key": "mine"}, "key"),
        ([], None),
    ],
)
def test_a_wrong_request_for_a_key_names_the_field(shop: Shop, body: Any, path: str | None) -> None:
    response = admin(shop, "POST", "/api-keys", body)
    assert (response.status_code, paths(response)) == (400, [path])


def test_a_revoked_key_opens_nothing_once_that_is_answered(shop: Shop) -> None:
    assert opens(shop, shop.keys["read"])
    path = f"/api-keys/{shop.key_ids['read']}"
    first = item(admin(shop, "DELETE", path))
    assert first["revokedAt"] is not None
    assert not opens(shop, shop.keys["read"])
    assert item(admin(shop, "DELETE", path)) == first


def test_a_rotated_key_and_its_successor_both_open_during_the_overlap(shop: Shop) -> None:
    old_id = shop.key_ids["read"]
    made = item(admin(shop, "POST", f"/api-keys/{old_id}/rotate", {"overlapSeconds": 3600}))
    assert (made["kind"], made["key"][:8]) == ("read", "bh_read_")
    assert opens(shop, shop.keys["read"])
    assert opens(shop, made["key"])
    listed = {entry["id"]: entry for entry in admin(shop, "GET", "/api-keys").json()["items"]}
    old = listed[str(old_id)]
    assert old["replacedBy"] == made["id"]
    ends = datetime.fromisoformat(old["expiresAt"]) - datetime.fromisoformat(made["createdAt"])
    assert timedelta(seconds=3598) < ends <= timedelta(seconds=3600)


def test_without_an_overlap_the_old_key_ends_at_once(shop: Shop) -> None:
    path = f"/api-keys/{shop.key_ids['read']}/rotate"
    made = item(admin(shop, "POST", path, {"overlapSeconds": 0}))
    assert opens(shop, made["key"])
    assert not opens(shop, shop.keys["read"])


def test_a_rotation_needs_no_body_and_gives_a_day(shop: Shop) -> None:
    made = item(admin(shop, "POST", f"/api-keys/{shop.key_ids['read']}/rotate"))
    listed = {entry["id"]: entry for entry in admin(shop, "GET", "/api-keys").json()["items"]}
    ends = datetime.fromisoformat(listed[str(shop.key_ids["read"])]["expiresAt"])
    assert ends - datetime.fromisoformat(made["createdAt"]) > timedelta(hours=23, minutes=59)


def test_a_key_is_rotated_once_and_never_after_its_revocation(shop: Shop) -> None:
    path = f"/api-keys/{shop.key_ids['read']}/rotate"
    assert admin(shop, "POST", path, {}).status_code == 200
    assert paths(admin(shop, "POST", path, {})) == ["keyUuid"]
    revoked = f"/api-keys/{shop.key_ids['write']}"
    admin(shop, "DELETE", revoked)
    assert paths(admin(shop, "POST", f"{revoked}/rotate", {})) == ["keyUuid"]


def test_a_replay_names_the_same_key_without_its_text(shop: Shop) -> None:
    def create_key(kind: str = "read", path: str = "/api-keys") -> httpx.Response:
        return admin(shop, "POST", path, {"kind": kind}, idempotency_key="new-till")

    first, again = create_key(), create_key()
    assert item(first)["key"] is not None
    assert item(again) == {**item(first), "key": None}
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert admin(shop, "GET", "/api-keys").json()["totalItems"] == 4
    refused = create_key("write")
    assert (refused.status_code, errors(refused)[0]["code"]) == (422, "[E4220]")


def test_a_replayed_rotation_rotates_nothing_more(shop: Shop) -> None:
    path = f"/api-keys/{shop.key_ids['read']}/rotate"
    first, again = (admin(shop, "POST", path, {}, idempotency_key="r-1") for _ in range(2))
    assert item(again) == {**item(first), "key": None}
    assert admin(shop, "GET", "/api-keys").json()["totalItems"] == 4


def test_of_equal_requests_at_once_one_makes_a_key(shop: Shop) -> None:
    headers = {"api-key": shop.keys["admin"], "idempotency-key": "at-once"}
    request = ("POST", f"{shop.url}/api-keys", {"json": {"kind": "read"}, "headers": headers})
    answers = [item(response) for response in shop.service.requests([request] * 6)]
    assert len({answer["id"] for answer in answers}) == 1
    assert len([answer for answer in answers if answer["key"] is not None]) == 1


def test_an_idempotency_key_is_one_for_keys_and_invoices(shop: Shop) -> None:
    assert shop.post(headers={"idempotency-key": "shared"}).status_code == 200
    refused = admin(shop, "POST", "/api-keys", {"kind": "read"}, idempotency_key="shared")
    assert refused.status_code == 422
    admin(shop, "POST", "/api-keys", {"kind": "read"}, idempotency_key="shared-2")
    assert shop.post(headers={"idempotency-key": "shared-2"}).status_code == 422


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", ""), ("POST", "/rotate")],
)
def test_a_key_of_another_app_does_not_exist(
    shop: Shop, other_shop: Shop, method: str, path: str
) -> None:
    for key_id in (other_shop.key_ids["read"], uuid4(), "no-uuid"):
        response = admin(shop, method, f"/api-keys/{key_id}{path}")
        assert (response.status_code, errors(response)[0]["code"]) == (404, "[E4040]")


@pytest.mark.parametrize("kind", ["read", "write"])
@pytest.mark.parametrize("path", ["", "/api-keys", "/payment-connections"])
def test_only_admin_keys_see_what_is_the_apps_own(shop: Shop, kind: str, path: str) -> None:
    response = shop.service.request("GET", f"{shop.url}{path}", headers=shop.headers(kind))
    assert (response.status_code, errors(response)[0]["code"]) == (401, "[E4011]")
    response = shop.service.request("GET", f"{shop.url}{path}")
    assert (response.status_code, errors(response)[0]["code"]) == (401, "[E4010]")


def test_a_revocation_counts_on_another_process_within_five_seconds(
    service_database: str, shop: Shop
) -> None:
    with Service(service_database, projections=False) as other:
        url, headers = f"{shop.url}/invoices", shop.headers("read")
        other.call(_until(other, url, headers, 200))
        item(admin(shop, "DELETE", f"/api-keys/{shop.key_ids['read']}"))
        other.call(_until(other, url, headers, 401))


async def _until(service: Service, url: str, headers: dict[str, str], status: int) -> None:
    async with asyncio.timeout(5):
        while True:
            response = await service._client.get(url, headers=headers)  # noqa: SLF001
            if response.status_code == status:
                return
            await asyncio.sleep(0.05)
