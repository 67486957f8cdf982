"""The app itself: shown and changed by its admin key; the tokens that it signs."""

from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from domain.apps.app import AppSettingsChanged
from tests.service.harness import Shop, admin, errors, item, paths
from tests.service.public_keys import public
from tests.service.running_service import Service

SECRET = "a-secret-that-the-app-brought-along"
RSA = rsa.generate_private_key(65537, 2048)


def patch(shop: Shop, **changes: Any) -> httpx.Response:
    return admin(shop, "PATCH", "", changes)


def test_an_app_shows_its_defaults(shop: Shop) -> None:
    shown = item(admin(shop, "GET", ""))
    assert shown | {"createdAt": None, "updatedAt": None} == {
        "id": str(shop.app_id),
        "name": "Shop",
        "slug": "shop",
        "enabled": True,
        "defaultConnections": {"stripe": "stripe-1"},
        "allowedOrigins": [],
        "invoiceDefaults": {"description": None, "footer": None, "currency": None},
        "timeZone": "UTC",
        "updateCustomers": True,
        "clientPrices": [],
        "clientTaxRates": [],
        "tokens": {
            "issuer": None,
            "audience": None,
            "claims": {"app": None, "tenant": "tenant", "user": "sub"},
            "signingSecretSet": False,
            "jwks": {"keys": []},
        },
        "createdAt": None,
        "updatedAt": None,
    }


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Tea shop"},
        {"slug": "tea-shop-2"},
        {"defaultConnections": {"stripe:test": "stripe-1", "stripe": "stripe-1"}},
        {"allowedOrigins": ["https://tea.example", "http://localhost:3000"]},
        {"timeZone": "Europe/Vienna"},
        {"clientPrices": ["price_1", "price_2"]},
        {"clientTaxRates": ["txr_1"]},
        {"invoiceDefaults": {"description": "Tea", "footer": None, "currency": "eur"}},
    ],
)
def test_what_is_changed_is_shown_and_nothing_else_changes(
    shop: Shop, change: dict[str, Any]
) -> None:
    before = item(admin(shop, "GET", ""))
    changed = item(patch(shop, **change))
    assert changed | {"updatedAt": None} == before | change | {"updatedAt": None}
    assert item(admin(shop, "GET", "")) == changed


def test_a_default_connection_is_taken_away_with_null(shop: Shop) -> None:
    assert item(patch(shop, defaultConnections={"stripe": None}))["defaultConnections"] == {}


def test_invoice_defaults_change_one_by_one(shop: Shop) -> None:
    patch(shop, invoiceDefaults={"description": "Tea", "footer": "Thanks"})
    shown = item(patch(shop, invoiceDefaults={"footer": None}))
    assert shown["invoiceDefaults"] == {"description": "Tea", "footer": None, "currency": None}


def test_nothing_to_change_leaves_no_event(shop: Shop) -> None:
    patch(shop, timeZone="Asia/Tokyo")
    before = len(shop.service.events(shop.app_id))
    patch(shop, timeZone="Asia/Tokyo", name="Shop")
    patch(shop)
    assert len(shop.service.events(shop.app_id)) == before


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"name": None}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"slug": "Tea Shop"}, "slug"),
        ({"enabled": "yes"}, "enabled"),
        ({"defaultConnections": {"paypal": "x"}}, "defaultConnections.paypal"),
        ({"defaultConnections": {"stripe": "none-such"}}, "defaultConnections.stripe"),
        ({"defaultConnections": {"stripe:live": "stripe-1"}}, "defaultConnections.stripe:live"),
        ({"defaultConnections": {"mollie": "stripe-1"}}, "defaultConnections.mollie"),
        ({"allowedOrigins": ["*"]}, "allowedOrigins.0"),
        ({"allowedOrigins": ["null"]}, "allowedOrigins.0"),
        ({"allowedOrigins": ["https://tea.example/"]}, "allowedOrigins.0"),
        ({"allowedOrigins": ["https://tea.example"] * 2}, "allowedOrigins"),
        ({"timeZone": "Mars/Olympus"}, "timeZone"),
        ({"timeZone": "../etc/passwd"}, "timeZone"),
        ({"invoiceDefaults": {"currency": "tea"}}, "invoiceDefaults.currency"),
        ({"id": "mine"}, "id"),
        ({"tokens": {"signingSecret": "short"}}, "tokens.signingSecret"),
        ({"tokens": {"claims": {"tenant": "iss"}}}, "tokens.claims.tenant"),
        ({"tokens": {"claims": {"tenant": "sub"}}}, "tokens.claims"),
        ({"tokens": {"signingSecretOverlapSeconds": 90_000}}, "tokens.signingSecretOverlapSeconds"),
    ],
)
def test_a_wrong_change_names_the_field(shop: Shop, change: Any, path: str) -> None:
    response = patch(shop, **change)
    assert (response.status_code, paths(response)) == (400, [path])


def small_rsa() -> dict[str, Any]:
    return public(rsa.generate_private_key(65537, 1024), "RS256", "k")  # noqa: S505 - refused


def jwks_faults() -> dict[str, Any]:
    good = public(RSA, "RS256", "k")
    private = jwt.get_algorithm_by_name("RS256").to_jwk(RSA, as_dict=True)
    wide = ec.generate_private_key(ec.SECP384R1())
    return {
        "private": {**private, "kid": "k"},
        "symmetric": {"kty": "oct", "k": "c2VjcmV0", "kid": "k"},
        "another algorithm": {**good, "alg": "PS256"},
        "the other family's": {**good, "alg": "ES256"},
        "no name": {**good, "kid": None},
        "for encryption": {**good, "use": "enc"},
        "too small": small_rsa(),
        "another curve": public(wide, "ES384", "k"),
        "no number": {**good, "n": "***"},
        "half": {"kty": "RSA", "kid": "k"},
        "fetched": "https://login.example/jwks.json",
    }


@pytest.mark.parametrize("name", list(jwks_faults()))
def test_a_key_that_is_not_public_or_not_safe_is_refused(shop: Shop, name: str) -> None:
    response = patch(shop, tokens={"jwks": {"keys": [jwks_faults()[name]]}})
    assert response.status_code == 400
    assert all((path or "").startswith("tokens.jwks.keys.0") for path in paths(response))


def test_two_keys_of_one_name_are_refused(shop: Shop) -> None:
    keys = [public(RSA, "RS256", "k"), public(RSA, "RS256", "k")]
    assert paths(patch(shop, tokens={"jwks": {"keys": keys}})) == ["tokens.jwks.keys"]


def test_a_signing_secret_goes_in_and_never_comes_out(shop: Shop) -> None:
    response = patch(shop, tokens={"signingSecret": SECRET})
    assert item(response)["tokens"]["signingSecretSet"] is True
    assert SECRET not in response.text
    (changed,) = [
        event for event in shop.service.events(shop.app_id) if isinstance(event, AppSettingsChanged)
    ]
    assert SECRET not in str(changed)


def test_a_token_of_an_uploaded_key_is_taken_as_the_app_has_settled(shop: Shop) -> None:
    elliptic = ec.generate_private_key(ec.SECP256R1())
    issuer = f"https://login.example/{shop.app_id}"
    settled = patch(
        shop,
        tokens={
            "issuer": issuer,
            "audience": "billing",
            "claims": {"tenant": "org", "user": "email"},
            "jwks": {"keys": [public(elliptic, "ES256", "e") | {"x5t": "left out"}]},
        },
    )
    (kept,) = item(settled)["tokens"]["jwks"]["keys"]
    assert set(kept) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    claims = {"iss": issuer, "aud": ["billing", "other"], "exp": 4_000_000_000}
    claims |= {"org": str(shop.tenant_id), "email": "a@tea.example"}

    def status() -> int:
        token = jwt.encode(claims, elliptic, algorithm="ES256")
        headers = {"authorization": f"Bearer {token}"}
        return shop.service.request("GET", shop.tenant_url, headers=headers).status_code

    assert status() == 401  # it would live for too long
    claims["exp"] = int(shop.service.context.recording.now().timestamp()) + 86_000
    assert status() == 200


def test_an_issuer_and_audience_of_another_app_need_a_claim_that_names_the_app(
    shop: Shop, other_shop: Shop
) -> None:
    issuer = f"https://login.example/{uuid4()}"
    assert patch(shop, tokens={"issuer": issuer, "audience": "billing"}).status_code == 200
    assert patch(shop, tokens={"issuer": issuer, "audience": "billing"}).status_code == 200
    refused = patch(other_shop, tokens={"issuer": issuer, "audience": "billing"})
    assert refused.status_code == 400
    (error,) = errors(refused)
    assert error["path"] == "tokens.audience"
    assert str(shop.app_id) not in refused.text
    assert patch(other_shop, tokens={"issuer": issuer}).status_code == 200
    assert patch(other_shop, tokens={"audience": "billing"}).status_code == 400
    claims = {"app": "azp", "tenant": "tid"}
    shared = {"issuer": issuer, "audience": "billing", "claims": claims}
    assert patch(other_shop, tokens=shared).status_code == 200
    assert patch(other_shop, tokens={"claims": {"app": None}}).status_code == 400


def mint(shop: Shop, body: Any = None, kind: str = "write") -> httpx.Response:
    options = {} if body is None else {"json": body}
    return shop.service.request(
        "POST", f"{shop.tenant_url}/access-tokens", headers=shop.headers(kind), **options
    )


def reads(shop: Shop, token: str) -> bool:
    headers = {"authorization": f"Bearer {token}"}
    return shop.service.request("GET", shop.tenant_url, headers=headers).status_code == 200


def test_a_write_key_signs_a_token_for_a_tenants_user(shop: Shop) -> None:
    made = item(mint(shop, {"userId": "user-7", "expiresInSeconds": 60}))
    assert (made["tokenType"], made["userId"]) == ("Bearer", "user-7")
    claims = jwt.decode(made["token"], options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 60
    assert (claims["sub"], claims["tenant"]) == ("user-7", str(shop.tenant_id))
    assert reads(shop, made["token"])


def test_tokens_are_signed_without_any_setting_and_all_alike(shop: Shop) -> None:
    request = ("POST", f"{shop.tenant_url}/access-tokens", {"headers": shop.headers()})
    tokens = [item(response)["token"] for response in shop.service.requests([request] * 5)]
    assert all(reads(shop, token) for token in tokens)


def test_a_token_of_the_apps_own_secret_is_verified_by_it(shop: Shop) -> None:
    patch(shop, tokens={"signingSecret": SECRET, "issuer": "us", "audience": str(shop.app_id)})
    token = item(mint(shop, {"userId": "u"}))["token"]
    jwt.decode(token, SECRET, algorithms=["HS256"], issuer="us", audience=str(shop.app_id))
    assert reads(shop, token)


@pytest.mark.parametrize(("overlap", "still"), [(0, False), (600, True)])
def test_a_new_secret_ends_the_old_ones_tokens_after_the_overlap(
    shop: Shop,
    overlap: int,
    still: bool,  # noqa: FBT001 - a row of the table
) -> None:
    token = item(mint(shop))["token"]
    patch(shop, tokens={"signingSecret": SECRET, "signingSecretOverlapSeconds": overlap})
    assert reads(shop, token) is still
    assert reads(shop, item(mint(shop))["token"])


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"expiresInSeconds": 0}, "expiresInSeconds"),
        ({"expiresInSeconds": 86_401}, "expiresInSeconds"),
        ({"userId": ""}, "userId"),
        ({"tenantUuid": "x"}, "tenantUuid"),
    ],
)
def test_a_wrong_request_for_a_token_names_the_field(shop: Shop, body: Any, path: str) -> None:
    response = mint(shop, body)
    assert (response.status_code, paths(response)) == (400, [path])


def test_a_read_key_or_a_token_signs_none(shop: Shop) -> None:
    assert errors(mint(shop, kind="read"))[0]["code"] == "[E4011]"
    headers = {"authorization": f"Bearer {item(mint(shop))['token']}"}
    response = shop.service.request("POST", f"{shop.tenant_url}/access-tokens", headers=headers)
    assert errors(response)[0]["code"] == "[E4010]"


def test_no_token_is_signed_for_a_tenant_that_is_not_the_apps(shop: Shop, other_shop: Shop) -> None:
    url = f"{shop.url}/tenants/{other_shop.tenant_id}/access-tokens"
    response = shop.service.request("POST", url, headers=shop.headers())
    assert (response.status_code, errors(response)[0]["code"]) == (404, "[E4040]")


def test_a_disabled_app_can_do_nothing_but_be_enabled(service: Service, shop: Shop) -> None:
    token = item(mint(shop))["token"]
    assert item(patch(shop, enabled=False))["enabled"] is False
    for response in (
        shop.post(),
        shop.get(f"{shop.url}/invoices"),
        admin(shop, "GET", "/api-keys"),
        service.request("GET", shop.tenant_url, headers={"authorization": f"Bearer {token}"}),
    ):
        assert (response.status_code, errors(response)[0]["code"]) == (403, "[E4030]")
    assert item(admin(shop, "GET", ""))["enabled"] is False
    assert item(patch(shop, enabled=True))["enabled"] is True
    assert shop.post().status_code == 200
