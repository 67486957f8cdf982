"""Cache keys, apps and connections for 2 s; raise AccessUnverified rather than use stale data."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Final, Protocol, TypeVar, cast
from uuid import UUID

import structlog

from projections.access.queries import AccessFreshness, AppRow, ConnectionRow, KeyRow
from service.http.errors import AccessUnverified

T = TypeVar("T")

_log = structlog.get_logger(__name__)
_LOOK_EVERY_S: Final = 0.5
# Once so long where nothing was read, and the projection had passed the log's head.
_QUIET_LOOK_EVERY_S: Final = 2.0
_LOOK_S: Final = 1.0
"""A read waits so long for a look that is due, at most."""
_TTL_S: Final = 2.0
_MOST_ENTRIES: Final = 50_000
_MOST_GUESSES: Final = 10_000

Known = dict[Hashable, tuple[float, object]]


class Access(Protocol):
    """Queries of the access projection."""

    async def key_by_hash(self, sha256_hex: str, /) -> KeyRow | None:
        """Find a key."""

    async def app(self, app_id: UUID, /) -> AppRow | None:
        """Find an app."""

    async def apps_of_tokens(self, issuer: str, audience: str, /) -> Sequence[AppRow]:
        """Find the apps whose tokens these may be."""

    async def allows_origin(self, origin: str, /) -> bool:
        """Return whether any app lets pages of an origin call."""

    async def connection_by_name(self, app_id: UUID, name: str, /) -> ConnectionRow | None:
        """Find an app's connection."""

    async def connection_by_id(self, connection_id: UUID, /) -> ConnectionRow | None:
        """Find a connection by the id in its webhook URL."""

    async def freshness(self, since: int) -> AccessFreshness:
        """Return the positions of projection and log, and whether rows changed since `since`."""


class AccessCache:
    """Rows of the access projection: at most 2 s old, and dropped when any of them changes.

    `look` runs twice a second, less often while nobody reads: once the projection has passed the
    log's head of some time, the cache is verified as of that time. If the newest such time is more
    than `max_age_s` ago, every read raises AccessUnverified. A revocation therefore applies
    everywhere within `max_age_s`. A process that stood still for longer, as its machine did, looks
    before it raises.
    """

    def __init__(
        self,
        access: Access,
        *,
        max_age_s: float,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._access = access
        self._max_age_s = max_age_s
        self._clock_s = clock_s
        self._known: Known = {}
        self._guesses: Known = {}
        self._running: dict[Hashable, asyncio.Future[object]] = {}
        self._forgotten = 0
        self._position = -1
        self._heads: list[tuple[float, int]] = []
        self._verified_at_s: float | None = None
        self._verified_once = asyncio.Event()
        self._is_settled = False
        self._was_read = asyncio.Event()
        self._look_ended = asyncio.Event()
        self._looked_at_s: float | None = None

    async def key(self, sha256_hex: str) -> KeyRow | None:
        """Find a key by the SHA-256 of its text."""
        return await self._cached(("key", sha256_hex), lambda: self._access.key_by_hash(sha256_hex))

    async def app(self, app_id: UUID) -> AppRow | None:
        """Find an app."""
        return await self._cached(("app", app_id), lambda: self._access.app(app_id))

    async def app_guessed(self, app_id: UUID) -> AppRow | None:
        """Find an app for a caller that is not authenticated."""
        return await self._cached_guess(("app", app_id), lambda: self._access.app(app_id))

    async def apps_of_tokens(self, issuer: str, audience: str) -> Sequence[AppRow]:
        """Find the apps whose tokens are by `issuer` and for `audience`."""
        query = self._access.apps_of_tokens
        found = await self._cached_guess(
            ("token", issuer, audience), lambda: query(issuer, audience)
        )
        return found or ()

    async def allows_origin(self, origin: str) -> bool:
        """Return whether any app lets pages of an origin call."""
        query = self._access.allows_origin
        return bool(await self._cached_guess(("origin", origin), lambda: query(origin)))

    async def connection_named(self, app_id: UUID, name: str) -> ConnectionRow | None:
        """Find an app's connection."""
        return await self._cached(
            ("name", app_id, name), lambda: self._access.connection_by_name(app_id, name)
        )

    async def connection(self, connection_id: UUID) -> ConnectionRow | None:
        """Find a connection by the id in its webhook URL."""
        return await self._cached(
            ("id", connection_id), lambda: self._access.connection_by_id(connection_id)
        )

    def cached_connection(self, connection_id: UUID) -> ConnectionRow | None:
        """Return a connection without waiting; None unless it is cached and verified."""
        self._was_read.set()
        found = self._known.get(("id", connection_id))
        is_fresh = found is not None and self._clock_s() - found[0] <= _TTL_S
        return cast("ConnectionRow", found[1]) if found and is_fresh and self.is_verified else None

    @property
    def is_verified(self) -> bool:
        """Return whether the cached data is fresh enough to be used."""
        verified_at_s = self._verified_at_s
        return verified_at_s is not None and (self._clock_s() - verified_at_s <= self._max_age_s)

    async def look(self) -> None:
        """Read the projection's position; drop the cache if rows changed."""
        self._is_settled = False
        queried_at_s = self._clock_s()
        seen = await self._access.freshness(self._position)
        self._position = seen.position
        self._is_settled = seen.position >= seen.head
        if seen.changed:
            self._forget()
        self._heads.append((queried_at_s, seen.head))
        passed = [at_s for at_s, head in self._heads if head <= seen.position]
        if passed:
            self._verified_at_s = passed[-1]
            self._verified_once.set()
        oldest_s = queried_at_s - self._max_age_s
        self._heads = [
            (at_s, head) for at_s, head in self._heads if head > seen.position and at_s > oldest_s
        ]

    async def wait_until_verified(self, timeout_s: float) -> None:
        """Wait until keys are verified for the first time, at most `timeout_s`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._verified_once.wait()

    async def keep_looking(self) -> None:
        """Refresh until cancelled; after an error the last refresh ages."""
        while True:
            self._was_read.clear()
            try:
                async with asyncio.timeout(self._max_age_s):
                    await self.look()
            except Exception as error:  # noqa: BLE001 - the edge of a background task
                _log.warning("access_not_verified", error=type(error).__name__)
            self._looked_at_s = self._clock_s()
            ended, self._look_ended = self._look_ended, asyncio.Event()
            ended.set()
            await asyncio.sleep(_LOOK_EVERY_S)
            if self._is_settled:
                await self._wait_for_a_read()

    async def _wait_for_a_read(self) -> None:
        """Return once anything was read since the last refresh, or when the next one is due."""
        longest_s = min(_QUIET_LOOK_EVERY_S, self._max_age_s / 2) - _LOOK_EVERY_S
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(longest_s):
                await self._was_read.wait()

    def _is_look_due(self) -> bool:
        """Return whether the cache became unverified because nothing looked, not by a look."""
        if self.is_verified or self._verified_at_s is None or self._looked_at_s is None:
            return False
        return self._looked_at_s - self._verified_at_s <= self._max_age_s

    async def _wait_for_a_look(self) -> None:
        """Return once `keep_looking` has looked again, at most a second later."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_S):
                await self._look_ended.wait()

    def _forget(self) -> None:
        """Drop all cached rows, and running queries, which may have read older rows."""
        self._known.clear()
        self._guesses.clear()
        self._running.clear()
        self._forgotten += 1

    async def _cached(self, name: Hashable, query: Callable[[], Awaitable[T | None]]) -> T | None:
        """Return a cached row or query it. Missing rows are not cached: guesses would fill it."""
        return await self._read(
            self._known,
            name,
            query,
            keep=lambda found_row: found_row is not None,
            most=_MOST_ENTRIES,
        )

    async def _cached_guess(self, name: Hashable, query: Callable[[], Awaitable[T]]) -> T | None:
        """Return a cached result or query it; missing rows are cached, for equal timing."""
        return await self._read(self._guesses, name, query, keep=lambda _: True, most=_MOST_GUESSES)

    async def _read(
        self,
        known: Known,
        name: Hashable,
        query: Callable[[], Awaitable[T]],
        *,
        keep: Callable[[T], bool],
        most: int,
    ) -> T:
        self._was_read.set()
        if self._is_look_due():
            await self._wait_for_a_look()
        if not self.is_verified:
            raise AccessUnverified
        found = known.get(name)
        if found is not None and self._clock_s() - found[0] <= _TTL_S:
            return found[1]  # type: ignore[return-value] # the name says of what kind it is
        running = self._running.get(name)
        if running is not None:
            # An expired row is queried once for all callers, if its result can be cached.
            found_row: T = await asyncio.shield(running)  # type: ignore[arg-type] # as above
            return found_row if keep(found_row) else await query()
        task = asyncio.ensure_future(self._query(known, name, query, keep=keep, most=most))
        self._running[name] = task  # type: ignore[assignment] # a future of something
        return await asyncio.shield(task)  # others wait for it even if this caller is canceled

    async def _query(
        self,
        known: Known,
        name: Hashable,
        query: Callable[[], Awaitable[T]],
        *,
        keep: Callable[[T], bool],
        most: int,
    ) -> T:
        now_s, forgotten = self._clock_s(), self._forgotten
        try:
            found_row = await query()
        finally:
            if self._running.get(name) is asyncio.current_task():
                del self._running[name]
        if keep(found_row) and forgotten == self._forgotten:
            if len(known) >= most:
                known.clear()
            known[name] = (now_s, found_row)
        return found_row


async def stopped(task: asyncio.Task[object]) -> None:
    """Cancel a background task and wait for its end."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
