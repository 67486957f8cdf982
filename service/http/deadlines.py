"""Deadlines of many waits that are equally long, by one timer."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

Wait = TypeVar("Wait")


class Deadlines(Generic[Wait]):
    """Calls `expire` with each wait that lasts longer than `timeout_s`.

    A timer of its own for each request, made and cancelled, costs more than the request's route.
    Waits that are equally long expire in the order in which they started.
    """

    def __init__(self, timeout_s: float, *, expire: Callable[[Wait], None]) -> None:
        self._timeout_s = timeout_s
        self._expire = expire
        self._waits: dict[Wait, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def start(self, wait: Wait) -> None:
        """Start, or start again, the deadline of a wait."""
        loop = asyncio.get_running_loop()
        self._waits.pop(wait, None)
        self._waits[wait] = deadline_s = loop.time() + self._timeout_s
        if self._timer is None:
            self._timer = loop.call_at(deadline_s, self._sweep)

    def stop(self, wait: Wait) -> None:
        """End a wait; nothing happens if it ended before."""
        self._waits.pop(wait, None)

    def _sweep(self) -> None:
        """Expire what is due; wait for the oldest of the others."""
        self._timer = None
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        while self._waits:
            wait, deadline_s = next(iter(self._waits.items()))
            if deadline_s > now_s:
                self._timer = loop.call_at(deadline_s, self._sweep)
                return
            del self._waits[wait]
            self._expire(wait)
