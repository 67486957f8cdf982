"""The background task that verifies a part of the log."""

import asyncio
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from projections.operations.log_checks import LogChecks
from service.dashboard import log_verifier
from service.dashboard.log_verifier import LogVerifier
from tests.service.harness import Shop
from tests.support.wait_until import until, until_async


class Checks:
    """Keeps what a check stores last; `goes_on` is the answer to each progress."""

    stored: dict[str, Any] | None = None
    goes_on = True

    async def start(self, *_: UUID, **_part: object) -> bool:
        return True

    async def update(self, _: UUID, **stored: Any) -> bool:
        self.stored = stored
        return self.goes_on


def test_a_check_that_fails_ends_with_its_reason_and_not_the_process() -> None:
    async def scenario() -> None:
        checks = Checks()
        verifier = LogVerifier("no connection string", cast("LogChecks", checks))
        for _ in range(2):
            checks.stored = None
            await until_async(lambda: verifier.start(uuid4(), stream=None, first=1, last=9))
            await until(lambda: checks.stored)
            stored: dict[str, Any] = checks.stored or {}
            assert stored["is_over"]
            assert "failed" in stored["reason"]
        await verifier.close()

    asyncio.run(scenario())


def test_a_canceled_check_ends_after_the_part_that_is_being_checked(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_verifier, "_CHUNK", 2)
    monkeypatch.setattr(log_verifier, "_STORE_EVERY_S", 0.0)
    head = shop.service.head()
    assert head > 2

    async def scenario() -> None:
        checks = Checks()
        checks.goes_on = False
        verifier = LogVerifier(shop.service.database, cast("LogChecks", checks))
        assert await verifier.start(uuid4(), stream=None, first=1, last=head)
        await until(lambda: checks.stored and checks.stored.get("is_over"))
        assert checks.stored is not None
        assert (checks.stored["checked"], checks.stored["reason"]) == (2, None)
        await verifier.close()

    asyncio.run(scenario())
