"""ID tokens and codes of an issuer: those of another sign-in, key or browser are refused."""

import time

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from tests.service.dashboard.oidc.issuer_world import START, World, changed, without
from tests.service.dashboard.visits import Visit
from tests.support.openid_provider import (
    CLIENT_ID,
    Claims,
    OpenIdProvider,
    ec_key,
    signed_by_another,
    signed_with_public_key,
    unsigned,
)


def test_a_token_that_is_not_for_this_sign_in_is_refused(world: World) -> None:
    past, future = int(time.time()) - 600, int(time.time()) + 600
    wrong = [
        changed(aud="another client"),
        changed(aud=[CLIENT_ID, "another client"]),  # and azp does not say that it is ours
        changed(aud=[CLIENT_ID, "another client"], azp="another client"),
        changed(aud=[]),
        changed(aud=7),
        changed(iss="https://evil.test"),
        changed(iss=world.provider.url + "/"),
        changed(nonce="of another sign-in"),
        changed(nonce=7),
        changed(exp=past),
        changed(exp="tomorrow"),
        changed(iat=future),
        changed(iat={}),
        changed(nbf=future),
        changed(sub=""),
        changed(sub=7),
        changed(sub="x" * 256),
        changed(sub="a\0b"),
        changed(at_hash="of another token"),
        changed(at_hash=[7]),
        without("aud"),
        without("iss"),
        without("sub"),
        without("exp"),
        without("iat"),
        without("nonce"),
    ]
    for number, change in enumerate(wrong):
        world.provider.change = change
        visitor, answer = world.sign_in()
        assert (answer.status_code, number) == (401, number), answer.text
        assert "not valid for this sign-in" in answer.text
        assert "billhook_session" not in visitor.cookies


def test_a_token_that_the_issuer_did_not_sign_is_refused(world: World) -> None:
    for sign in (unsigned, signed_with_public_key, signed_by_another, lambda *_: "a.b", long_token):
        world.provider.sign = sign
        visitor, answer = world.sign_in()
        assert answer.status_code == 401, sign
        assert "billhook_session" not in visitor.cookies


def long_token(_: OpenIdProvider, __: Claims) -> str:
    return "a" * 40_000


def test_new_keys_of_the_issuer_are_fetched_when_they_are_needed(world: World) -> None:
    world.sign_in()
    world.provider.requests.clear()
    _, answer = world.sign_in()
    assert answer.status_code == 200
    assert world.provider.requests == ["/token"], "configuration and keys are kept"
    world.provider.rotate()
    _, answer = world.sign_in()
    assert answer.status_code == 200
    assert world.provider.requests.count("/keys") == 1
    world.provider.key = ec_key()  # and does not publish it
    _, answer = world.sign_in()
    assert answer.status_code == 401
    key = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
    world.provider.key, world.provider.published = key, [key]
    world.provider.sign = rs256
    assert world.sign_in()[1].status_code == 200


def test_a_key_that_is_replaced_under_its_id_is_fetched_too(world: World) -> None:
    world.provider.key = ECKey.generate_key("P-256", {"kid": "signing"})
    world.provider.published = [world.provider.key]
    assert world.sign_in()[1].status_code == 200
    world.provider.key = ECKey.generate_key("P-256", {"kid": "signing"})
    world.provider.published = [world.provider.key]
    assert world.sign_in()[1].status_code == 200


def test_the_newer_name_of_an_edwards_curve_is_accepted(world: World) -> None:
    key = OKPKey.generate_key("Ed25519", {"kid": "edwards"})
    world.provider.key, world.provider.published = key, [key]
    world.provider.sign = ed25519
    assert world.sign_in()[1].status_code == 200


def ed25519(provider: OpenIdProvider, claims: Claims) -> str:
    header = {"alg": "Ed25519", "kid": "edwards"}
    return jwt.encode(header, claims, provider.key, algorithms=["Ed25519"])


def rs256(provider: OpenIdProvider, claims: Claims) -> str:
    return jwt.encode({"alg": "RS256", "kid": "rsa"}, claims, provider.key, algorithms=["RS256"])


def test_a_state_is_of_one_browser_and_one_use(world: World) -> None:
    visitor, back = world.leave()
    stranger = Visit(world.service)
    for thief in (stranger, world.leave(visitor=Visit(world.service))[0]):
        answer = thief.get(back)
        assert (answer.status_code, "not started in this browser" in answer.text) == (400, True)
    kept = dict(visitor.cookies)
    assert visitor.get(back).status_code == 200
    assert visitor.get(back).status_code in (400, 403)
    replaying = Visit(world.service, kept)
    location = (
        world.provider.url
        + "/authorize?"
        + str(
            httpx.QueryParams(
                {
                    "response_type": "code",
                    "client_id": CLIENT_ID,
                    "code_challenge_method": "S256",
                    "scope": "openid",
                    "redirect_uri": "http://localhost/dashboard/sign-in/oidc/return",
                    "state": httpx.URL(back).params["state"],
                    "nonce": "n" * 43,
                    "code_challenge": "c",
                }
            )
        )
    )
    again = world.provider.authorize(location).removeprefix("http://localhost")
    assert replaying.get(again).status_code == 403, "its code was issued for another verifier"
    assert "billhook_session" not in replaying.cookies


def test_a_sign_in_that_was_used_opens_no_second_session(world: World) -> None:
    """Also where the issuer issues a second code for the same state, verifier and nonce."""
    visitor = Visit(world.service)
    location = visitor.get(START).headers["location"]
    kept = dict(visitor.cookies)
    answers = []
    for _ in range(2):
        back = world.provider.authorize(location).removeprefix("http://localhost")
        answers.append(Visit(world.service, kept).get(back))
    assert [answer.status_code for answer in answers] == [200, 400]
    assert "was used already" in answers[1].text
