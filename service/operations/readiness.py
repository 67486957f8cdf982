import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from projections.engine.health import FollowerState
from service.auth.access_cache import AccessCache

_log = structlog.get_logger(__name__)
_STATES_TTL_S: Final = 1.0
_MIGRATIONS_TTL_S: Final = 30.0
_TIMEOUT_S: Final = 5.0

Checks = dict[str, str]


class Readiness:
    """Check whether this process can serve requests, and how far projections lag."""

    def __init__(
        self,
        *,
        states: Callable[[], Awaitable[Sequence[FollowerState]]],
        is_writable: Callable[[], Awaitable[bool]],
        pending_migrations: Callable[[], Sequence[str]],
        access: AccessCache,
    ) -> None:
        self._states = states
        self._is_writable = is_writable
        self._pending_migrations = pending_migrations
        self._access = access
        self._seen: tuple[float, Sequence[FollowerState]] | None = None
        self._migrated_at_s: float | None = None

    async def followers(self) -> Sequence[FollowerState]:
        """Return the followers' states, cached for a second."""
        now_s = time.monotonic()
        if self._seen is None or now_s - self._seen[0] > _STATES_TTL_S:
            self._seen = (now_s, await self._states())
        return self._seen[1]

    async def lag_ms(self, name: str) -> int:
        """Return a follower's lag behind the log."""
        return next((f.lag_ms for f in await self.followers() if f.name == name), 0)

    async def checks(self) -> tuple[bool, Checks]:
        """Return whether all that this process needs is ok, and each check, without secrets.

        A follower that is stopped or behind is no reason to take the API out: requests are
        recorded all the same. It is alerted through the metrics.
        """
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                writable = await self._is_writable()
                migrations = await self._check_migrations()
        except Exception as error:  # noqa: BLE001 - whatever it is, we are not ready
            _log.warning("not_ready", error=type(error).__name__)
            return False, {"database": "does not answer"}
        found = {
            "database": "ok" if writable else "is read-only",
            "migrations": migrations,
            "keys": "ok" if self._access.is_verified else "not verified",
        }
        return all(text == "ok" for text in found.values()), found

    async def _check_migrations(self) -> str:
        now_s = time.monotonic()
        if self._migrated_at_s is None or now_s - self._migrated_at_s > _MIGRATIONS_TTL_S:
            missing = await asyncio.to_thread(self._pending_migrations)
            if missing:
                return f"{len(missing)} pending"
            self._migrated_at_s = now_s
        return "ok"
