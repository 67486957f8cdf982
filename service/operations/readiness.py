import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final

import structlog

from projections.engine.health import FollowerState
from service.auth.access_cache import AccessCache

_log = structlog.get_logger(__name__)
_NEEDED: Final = ("access", "invoices", "tenants")
_STATES_TTL_S: Final = 1.0
_MIGRATIONS_TTL_S: Final = 30.0
_TIMEOUT_S: Final = 5.0

Checks = dict[str, str]


class Readiness:
    """Check whether the service can serve requests, and how far projections lag."""

    def __init__(
        self,
        *,
        states: Callable[[], Awaitable[Sequence[FollowerState]]],
        pending_migrations: Callable[[], Sequence[str]],
        access: AccessCache,
        lag_bound_ms: int,
    ) -> None:
        self._states = states
        self._pending_migrations = pending_migrations
        self._access = access
        self._lag_bound_ms = lag_bound_ms
        self._seen: tuple[float, Sequence[FollowerState]] | None = None
        self._migrated_at_s: float | None = None

    async def followers(self) -> Sequence[FollowerState]:
        """Return the followers' states, cached for a second."""
        now_s = time.monotonic()
        if self._seen is None or now_s - self._seen[0] > _STATES_TTL_S:
            self._seen = (now_s, await self._states())
        return self._seen[1]

    async def followers_or_none(self) -> Sequence[FollowerState]:
        """Return the followers' states; none if the database is unavailable."""
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                return await self.followers()
        except Exception as error:  # noqa: BLE001 - counts are worth most when something is wrong
            _log.warning("followers_unknown", error=type(error).__name__)
            return ()

    async def lag_ms(self, name: str) -> int:
        """Return a follower's lag behind the log."""
        return next((f.lag_ms for f in await self.followers() if f.name == name), 0)

    async def checks(self) -> tuple[bool, Checks]:
        """Check all dependencies; return whether all are ok, and each result, without secrets."""
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                found = {
                    "migrations": await self._check_migrations(),
                    **dict(self._check_followers(await self.followers())),
                }
        except Exception as error:  # noqa: BLE001 - whatever it is, we are not ready
            _log.warning("not_ready", error=type(error).__name__)
            return False, {"database": "does not answer"}
        found = {"database": "ok"} | found
        found["keys"] = "ok" if self._access.is_verified else "not verified"
        return all(text == "ok" for text in found.values()), found

    async def _check_migrations(self) -> str:
        now_s = time.monotonic()
        if self._migrated_at_s is None or now_s - self._migrated_at_s > _MIGRATIONS_TTL_S:
            unapplied = await asyncio.to_thread(self._pending_migrations)
            if unapplied:
                return f"{len(unapplied)} pending"
            self._migrated_at_s = now_s
        return "ok"

    def _check_followers(self, states: Sequence[FollowerState]) -> Iterator[tuple[str, str]]:
        known = {state.name: state for state in states}
        for name in _NEEDED:
            state = known.get(name)
            if state is None:
                yield name, "has never run"
            elif state.failure is not None:
                yield name, f"stopped at position {state.position}"
            elif state.lag_ms > self._lag_bound_ms:
                yield name, f"{state.lag_ms} ms behind"
            else:
                yield name, "ok"
