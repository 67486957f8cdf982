"""Signatures of access tokens: the algorithm, the key, and the meaning of what was signed."""

import base64
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.service.auth.token_issuer import ISSUER, SECRET, Tokens
from tests.service.public_keys import public


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
