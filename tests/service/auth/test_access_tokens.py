"""Access tokens: who is let in by one, to what, and what they must say."""

import base64
import hmac
import json
import time
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from domain.apps.app import token_secret_context
from eventlog.security.vault import Vault
from tests.service.harness import MASTER_KEY, Service, Shop, errors
from tests.service.public_keys import public

ISSUER = "https://login.example"
SECRET = "a secret that is long enough for HS256"


class Tokens:
    """A shop that takes tokens of an issuer of its own."""

    def __init__(self, service: Service) -> None:
        self.shop = Shop(service)
        self.rsa = rsa.generate_private_key(65537, 2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())
        context = token_secret_context(self.shop.app_id)
        sealed = Vault([MASTER_KEY]).seal(SECRET, context=context)
        self.audience = f"aud-{self.shop.app_id}"
        self.configure(
            token_issuer=ISSUER,
            token_audience=self.audience,
            token_claims={"app": None, "tenant": "tid", "user": "sub"},
            token_secrets=[{"kid": "s1", "sealed": sealed, "until": None}],
            token_keys=[public(self.rsa, "RS256", "r1"), public(self.ec, "ES256", "e1")],
        )

    def configure(self, **settings: Any) -> None:
        self.shop.change(settings=settings)
        self.shop.service.wait_for_projection("access")

    def claims(self, **changes: Any) -> dict[str, Any]:
        known = {
            "iss": ISSUER,
            "aud": self.audience,
            "exp": int(time.time()) + 600,
            "tid": str(self.shop.tenant_id),
            "sub": "user-1",
        }
        return {name: value for name, value in (known | changes).items() if value is not None}

    def signed(
        self, algorithm: str = "HS256", key: Any = SECRET, kid: str | None = None, **changes: Any
    ) -> str:
        headers = None if kid is None else {"kid": kid}
        return jwt.encode(self.claims(**changes), key, algorithm=algorithm, headers=headers)

    def status(self, token: str, *, header: str = "authorization") -> int:
        response = self.shop.service.request(
            "GET", f"{self.shop.tenant_url}/invoices", headers={header: f"Bearer {token}"}
        )
        return response.status_code


@pytest.fixture(scope="module")
def tokens(service: Service) -> Tokens:
    return Tokens(service)


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


def test_a_tampered_or_foreign_signature_is_refused(tokens: Tokens) -> None:
    token = tokens.signed()
    head, _, signature = token.rpartition(".")
    flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
    assert tokens.status(f"{head}.{flipped}") == 401
    assert tokens.status(tokens.signed(key="another secret that is long enough!")) == 401
    other = rsa.generate_private_key(65537, 2048)
    assert tokens.status(tokens.signed("RS256", other, "r1")) == 401


def written(*parts: dict[str, Any]) -> str:
    return ".".join(base64url(json.dumps(part).encode()) for part in parts)


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "HS256", None, 7])
def test_a_token_without_a_signature_is_refused(tokens: Tokens, algorithm: Any) -> None:
    token = written({"alg": algorithm, "typ": "JWT"}, tokens.claims())
    assert tokens.status(token + ".") == 401


def test_a_public_key_is_no_secret(tokens: Tokens) -> None:
    """Key confusion: an HS256 token whose secret is the text of a public key."""
    pem = tokens.rsa.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for secret in (pem, json.dumps(public(tokens.rsa, "RS256", "r1")).encode(), b""):
        for header in ({"alg": "HS256"}, {"alg": "HS256", "kid": "r1"}):
            signing_input = written(header, tokens.claims())
            signature = hmac.digest(secret, signing_input.encode(), "sha256")
            assert tokens.status(f"{signing_input}.{base64url(signature)}") == 401


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256"])
def test_a_key_is_for_one_algorithm(tokens: Tokens, algorithm: str) -> None:
    assert tokens.status(tokens.signed(algorithm, tokens.rsa, "r1")) == 401


def test_a_kid_that_is_another_keys_is_refused(tokens: Tokens) -> None:
    assert tokens.status(tokens.signed("RS256", tokens.rsa, "e1")) == 401
    assert tokens.status(tokens.signed(kid="r1")) == 401


def test_headers_that_change_what_a_signature_means_are_refused(tokens: Tokens) -> None:
    token = jwt.encode(tokens.claims(), SECRET, algorithm="HS256", headers={"crit": ["x"], "x": 1})
    assert tokens.status(token) == 401


def test_signed_json_with_two_meanings_is_refused(tokens: Tokens) -> None:
    claims = json.dumps(tokens.claims(nbf=0, iat=0))
    for found, odd in (
        ('"exp":', '"exp": NaN, "old":'),
        ('"exp":', '"exp": 1e400, "old":'),
        ('"exp":', '"exp": true, "old":'),
        ('"nbf": 0', '"nbf": NaN'),
        ('"nbf": 0', '"nbf": "soon"'),
        ('"iat": 0', '"iat": 1e400'),
        ("}", ', "exp": 1}'),
        ("}", f', "tid": ["{tokens.shop.tenant_id}"]}}'),
        ("}", f', "iss": ["{ISSUER}"]}}'),
        ("}", ', "aud": {"' + tokens.audience + '": 1}}'),
        (claims, "[" * 3000 + "]" * 3000),
        (claims, "[1]"),
        (claims, "7"),
    ):
        assert tokens.status(_signed_bytes('{"alg": "HS256"}', claims.replace(found, odd))) == 401
    assert tokens.status(_signed_bytes('{"alg": "HS256"}', claims)) == 200
    for header in (
        '{"alg": ["HS256"]}',
        '{"alg": 1}',
        '{"alg": "HS256", "kid": ["s1"]}',
        '{"alg": "HS256", "kid": "../../dev/null"}',
        '{"alg": "HS256", "b64": false}',
        '["HS256"]',
        "null",
    ):
        assert tokens.status(_signed_bytes(header, claims)) == 401
    for embedded in ("jwk", "jku", "x5u"):  # a header's own key is not used
        other = rsa.generate_private_key(65537, 2048)
        value: Any = public(other, "RS256", "r1") if embedded == "jwk" else "https://else.example/"
        token = jwt.encode(tokens.claims(), other, "RS256", {embedded: value, "kid": "r1"})
        assert tokens.status(token) == 401


def _signed_bytes(header: str, claims: str) -> str:
    """Sign text that no JSON library writes with the app's secret."""
    signed = ".".join(base64url(text.encode()) for text in (header, claims))
    return f"{signed}.{base64url(hmac.digest(SECRET.encode(), signed.encode(), 'sha256'))}"


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
