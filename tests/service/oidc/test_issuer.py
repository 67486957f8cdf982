"""Requests to an issuer, and the rejection of its invalid answers."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar
from uuid import uuid4

import pytest

from service.oidc.errors import IssuerUnavailable, OidcError, SignInRefused
from service.oidc.issuer import ClientSettings, Issuer, readable_keys
from service.oidc.roles import claim_at, roles_of
from service.oidc.shared_fetch import SharedFetch
from service.oidc.urls import is_secure_url
from tests.support.canned_server import Canned, serve_canned
from tests.support.openid_provider import ec_key

T = TypeVar("T")
SETTINGS = ClientSettings(
    issuer="",
    client_id="billhook",
    secret="a secret",
    scopes="openid",
    redirect_uri="https://billing.example.com/dashboard/sign-in/oidc/return",
    timeout_s=20,
)


async def asking(settings: ClientSettings, ask: Callable[[Issuer], Awaitable[T]]) -> T:
    issuer = Issuer(settings)
    try:
        return await ask(issuer)
    finally:
        await issuer.close()


def configuration(canned: Canned, **changes: Any) -> bytes:
    known = {
        "issuer": canned.url,
        "authorization_endpoint": f"{canned.url}/authorize?tenant=1",
        "token_endpoint": f"{canned.url}/token",
        "jwks_uri": f"{canned.url}/keys",
    }
    return json.dumps({name: v for name, v in (known | changes).items() if v is not None}).encode()


def test_an_answer_that_is_no_configuration_of_this_issuer_is_refused() -> None:
    with serve_canned() as canned:
        settings = replace(SETTINGS, issuer=canned.url)
        redirect = {"location": f"{canned.url}/elsewhere"}
        answers: list[tuple[int, bytes, dict[str, str]]] = [
            (500, b"{}", {}),
            (302, b"", redirect),
            (200, b"<html>", {}),
            (200, b"[]", {}),
            (200, b'"' + b"x" * 300_000 + b'"', {}),
            (200, configuration(canned, issuer="https://evil.test"), {}),
            (200, configuration(canned, token_endpoint=None), {}),
            (200, configuration(canned, jwks_uri=7), {}),
            (200, configuration(canned, token_endpoint="http://evil.test/token"), {}),
            (200, configuration(canned, authorization_endpoint="javascript:1"), {}),
        ]
        for status, body, headers in answers:
            canned.answer(status, body, headers)
            with pytest.raises(IssuerUnavailable):
                asyncio.run(asking(settings, lambda issuer: issuer.configuration()))
            assert len(canned.requests) == 1, "redirects are not followed"
        canned.answer(200, configuration(canned))
        url = asyncio.run(
            asking(
                settings,
                lambda issuer: issuer.authorization_url(
                    state="s&", nonce="n", code_verifier="v" * 43
                ),
            )
        )
        assert url.startswith(f"{canned.url}/authorize?tenant=1&response_type=code")
        assert "state=s%26" in url


def test_the_exchange_of_a_code_ends_in_tokens_or_in_a_reason() -> None:
    with serve_canned() as canned:
        settings = replace(SETTINGS, issuer=canned.url)
        answers: list[tuple[int, bytes, type[OidcError] | None]] = [
            (200, b'{"id_token": "a.b.c"}', None),
            (200, b'{"access_token": "x"}', IssuerUnavailable),
            (200, b'{"id_token": 7}', IssuerUnavailable),
            (400, b'{"error": "invalid_grant"}', SignInRefused),
            (401, b"[]", SignInRefused),
            (500, b"<html>", IssuerUnavailable),
            (503, b"{}", IssuerUnavailable),
        ]
        for status, body, expected in answers:

            async def exchange(issuer: Issuer, answer: tuple[int, bytes] = (status, body)) -> str:
                canned.answer(200, configuration(canned))
                await issuer.configuration()
                canned.answer(*answer)
                return (await issuer.exchange("c ode", code_verifier="v")).id_token

            if expected is None:
                assert asyncio.run(asking(settings, exchange)) == "a.b.c"
                ((method, path, form),) = canned.requests
                assert (method, path) == ("POST", "/token")
                assert "code=c+ode" in form
                assert canned.seen[0]["authorization"].startswith("Basic ")
            else:
                with pytest.raises(expected):
                    asyncio.run(asking(settings, exchange))


def test_a_public_client_sends_its_id_and_no_secret() -> None:
    with serve_canned() as canned:

        async def exchange(issuer: Issuer) -> None:
            canned.answer(200, configuration(canned))
            await issuer.configuration()
            canned.answer(200, b'{"id_token": "a.b.c"}')
            await issuer.exchange("code", code_verifier="v")

        asyncio.run(asking(replace(SETTINGS, issuer=canned.url, secret=None), exchange))
        assert "client_id=billhook" in canned.requests[0][2]
        assert "authorization" not in canned.seen[0]


def test_a_silent_issuer_is_given_up_after_the_timeout() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        settings = replace(SETTINGS, issuer=url, timeout_s=0.1)
        with pytest.raises(IssuerUnavailable, match="Timeout"):
            asyncio.run(asking(settings, lambda issuer: issuer.configuration()))


def test_all_callers_share_a_fetch_and_its_error_for_a_moment() -> None:
    clock_s, fetched = [0.0], [0]

    async def fetch() -> int:
        fetched[0] += 1
        await asyncio.sleep(0)
        if fetched[0] == 1:
            raise IssuerUnavailable("away")
        return fetched[0]

    async def scenario() -> None:
        shared = SharedFetch(fetch, clock_s=lambda: clock_s[0])
        found = await asyncio.gather(*(shared.get() for _ in range(5)), return_exceptions=True)
        assert [type(one) for one in found] == [IssuerUnavailable] * 5
        with pytest.raises(IssuerUnavailable):
            await shared.get()
        assert fetched == [1]
        clock_s[0] = 5
        assert await asyncio.gather(*(shared.get() for _ in range(5))) == [2] * 5
        assert await shared.get_newer() == 3
        clock_s[0] = 3000
        assert await shared.get() == 3
        clock_s[0] = 4000
        assert await shared.get() == 4

    asyncio.run(scenario())


def test_keys_that_cannot_be_read_leave_the_others_in_use() -> None:
    known = ec_key()
    good = known.as_dict(private=False)
    others = [
        {"kty": "XYZ", "kid": "of an unknown kind"},
        {"kty": "EC", "crv": "P-999", "x": "AAAA", "y": "AAAA", "kid": "of an unknown curve"},
        good | {"kid": "for an unknown use", "use": "wrap"},
        {"kid": "without a kind"},
        7,
    ]
    found = readable_keys({"keys": [*others[:3], good, *others[3:]]})
    assert [key.kid for key in found] == [known.kid]
    rubbish: list[object] = [{"keys": others}, {"keys": 7}, {}, [], None]
    assert [readable_keys(one) for one in rubbish] == [[]] * len(rubbish)


def test_urls_are_https_or_of_this_machine() -> None:
    for url in ("https://a.test", "https://a.test/x?y=1", "http://localhost:1", "http://[::1]/"):
        assert is_secure_url(url)
    for url in ("http://a.test", "https://", "ftp://a.test", "https://u:p@a.test", "//a.test",
                "https://[", "", "http://localhost.evil.test", "https://a.test#x"):  # fmt: skip
        assert not is_secure_url(url), url


def test_roles_are_read_by_name_or_by_path() -> None:
    app = uuid4()
    role_map: Any = {"a": {app: "read"}, "b": {app: "admin"}}
    claims = {"https://x.test/roles": ["a"], "realm_access": {"roles": ["b", "a"]}, "text": "b"}
    for claim, role in (("https://x.test/roles", "read"), ("realm_access.roles", "admin"),
                        ("text", "admin")):  # fmt: skip
        assert roles_of(claims, claim=claim, role_map=role_map) == {app: role}
    for claim in ("realm_access", "realm_access.roles.a", "text.b", "", "none"):
        assert roles_of(claims, claim=claim, role_map=role_map) == {}
    assert claim_at({"a.b": 1, "a": {"b": 2}}, "a.b") == 1
