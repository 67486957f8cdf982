import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from projections.operations.system_state import SystemState

_log = structlog.get_logger("billhook.service")
_TIMEOUT_S: Final = 5.0


class SystemWatch:
    """Caches the state of the system for a few seconds; runs at most one query at a time."""

    def __init__(
        self,
        read: Callable[[], Awaitable[SystemState]],
        *,
        max_age_s: float,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._max_age_s = max_age_s
        self._clock_s = clock_s
        self._reading = asyncio.Lock()
        self._seen: tuple[float, SystemState | None] | None = None

    async def state(self) -> SystemState | None:
        """Return the state, at most `max_age_s` old; None if the database does not answer."""
        async with self._reading:
            if self._seen is None or self._clock_s() - self._seen[0] >= self._max_age_s:
                state = await self._read_or_none()
                self._seen = (self._clock_s(), state)
            return self._seen[1]

    async def _read_or_none(self) -> SystemState | None:
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                return await self._read()
        except Exception as error:  # noqa: BLE001 - counts matter most when something is wrong
            _log.warning("system_state_unknown", error=type(error).__name__)
            return None
