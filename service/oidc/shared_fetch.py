"""Share one fetch among all callers, and keep what it returned."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_KEEP_S: Final = 3600.0
_KEEP_ERROR_S: Final = 3.0


class SharedFetch(Generic[T]):
    """A value that is fetched when it is first needed, by one caller for all.

    It is kept for an hour, an error for 3 s: callers of a dead server then wait once, not each.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[T]],
        *,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._clock_s = clock_s
        self._task: asyncio.Task[T] | None = None
        self._ended_at_s = 0.0

    async def get(self) -> T:
        """Return the value. Raises the errors of the fetch."""
        task = self._task
        if task is None or self._is_over(task):
            task = self._start()
        return await asyncio.shield(task)

    async def get_newer(self) -> T:
        """Fetch anew, unless a fetch is running. Raises the errors of the fetch."""
        task = self._task
        if task is None or task.done():
            task = self._start()
        return await asyncio.shield(task)

    def _start(self) -> asyncio.Task[T]:
        self._task = asyncio.create_task(self._run(), name="OpenID Connect issuer")
        return self._task

    async def _run(self) -> T:
        try:
            return await self._fetch()
        finally:
            self._ended_at_s = self._clock_s()

    def _is_over(self, task: asyncio.Task[T]) -> bool:
        if not task.done():
            return False
        failed = task.cancelled() or task.exception() is not None
        return self._clock_s() - self._ended_at_s > (_KEEP_ERROR_S if failed else _KEEP_S)
