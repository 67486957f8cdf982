"""Access tokens: who is let in by one, to what, and what they must say."""

import time
from typing import Any
from uuid import uuid4

import pytest

from domain.apps.app import token_secret_context
from eventlog.security.vault import Vault
from tests.service.auth.token_issuer import SECRET, Tokens
from tests.service.harness import Shop, errors
from tests.service.running_service import MASTER_KEY, Service


@pytest.mark.parametrize("header", ["authorization", "authentication"])
def test_a_token_of_the_apps_secret_reads_its_tenants_invoices(tokens: Tokens, header: str) -> None:
    assert tokens.status(tokens.signed(), header=header) == 200
    assert tokens.status(tokens.signed(kid="s1"), header=header) == 200


def test_a_token_of_a_registered_public_key_is_taken(tokens: Tokens) -> None:
    assert tokens.status(tokens.signed("RS256", tokens.rsa, "r1")) == 200
    assert tokens.status(tokens.signed("ES256", tokens.ec, "e1")) == 200
    assert tokens.status(tokens.signed("RS256", tokens.rsa)) == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": None},
        {"iss": "https://else.example"},
        {"aud": None},
        {"aud": "else"},
        {"aud": 7},
        {"exp": None},
        {"exp": int(time.time()) - 1},
        {"exp": int(time.time()) + 25 * 3600},
        {"exp": 10**400},
        {"exp": "tomorrow"},
        {"nbf": int(time.time()) + 3600},
        {"tid": None},
        {"tid": "no-tenant"},
        {"sub": 7},
        {"sub": "with\ncontrol"},
        {"sub": "x" * 256},
    ],
)
def test_a_token_with_missing_or_excess_claims_is_rejected(
    tokens: Tokens, changes: dict[str, Any]
) -> None:
    assert tokens.status(tokens.signed(**changes)) == 401


def test_what_is_not_the_tokens_tenants_does_not_exist(tokens: Tokens) -> None:
    shop, other = tokens.shop, uuid4()
    shop.set_tenant(other)
    headers = {"authorization": f"Bearer {tokens.signed()}"}
    for tenant in (other, uuid4()):
        url = shop.tenant_url.replace(str(shop.tenant_id), str(tenant))
        response = shop.service.request("GET", f"{url}/invoices", headers=headers)
        assert (response.status_code, errors(response)[0]["code"]) == (404, "[E4040]")


def test_another_apps_token_opens_nothing(tokens: Tokens, other_shop: Shop) -> None:
    headers = {"authorization": f"Bearer {tokens.signed()}"}
    url = tokens.shop.tenant_url.replace(str(tokens.shop.app_id), str(other_shop.app_id))
    assert tokens.shop.service.request("GET", url, headers=headers).status_code == 401


def test_a_token_writes_nothing_in_the_canonical_api(tokens: Tokens) -> None:
    response = tokens.shop.service.request(
        "POST",
        tokens.shop.invoices_url,
        json=tokens.shop.body(),
        headers={"authorization": f"Bearer {tokens.signed()}"},
    )
    assert (response.status_code, errors(response)[0]["code"]) == (401, "[E4010]")


def test_an_app_claim_distinguishes_apps_of_one_issuer(service: Service) -> None:
    one, other = Tokens(service), Tokens(service)
    claims = {"app": "azp", "tenant": "tid", "user": "sub"}
    for each in (one, other):
        each.configure(token_audience="shared", token_claims=claims)
    shared = {"aud": "shared"}
    assert one.status(one.signed(**shared, azp=str(one.shop.app_id))) == 200
    assert one.status(one.signed(**shared, azp=str(other.shop.app_id))) == 401
    assert one.status(one.signed(**shared)) == 401


def test_an_app_with_another_apps_public_keys_does_not_lock_its_callers_out(
    service: Service,
) -> None:
    one, other = Tokens(service), Shop(service)
    (known,) = [service.call(service.context.auth.access.app(one.shop.app_id))]
    copied = known.settings
    other.change(
        settings={
            "token_issuer": copied.token_issuer,
            "token_audience": copied.token_audience,
            "token_claims": copied.token_claims,
            "token_keys": copied.token_keys,
        }
    )
    service.wait_for_projection("access")
    token = one.signed("RS256", one.rsa, "r1")

    def status(client_id: object) -> int:
        return service.request(
            "POST",
            f"/v1/tenants/{one.shop.tenant_id}/stripe-invoices",
            headers={"authorization": f"Bearer {token}", "x-client-id": str(client_id)},
            json={},
        ).status_code

    assert status(one.shop.app_id) == 400  # admitted; the body is empty
    assert status(uuid4()) == 401
    assert status("") == 401
    assert one.status(token) == 200  # the path names the app


def test_a_replaced_secret_is_taken_until_its_end(service: Service) -> None:
    tokens = Tokens(service)
    context = token_secret_context(tokens.shop.app_id)
    newer = Vault([MASTER_KEY]).seal("the newer secret of this app, 32+", context=context)
    (old,) = tokens.shop.service.call(
        service.context.auth.access.app(tokens.shop.app_id)
    ).settings.token_secrets
    for until, status in ((int(time.time()) + 60, 200), (int(time.time()) - 1, 401)):
        tokens.configure(
            token_secrets=[
                {"kid": "s2", "sealed": newer, "until": None},
                {**old, "until": until},
            ]
        )
        assert tokens.status(tokens.signed()) == status
        assert tokens.status(tokens.signed(key="the newer secret of this app, 32+")) == 200


def test_a_secret_of_lost_master_keys_opens_nothing_and_stops_nothing(service: Service) -> None:
    tokens = Tokens(service)
    context = token_secret_context(tokens.shop.app_id)
    lost = Vault([Vault.new_key()]).seal(SECRET, context=context)
    tokens.configure(token_secrets=[{"kid": "s1", "sealed": lost, "until": None}])
    assert tokens.status(tokens.signed()) == 401
    assert tokens.status(tokens.signed("RS256", tokens.rsa, "r1")) == 200


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer x", "Bearer a.b", "Basic YTpi", "a.b.c"])
def test_what_is_no_token_is_no_caller(tokens: Tokens, value: str) -> None:
    response = tokens.shop.service.request(
        "GET", f"{tokens.shop.tenant_url}/invoices", headers={"authorization": value}
    )
    assert response.status_code == 401


def charge(tokens: Tokens, **more: Any) -> tuple[int, str]:
    tokens.configure(client_prices=["price_1"], client_tax_rates=["txr_1"])
    body = {"price": "price_1", "taxRate": "txr_1", "mode": "payment", "quantity": 1} | more
    response = tokens.shop.service.request(
        "POST",
        f"/v1/tenants/{tokens.shop.tenant_id}/stripe-invoices",
        json={name: value for name, value in body.items() if value is not None},
        headers={"authorization": f"Bearer {tokens.signed()}", "prefer": "respond-async"},
    )
    return response.status_code, str(response.json()["error"])


def test_a_token_may_buy_the_prices_that_its_app_allows(tokens: Tokens) -> None:
    assert charge(tokens)[0] == 202
    assert charge(tokens, userId="user-1", tenantId=str(tokens.shop.tenant_id))[0] == 202


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"test": True}, "test"),
        ({"test": False}, "test"),
        ({"connection": "stripe-1"}, "connection"),
        ({"metadata": {}}, "metadata"),
        ({"userId": "user-2"}, "userId"),
        ({"price": "price_2"}, "price"),
        ({"taxRate": "txr_2"}, "taxRate"),
    ],
)
def test_fields_that_a_token_may_not_use_are_403(
    tokens: Tokens, more: dict[str, Any], field: str
) -> None:
    status, error = charge(tokens, **more)
    assert status == 403
    assert error.startswith(f"[E4031] {field}: ")


def test_a_charge_by_token_is_on_session_and_its_users(tokens: Tokens) -> None:
    service = tokens.shop.service
    before = service.head()
    assert charge(tokens)[0] == 202
    reading = service.context.recording.log.read_async(before, 10, ["invoice.requested"])
    (recorded,) = service.call(reading)
    event: Any = service.context.recording.streams.decoded(recorded)
    assert (event.off_session, event.user_id, event.actor) == (False, "user-1", "token:user-1")
