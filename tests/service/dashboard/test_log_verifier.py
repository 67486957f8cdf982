"""The background task that verifies a part of the log."""

import asyncio
from typing import Any, cast
from uuid import UUID, uuid4

from projections.operations.log_checks import LogChecks
from service.dashboard.log_verifier import LogVerifier
from tests.support.wait_until import until, until_async


class Checks:
    """Keeps what a check stores last."""

    stored: dict[str, Any] | None = None

    async def start(self, *_: UUID, **_part: object) -> bool:
        return True

    async def update(self, _: UUID, **stored: Any) -> None:
        self.stored = stored


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
