"""Payment connections over HTTP: credentials go in, and never come out."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import httpx
import pytest

from domain.apps.connection import secret_context, secret_mark
from domain.core import ids
from eventlog.security.vault import Vault
from tests.service.harness import Shop, admin, errors, item, paths, stripe_event
from tests.service.operations.test_alerts import disable_endpoint
from tests.service.running_service import MASTER_KEY

KEY, HOOK = "sk_test_51Secret", "whsec_NewSecret"
NOT_CHECKED: dict[str, Any] = {
    "endpoint": None,
    "problems": [],
    "checkedAt": None,
    "lastDeliveredAt": None,
    "foundShare": None,
}


def put(shop: Shop, name: str = "second", **body: Any) -> httpx.Response:
    known = {"provider": "stripe", "secretKey": KEY}
    given = {field: value for field, value in (known | body).items() if value is not None}
    return admin(shop, "PUT", f"/payment-connections/{name}", given)


def test_a_connection_is_made_and_shown_without_its_secrets(shop: Shop) -> None:
    made = put(
        shop, webhookSecrets=[HOOK, "whsec_2"], redirectUrl="https://tea.example/{invoiceId}"
    )
    shown = item(made)
    assert shown | {"id": None, "webhookUrl": None, "webhookHealth": None} == {
        "id": None,
        "name": "second",
        "provider": "stripe",
        "mode": "test",
        "webhookUrl": None,
        "webhookSecretsSet": 2,
        "webhookSecretMarks": [secret_mark(HOOK), secret_mark("whsec_2")],
        "redirectUrl": "https://tea.example/{invoiceId}",
        "refundOverpayments": False,
        "importPayments": True,
        "defaultFor": ["stripe:test"],
        "webhookHealth": None,
    }
    assert shown["webhookHealth"] in (None, NOT_CHECKED)
    assert shown["webhookUrl"].endswith(f"/webhooks/stripe/{UUID(shown['id'])}")
    got = admin(shop, "GET", "/payment-connections/second")
    assert item(got) == shown | {"webhookHealth": NOT_CHECKED}
    listed = admin(shop, "GET", "/payment-connections")
    assert [entry["name"] for entry in listed.json()["items"]] == ["second", "stripe-1"]
    for response in (made, got, listed):
        for secret in (KEY, HOOK, "sealed", "v1."):
            assert secret not in response.text


def test_secrets_are_sealed_in_the_log_for_this_connection(shop: Shop) -> None:
    put(shop, webhookSecrets=[HOOK])
    (created,) = shop.service.events(ids.for_connection(shop.app_id, "second"))
    assert KEY not in str(created)
    assert HOOK not in str(created)
    vault, scope = Vault([MASTER_KEY]), secret_context(shop.app_id, "second")
    assert vault.open(created.sealed_key, context=scope) == KEY
    assert [vault.open(text, context=scope) for text in created.sealed_webhook_secrets] == [HOOK]


def test_what_is_left_out_of_a_replacement_stays(shop: Shop) -> None:
    first = item(put(shop, webhookSecrets=[HOOK], redirectUrl="https://tea.example/"))
    again = item(put(shop, secretKey=None))
    assert again == first
    events = shop.service.events(ids.for_connection(shop.app_id, "second"))
    assert events[1].sealed_key == events[0].sealed_key
    assert item(put(shop, webhookSecrets=[]))["webhookSecretsSet"] == 0


def test_the_redirect_is_removed_by_null(shop: Shop) -> None:
    put(shop, redirectUrl="https://tea.example/")
    body = {"provider": "stripe", "redirectUrl": None}
    changed = admin(shop, "PUT", "/payment-connections/second", body)
    assert item(changed)["redirectUrl"] is None


def test_a_key_that_is_replaced_while_a_webhook_secret_is_added_loses_no_secret(shop: Shop) -> None:
    def replace_key() -> httpx.Response:
        return put(shop, secretKey="sk_test_51Rotated")

    def add_secret() -> httpx.Response:
        return put(shop, secretKey=None, addWebhookSecrets=["whsec_2"])

    for _ in range(12):
        put(shop, webhookSecrets=[HOOK])
        with ThreadPoolExecutor(2) as pool:
            sent = [pool.submit(change) for change in (replace_key, add_secret)]
        assert [each.result().status_code for each in sent] == [200, 200]
        shown = item(admin(shop, "GET", "/payment-connections/second"))
        assert shown["webhookSecretMarks"] == [secret_mark("whsec_2"), secret_mark(HOOK)]


def test_webhook_secrets_are_added_and_dropped_without_the_others_or_the_key(shop: Shop) -> None:
    marks = {secret: secret_mark(secret) for secret in (HOOK, "whsec_2", "whsec_3")}
    put(shop, webhookSecrets=[HOOK, "whsec_2"])
    changes: dict[str, Any] = {
        "addWebhookSecrets": ["whsec_3"],
        "dropWebhookSecrets": [marks[HOOK]],
    }
    changed = put(shop, secretKey=None, **changes)
    assert item(changed)["webhookSecretMarks"] == [marks["whsec_3"], marks["whsec_2"]]
    assert "whsec_" not in changed.text
    unknown = put(shop, secretKey=None, dropWebhookSecrets=["unknown"])
    assert item(unknown)["webhookSecretsSet"] == 2


@pytest.mark.parametrize(
    ("default", "slots"),
    [(True, ["stripe", "stripe:test"]), (None, ["stripe:test"]), (False, [])],
)
def test_a_connection_is_the_default_where_it_is_wanted_or_there_is_none(
    shop: Shop,
    default: bool | None,  # noqa: FBT001 - a row of the table
    slots: list[str],
) -> None:
    assert item(put(shop, default=default))["defaultFor"] == slots
    assert item(admin(shop, "GET", ""))["defaultConnections"].get("stripe") == (
        "second" if default else "stripe-1"
    )


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"secretKey": None}, "secretKey"),
        ({"secretKey": "pk_test_public"}, "secretKey"),
        ({"secretKey": "live_x"}, "secretKey"),
        ({"provider": "mollie"}, "secretKey"),
        ({"provider": "paypal"}, "provider"),
        ({"webhookSecrets": ["a"] * 11}, "webhookSecrets"),
        ({"webhookSecrets": ["with blank "]}, "webhookSecrets.0"),
        ({"redirectUrl": "javascript:alert(1)"}, "redirectUrl"),
        ({"mode": "live"}, "mode"),
    ],
)
def test_a_wrong_connection_names_the_field(shop: Shop, body: Any, path: str) -> None:
    response = put(shop, **body)
    assert (response.status_code, paths(response)) == (400, [path])
    assert KEY not in response.text


@pytest.mark.parametrize("name", ["-x", "a b", "x" * 65, "%00"])
def test_a_name_that_is_none_is_refused(shop: Shop, name: str) -> None:
    assert paths(put(shop, name)) == ["name"]
    assert admin(shop, "GET", f"/payment-connections/{name}").status_code == 404


def test_provider_and_mode_of_a_name_stay(shop: Shop) -> None:
    put(shop)
    assert paths(put(shop, secretKey="sk_live_other")) == ["secretKey"]
    assert paths(put(shop, provider="mollie", secretKey="test_other")) == ["provider"]


def test_a_deleted_connection_is_gone_until_it_is_made_again(shop: Shop) -> None:
    path = f"/payment-connections/{shop.connection}"
    shown = item(admin(shop, "GET", path))
    assert item(admin(shop, "DELETE", path)) == shown
    for method in ("GET", "DELETE"):
        assert admin(shop, method, path).status_code == 404
    assert admin(shop, "GET", "/payment-connections").json()["items"] == []
    assert item(admin(shop, "GET", ""))["defaultConnections"] == {}
    assert paths(shop.post()) == ["connection"]
    assert paths(shop.post(connection=shop.connection)) == ["connection"]
    assert shop.deliver(stripe_event()).status_code == 404
    assert item(put(shop, shop.connection))["id"] == shown["id"]
    assert shop.post().status_code == 200
    assert shop.deliver(stripe_event()).status_code == 200


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_another_apps_connection_does_not_exist(shop: Shop, other_shop: Shop, method: str) -> None:
    put(other_shop, "theirs")
    response = admin(shop, method, "/payment-connections/theirs")
    assert (response.status_code, errors(response)[0]["code"]) == (404, "[E4040]")


def test_whether_overpayments_go_back_is_set_and_stays_until_it_is_set_otherwise(
    shop: Shop,
) -> None:
    def refunds(**body: Any) -> object:
        return item(put(shop, **body))["refundOverpayments"]

    assert refunds() is False
    assert refunds(refundOverpayments=True) is True
    assert refunds() is True
    assert refunds(refundOverpayments=False) is False


def test_a_connection_shows_its_webhook_endpoint_and_who_reported_first(shop: Shop) -> None:
    disable_endpoint(shop)
    shop.deliver(stripe_event())
    shop.service.wait_for_projection("webhooks")
    health = item(admin(shop, "GET", "/payment-connections/stripe-1"))["webhookHealth"]
    assert (health["endpoint"], health["problems"]) == ("disabled", ["is disabled"])
    assert health["lastDeliveredAt"] is not None
    assert health["foundShare"] == 0
