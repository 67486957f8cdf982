"""Who may do what, remembered for a moment; an answer that may be stale is never a yes."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Final, Protocol, TypeVar
from uuid import UUID

import structlog

from projections.access.queries import AccessFreshness, AppRow, ConnectionRow, KeyRow
from service.http.errors import AccessUnverified

T = TypeVar("T")

_log = structlog.get_logger(__name__)
_LOOK_EVERY_S: Final = 0.5
_TTL_S: Final = 2.0
_MOST_ENTRIES: Final = 50_000
_MOST_GUESSES: Final = 10_000

Known = dict[Hashable, tuple[float, object]]


class Access(Protocol):
    """What is asked of the access projection."""

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
        """Say how far the projection is, and the log, and whether rows changed since a position."""


class AccessCache:
    """Rows of the access projection: at most 2 s old, and dropped when any of them changes.

    Looked at twice a second: once the projection has passed where the log's head was at some
    moment, all that had happened by that moment is known ("verified"). When the newest such
    moment is more than `max_age_s` ago, every question raises AccessUnverified. So a revocation
    counts everywhere within `max_age_s`.
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
        self._guessed: Known = {}
        self._asking: dict[Hashable, asyncio.Future[object]] = {}
        self._forgotten = 0
        self._position = -1
        self._heads: list[tuple[float, int]] = []
        self._verified_at_s: float | None = None
        self._verified_once = asyncio.Event()

    async def key(self, sha256_hex: str) -> KeyRow | None:
        """Find a key by the SHA-256 of its text."""
        return await self._ask(("key", sha256_hex), lambda: self._access.key_by_hash(sha256_hex))

    async def app(self, app_id: UUID) -> AppRow | None:
        """Find an app."""
        return await self._ask(("app", app_id), lambda: self._access.app(app_id))

    async def app_guessed(self, app_id: UUID) -> AppRow | None:
        """Find an app that nobody has shown to know."""
        return await self._guess(("app", app_id), lambda: self._access.app(app_id))

    async def apps_of_tokens(self, issuer: str, audience: str) -> Sequence[AppRow]:
        """Find the apps whose tokens are by `issuer` and for `audience`."""
        asked = self._access.apps_of_tokens
        found = await self._guess(("token", issuer, audience), lambda: asked(issuer, audience))
        return found or ()

    async def allows_origin(self, origin: str) -> bool:
        """Return whether any app lets pages of an origin call."""
        asked = self._access.allows_origin
        return bool(await self._guess(("origin", origin), lambda: asked(origin)))

    async def connection_named(self, app_id: UUID, name: str) -> ConnectionRow | None:
        """Find an app's connection."""
        return await self._ask(
            ("name", app_id, name), lambda: self._access.connection_by_name(app_id, name)
        )

    async def connection(self, connection_id: UUID) -> ConnectionRow | None:
        """Find a connection by the id in its webhook URL."""
        return await self._ask(
            ("id", connection_id), lambda: self._access.connection_by_id(connection_id)
        )

    @property
    def is_verified(self) -> bool:
        """Return whether questions are answered now."""
        verified_at_s = self._verified_at_s
        return verified_at_s is not None and (self._clock_s() - verified_at_s <= self._max_age_s)

    async def look(self) -> None:
        """See how far the projection is; forget rows that it may have changed."""
        asked_at_s = self._clock_s()
        seen = await self._access.freshness(self._position)
        self._position = seen.position
        if seen.changed:
            self._forget()
        self._heads.append((asked_at_s, seen.head))
        passed = [at_s for at_s, head in self._heads if head <= seen.position]
        if passed:
            self._verified_at_s = passed[-1]
            self._verified_once.set()
        oldest_s = asked_at_s - self._max_age_s
        self._heads = [
            (at_s, head) for at_s, head in self._heads if head > seen.position and at_s > oldest_s
        ]

    async def wait_until_verified(self, timeout_s: float) -> None:
        """Wait for the first time that keys are verified, but not longer than so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._verified_once.wait()

    async def keep_looking(self) -> None:
        """Look twice a second, until cancelled; what goes wrong leaves the last look to age."""
        while True:
            try:
                async with asyncio.timeout(self._max_age_s):
                    await self.look()
            except Exception as error:  # noqa: BLE001 - the edge of a background task
                _log.warning("access_not_verified", error=type(error).__name__)
            await asyncio.sleep(_LOOK_EVERY_S)

    def _forget(self) -> None:
        """Drop every answer, and those under way, which may be of before."""
        self._known.clear()
        self._guessed.clear()
        self._asking.clear()
        self._forgotten += 1

    async def _ask(self, name: Hashable, question: Callable[[], Awaitable[T | None]]) -> T | None:
        """Answer from memory or ask. What is not there is not kept: guesses would fill it."""
        return await self._remember(
            self._known, name, question, keep=lambda answer: answer is not None, most=_MOST_ENTRIES
        )

    async def _guess(self, name: Hashable, question: Callable[[], Awaitable[T]]) -> T | None:
        """Answer from memory or ask, where a no must not take longer than a yes."""
        return await self._remember(
            self._guessed, name, question, keep=lambda _: True, most=_MOST_GUESSES
        )

    async def _remember(
        self,
        known: Known,
        name: Hashable,
        question: Callable[[], Awaitable[T]],
        *,
        keep: Callable[[T], bool],
        most: int,
    ) -> T:
        if not self.is_verified:
            raise AccessUnverified
        found = known.get(name)
        if found is not None and self._clock_s() - found[0] <= _TTL_S:
            return found[1]  # type: ignore[return-value] # the name says of what kind it is
        asking = self._asking.get(name)
        if asking is not None:
            # When a row's time is over, many want it at once. Only what would be kept is shared.
            answer: T = await asyncio.shield(asking)  # type: ignore[arg-type] # as above
            return answer if keep(answer) else await question()
        own = asyncio.ensure_future(self._asked(known, name, question, keep=keep, most=most))
        self._asking[name] = own  # type: ignore[assignment] # a future of something
        return await asyncio.shield(own)  # others wait for it, too, when this caller has gone

    async def _asked(
        self,
        known: Known,
        name: Hashable,
        question: Callable[[], Awaitable[T]],
        *,
        keep: Callable[[T], bool],
        most: int,
    ) -> T:
        now_s, forgotten = self._clock_s(), self._forgotten
        try:
            answer = await question()
        finally:
            if self._asking.get(name) is asyncio.current_task():
                del self._asking[name]
        if keep(answer) and forgotten == self._forgotten:
            if len(known) >= most:
                known.clear()
            known[name] = (now_s, answer)
        return answer


async def stopped(task: asyncio.Task[object]) -> None:
    """Cancel a background task and wait for its end."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
