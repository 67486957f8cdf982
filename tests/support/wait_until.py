import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

# Waiting ends when its condition holds. The deadline only ends a test that fails, so that it is
# long enough for a machine that is busy with other things.
DEADLINE_S: Final = 120.0
_POLL_S = 0.01


async def until(condition: Callable[[], object], *, timeout_s: float = DEADLINE_S) -> None:
    """Return when the condition holds; fail at the deadline."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        await asyncio.sleep(_POLL_S)


async def until_async(
    condition: Callable[[], Awaitable[object]], *, timeout_s: float = DEADLINE_S
) -> None:
    """Return when the awaited condition holds; fail at the deadline."""
    deadline_s = time.monotonic() + timeout_s
    while not await condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        await asyncio.sleep(_POLL_S)
