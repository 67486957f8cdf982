"""Read large deliveries beside the event loop."""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

LARGE_BYTES: Final = 64 * 1024
"""Reading more would hold up the loop, and so all other requests, for tens of milliseconds."""


class LargeBodies:
    """Reads large bodies in a thread, one at a time; small ones at once."""

    def __init__(self) -> None:
        self._one_at_a_time = asyncio.Lock()

    async def read(self, raw: bytes, reading: Callable[[], T]) -> T:
        """Return what `reading` makes of the body. Raises its errors."""
        if len(raw) <= LARGE_BYTES:
            return reading()
        async with self._one_at_a_time:
            return await asyncio.to_thread(reading)
