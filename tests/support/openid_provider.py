"""A small OpenID Connect provider on the loopback, which can also answer wrongly.

It asks nobody for a password: its page has a button for the person that the test names.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from tests.support.http_server import serving

CLIENT_ID = "billhook"
CLIENT_SECRET = "a secret of the client"
Key = RSAKey | ECKey | OKPKey
Claims = dict[str, Any]


def ec_key() -> ECKey:
    """Make a key, which takes less time than an RSA key does."""
    return ECKey.generate_key("P-256", {"kid": secrets.token_hex(4), "use": "sig"})


@dataclass
class OpenIdProvider:
    """The provider's state, which a test changes while it serves."""

    url: str = ""
    groups: object = field(default_factory=lambda: ["staff"])
    subject: str = "248289761001"
    key: Key = field(default_factory=ec_key)
    published: list[Key] = field(default_factory=list)
    change: Callable[[Claims], Claims | None] = field(default=lambda _: None)
    """Changes the claims before they are signed, in place or by returning others."""
    sign: Callable[[OpenIdProvider, Claims], str] | None = None
    """Writes the token in place of the provider."""
    refusal: str | None = None
    down: bool = False
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.published = [self.key]

    def rotate(self) -> None:
        """Sign with a new key from now on; the old one is published no more."""
        self.key = ec_key()
        self.published = [self.key]

    def configuration(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "code_challenge_methods_supported": ["S256"],
        }

    def keys(self) -> Any:
        return KeySet(list(self.published)).as_dict(private=False)

    def authorize(self, url: str) -> str:
        """Sign the person in; return the URL to which the browser goes back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT_ID
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        assert len(asked["state"]) >= 43
        assert len(asked["nonce"]) >= 43
        answer = {"state": asked["state"], "iss": self.url}
        if self.refusal is not None:
            answer["error"] = self.refusal
        else:
            answer["code"] = secrets.token_urlsafe(16)
            self.codes[answer["code"]] = asked
        return f"{asked['redirect_uri']}?{urlencode(answer)}"

    def exchange(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """Answer the token endpoint; a code is worth something once."""
        expected = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if authorization != f"Basic {expected}":
            return 401, {"error": "invalid_client"}
        asked = self.codes.pop(form["code"], None)
        challenge = base64.urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest())
        if (
            asked is None
            or asked["redirect_uri"] != form["redirect_uri"]
            or asked["code_challenge"] != challenge.rstrip(b"=").decode()
        ):
            return 400, {"error": "invalid_grant"}
        claims = self._claims(asked)
        token = (self.sign or _signed)(self, claims)
        return 200, {"access_token": "unused", "token_type": "Bearer", "id_token": token}

    def _claims(self, asked: dict[str, str]) -> Claims:
        now = int(time.time())
        claims: Claims = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "sub": self.subject,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            "groups": self.groups,
        }
        return self.change(claims) or claims


def _signed(provider: OpenIdProvider, claims: Claims) -> str:
    header = {"alg": "ES256", "kid": provider.key.kid}
    return jwt.encode(header, claims, provider.key, algorithms=["ES256"])


def unsigned(_: OpenIdProvider, claims: Claims) -> str:
    """Write a token of the algorithm `none`."""
    return _unsigned({"alg": "none"}, claims) + "."


def signed_with_public_key(provider: OpenIdProvider, claims: Claims) -> str:
    """Write a token that is signed with the published key as if it were a shared secret."""
    text = _unsigned({"alg": "HS256", "kid": provider.key.kid}, claims)
    signature = hmac.digest(provider.key.as_pem(private=False), text.encode(), sha256)
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _unsigned(header: Claims, claims: Claims) -> str:
    parts = [json.dumps(part).encode() for part in (header, claims)]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def signed_by_another(provider: OpenIdProvider, claims: Claims) -> str:
    """Write a token under the name of the provider's key, signed with another one."""
    header = {"alg": "ES256", "kid": provider.key.kid}
    return jwt.encode(header, claims, ec_key(), algorithms=["ES256"])


class _Handler(BaseHTTPRequestHandler):
    """Answers of the provider that a subclass names."""

    provider: OpenIdProvider
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.provider.requests.append(path)
        if self.provider.down:
            self._answer(503, b"", "text/plain")
        elif path == "/.well-known/openid-configuration":
            self._json(200, self.provider.configuration())
        elif path == "/keys":
            self._json(200, self.provider.keys())
        elif path == "/authorize":
            link = self.provider.authorize(self.path).replace("&", "&amp;")
            page = f'<!doctype html><title>Login</title><a href="{link}">Continue as Ada</a>'
            self._answer(200, page.encode(), "text/html")
        else:
            self._answer(404, b"", "text/plain")

    def do_POST(self) -> None:
        self.provider.requests.append(self.path)
        raw = self.rfile.read(int(self.headers["content-length"])).decode()
        form = {name: values[0] for name, values in parse_qs(raw).items()}
        self._json(*self.provider.exchange(form, self.headers.get("authorization", "")))

    def _json(self, status: int, content: object) -> None:
        self._answer(status, json.dumps(content).encode(), "application/json")

    def _answer(self, status: int, content: bytes, media_type: str) -> None:
        self.send_response(status)
        self.send_header("content-type", media_type)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def openid_provider() -> Iterator[OpenIdProvider]:
    """Serve a provider on a free port until the block ends."""
    served = OpenIdProvider()

    class Handler(_Handler):
        provider = served

    with serving(Handler) as served.url:
        yield served
