import asyncio
import time
from collections.abc import Awaitable, Callable

_POLL_S = 0.01


async def until(condition: Callable[[], object], *, timeout_s: float = 10) -> None:
    """Return when the condition holds; fail at the deadline."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        await asyncio.sleep(_POLL_S)


async def until_async(condition: Callable[[], Awaitable[object]], *, timeout_s: float = 10) -> None:
    """Return when the awaited condition holds; fail at the deadline."""
    deadline_s = time.monotonic() + timeout_s
    while not await condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        await asyncio.sleep(_POLL_S)
