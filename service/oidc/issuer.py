"""Fetch the issuer's configuration and keys, and exchange codes for tokens."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import httpx
import orjson
import structlog
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.discovery import get_well_known_url
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.oidc.errors import IssuerUnavailable, refusal_of
from service.oidc.shared_fetch import SharedFetch
from service.oidc.urls import is_secure_url

_log = structlog.get_logger(__name__)
_MOST_BYTES: Final = 256 * 1024
_LONGEST: Final = 2_000
_FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, kw_only=True)
class ClientSettings:
    """Registration of this service at the issuer. `secret` None: a public client."""

    issuer: str
    client_id: str
    secret: str | None = field(repr=False)
    scopes: str
    redirect_uri: str
    timeout_s: float


class Configuration(BaseModel):
    """Used fields of the issuer's configuration. OpenID Connect Discovery 1.0, section 3."""

    model_config = ConfigDict(strict=True, hide_input_in_errors=True)

    issuer: str = Field(max_length=_LONGEST)
    authorization_endpoint: str = Field(max_length=_LONGEST)
    token_endpoint: str = Field(max_length=_LONGEST)
    jwks_uri: str = Field(max_length=_LONGEST)
    token_endpoint_auth_methods_supported: list[str] = ["client_secret_basic"]
    authorization_response_iss_parameter_supported: bool = False


class Tokens(BaseModel):
    """Used fields of the token endpoint's response."""

    model_config = ConfigDict(strict=True, hide_input_in_errors=True)

    id_token: str
    access_token: str | None = None


class Issuer:
    """An OpenID Connect issuer; nothing is fetched before the first sign-in.

    Each call ends within the time-out. Redirects are not followed.
    """

    def __init__(
        self, client: ClientSettings, *, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self.client = client
        self._http = httpx.AsyncClient(timeout=client.timeout_s, follow_redirects=False)
        self._configuration = SharedFetch(self._fetch_configuration, clock_s=clock_s)
        self._keys = SharedFetch(self._fetch_keys, clock_s=clock_s)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def configuration(self) -> Configuration:
        """Return the issuer's configuration. Raises IssuerUnavailable."""
        return await self._configuration.get()

    async def keys(self, *, newer: bool = False) -> KeySet:
        """Return the issuer's keys; `newer` fetches them anew. Raises IssuerUnavailable."""
        return await (self._keys.get_newer() if newer else self._keys.get())

    async def authorization_url(self, *, state: str, nonce: str, code_verifier: str) -> str:
        """Return the URL at which a person signs in. Raises IssuerUnavailable."""
        known = await self.configuration()
        url: str = prepare_grant_uri(
            known.authorization_endpoint,
            self.client.client_id,
            "code",
            redirect_uri=self.client.redirect_uri,
            scope=self.client.scopes,
            state=state,
            nonce=nonce,
            code_challenge=create_s256_code_challenge(code_verifier),
            code_challenge_method="S256",
        )
        return url

    async def exchange(self, code: str, *, code_verifier: str) -> Tokens:
        """Exchange a code for tokens. Raises IssuerUnavailable, SignInRefused."""
        known = await self.configuration()
        body = prepare_token_request(
            "authorization_code",
            redirect_uri=self.client.redirect_uri,
            code=code,
            code_verifier=code_verifier,
        )
        auth = ClientAuth(self.client.client_id, self.client.secret, self._auth_method(known))
        headers = {"content-type": _FORM, "accept": "application/json"}
        url, headers, body = auth.prepare("POST", known.token_endpoint, headers, body)
        status, found = await self._send("POST", url, headers=headers, content=body)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise IssuerUnavailable(f"status {status}")
        if status != HTTPStatus.OK:
            raise refusal_of(found.get("error") if isinstance(found, dict) else None)
        try:
            return Tokens.model_validate(found)
        except ValidationError:
            raise IssuerUnavailable("the token endpoint answers without an ID token") from None

    def _auth_method(self, known: Configuration) -> str:
        if self.client.secret is None:
            return "none"
        methods = known.token_endpoint_auth_methods_supported
        by_post = "client_secret_basic" not in methods and "client_secret_post" in methods
        return "client_secret_post" if by_post else "client_secret_basic"

    async def _fetch_configuration(self) -> Configuration:
        url = get_well_known_url(self.client.issuer, external=True)
        found = await self._get(url)
        try:
            known = Configuration.model_validate(found)
        except ValidationError:
            raise IssuerUnavailable("the configuration lacks a field") from None
        if known.issuer != self.client.issuer:
            raise IssuerUnavailable("the configuration is another issuer's")
        endpoints = (known.authorization_endpoint, known.token_endpoint, known.jwks_uri)
        if not all(map(is_secure_url, endpoints)):
            raise IssuerUnavailable("the configuration has an endpoint that is not https")
        return known

    async def _fetch_keys(self) -> KeySet:
        keys = readable_keys(await self._get((await self.configuration()).jwks_uri))
        if not keys:
            raise IssuerUnavailable("the key set has no key that can be read")
        return KeySet(keys)

    async def _get(self, url: str) -> Any:  # noqa: ANN401 - any JSON
        status, found = await self._send("GET", url, headers={"accept": "application/json"})
        if status != HTTPStatus.OK:
            raise IssuerUnavailable(f"status {status}")
        return found

    async def _send(self, method: str, url: str, **options: Any) -> tuple[int, Any]:  # noqa: ANN401 - httpx's options
        """Send a request; return status and JSON. Raises IssuerUnavailable."""
        try:
            async with (
                asyncio.timeout(self.client.timeout_s),
                self._http.stream(method, url, **options) as response,
            ):
                content = b""
                async for part in response.aiter_bytes():
                    content += part
                    if len(content) > _MOST_BYTES:
                        raise IssuerUnavailable("the answer is too long")
                return response.status_code, orjson.loads(content)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            _log.warning("oidc_issuer_unavailable", error=type(error).__name__)
            raise IssuerUnavailable(type(error).__name__) from None
        except orjson.JSONDecodeError:
            raise IssuerUnavailable("the answer is not JSON") from None


def readable_keys(found: object) -> list[Key]:
    """Return the keys of a key set, without those that cannot be read.

    An issuer may publish keys of kinds that are unknown here, and signs with the others. RFC 7517,
    section 5.
    """
    listed = found.get("keys") if isinstance(found, dict) else None
    keys: list[Key] = []
    for one in listed if isinstance(listed, list) else ():
        try:
            keys += KeySet.import_key_set({"keys": [one]}).keys
        except (JoseError, ValueError, TypeError, KeyError) as error:
            _log.info("oidc_key_left_out", error=type(error).__name__)
    return keys
