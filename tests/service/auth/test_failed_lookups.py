import asyncio

import pytest

from service.auth import failed_lookups
from service.auth.failed_lookups import FailedLookups
from service.http.errors import RateLimited, Unauthorized


async def fail(failures: FailedLookups, peer: str | None, credential: str = "wrong") -> bool:
    """Fail once; return whether the credential was looked up."""
    with pytest.raises((Unauthorized, RateLimited)) as refused:
        async with failures.counting(peer, credential):
            raise Unauthorized
    return refused.type is Unauthorized


def test_each_peer_has_a_count_of_its_own() -> None:
    async def scenario() -> None:
        failures = FailedLookups(per_minute=2)
        assert [await fail(failures, "192.0.2.1") for _ in range(3)] == [True, True, False]
        assert await fail(failures, "192.0.2.2")
        assert [await fail(failures, None) for _ in range(3)] == [True, True, False]

    asyncio.run(scenario())


def test_addresses_of_one_ipv6_network_share_a_count() -> None:
    async def scenario() -> None:
        failures = FailedLookups(per_minute=2)
        assert await fail(failures, "2001:db8::1")
        assert await fail(failures, "2001:db8::ffff")
        assert not await fail(failures, "2001:db8:0:0:1::")
        assert await fail(failures, "2001:db8:0:1::1")

    asyncio.run(scenario())


def test_a_credential_that_was_valid_is_looked_up_until_it_is_refused() -> None:
    async def scenario() -> None:
        failures = FailedLookups(per_minute=1)
        async with failures.counting("192.0.2.1", "good"):
            pass
        assert await fail(failures, "192.0.2.1")
        assert not await fail(failures, "192.0.2.1")
        assert await fail(failures, "192.0.2.1", "good")  # revoked meanwhile
        assert not await fail(failures, "192.0.2.1", "good")

    asyncio.run(scenario())


def test_the_peers_and_credentials_that_are_kept_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(failed_lookups, "_MOST_PEERS", 10)
    monkeypatch.setattr(failed_lookups, "_MOST_VALID", 10)

    async def scenario() -> None:
        failures = FailedLookups(per_minute=100)
        for number in range(200):
            async with failures.counting("198.51.100.1", f"good-{number}"):
                pass
        for number in range(200):
            await fail(failures, f"192.0.2.{number}")
        assert len(failures._failures) == 11  # noqa: SLF001 - the bound is the subject
        assert len(failures._valid) == 10  # noqa: SLF001
        assert not await fail(failures, "203.0.113.1")  # counted with the others
        assert await fail(failures, "192.0.2.1")

    asyncio.run(scenario())
