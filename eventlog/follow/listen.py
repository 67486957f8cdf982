"""Waiting for the log to grow."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import psycopg
from psycopg.rows import TupleRow

CHANNEL = "eventlog"
HURRY_CHANNEL = "billhook_hurry"
"""Channel of readers that wait for what followers may defer; the payload is the read model."""


def topics_in(payload: str) -> list[str] | None:
    """Return the topics that a notification names; None where it may be any."""
    _, is_named, topics = payload.partition(" ")
    return topics.split(",") if is_named else None


class Listener:
    """Waits until the log grows, on a session that its task also queries on.

    Ask first, then wait: a notification that came along with an answer ends the wait at once.
    """

    def __init__(self, connection: psycopg.AsyncConnection[TupleRow]) -> None:
        self._connection = connection
        self._notified = False
        self._payloads: list[str] = []
        self._waiter: asyncio.Future[None] | None = None
        self.has_skipped = False
        """Whether notifications that were not wanted came since the last wait ended."""
        self._hurried: set[str] = set()
        self._others: dict[str, Callable[[], None]] = {}
        connection.add_notify_handler(lambda notify: self._take(notify.channel, notify.payload))

    async def start(self, *, hurry: bool = False) -> None:
        """Subscribe the session; with `hurry` also to readers that wait."""
        await self._connection.execute("LISTEN eventlog")
        if hurry:
            await self._connection.execute(f"LISTEN {HURRY_CHANNEL}")

    async def start_other(self, channel: str, callback: Callable[[], None]) -> None:
        """Subscribe to another channel too; call back at once, and at each of its notifications."""
        self._others[channel] = callback
        await self._connection.execute(f"LISTEN {channel}")
        callback()

    def take_hurried(self) -> set[str]:
        """Return the read models for which readers began to wait since the last call."""
        hurried, self._hurried = self._hurried, set()
        return hurried

    def wake(self) -> None:
        """End the wait that is on, or the next one."""
        self._notified = True
        if self._waiter is not None:
            _end(self._waiter)

    async def wait(
        self,
        *,
        timeout_s: float,
        wanted: Callable[[str], bool] | None = None,
        unwanted_s: float = 0.0,
        unwanted_from_s: float = 0.0,
    ) -> None:
        """Return when the log grew, the server said anything else, or the time is over.

        With `wanted`, which is given a notification's payload, others end the wait so long after
        the first of them, and not before `unwanted_from_s` of the loop's clock. The driver's own
        `notifies()` cannot be interrupted without a cancel request to the server.
        """
        loop = asyncio.get_running_loop()
        self._waiter = waiter = loop.create_future()
        timers = [loop.call_later(timeout_s, _end, waiter)]

        def look() -> None:
            """End the wait, or let it end soon, after what came."""
            if self._notified or self._came(wanted):
                _end(waiter)
            elif self.has_skipped and len(timers) == 1:
                end_at_s = max(loop.time() + unwanted_s, unwanted_from_s)
                timers.append(loop.call_at(end_at_s, _end, waiter))

        look()
        descriptor = self._connection.fileno()
        loop.add_reader(descriptor, self._receive, look, wanted)
        try:
            await waiter
        finally:
            for timer in timers:
                timer.cancel()
            loop.remove_reader(descriptor)
            self._waiter = None
        self._forget()

    def _receive(self, look: Callable[[], None], wanted: Callable[[str], bool] | None) -> None:
        """Read what the server sent, and look at it; without `wanted` anything ends the wait."""
        try:
            self._connection.pgconn.consume_input()
        except psycopg.Error:  # the next query raises it
            self._notified = True
        # Anything but a notification is the end of the session, too.
        self._notified = self._notified or wanted is None
        look()

    async def rest(self, seconds: float) -> None:
        """Return after so many seconds, or when woken, whatever the log does: ask next."""
        loop = asyncio.get_running_loop()
        self._waiter = waiter = loop.create_future()
        timer = loop.call_later(seconds, _end, waiter)
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiter = None
        self._forget()

    async def rest_until(self, loop_time_s: float) -> None:
        """Rest until a time of the loop's clock; return at once if it is over."""
        seconds = loop_time_s - asyncio.get_running_loop().time()
        if seconds > 0:
            await self.rest(seconds)

    def _forget(self) -> None:
        """Drop what came until now: the next question covers it, and must not be asked twice."""
        with suppress(psycopg.Error):  # the next query raises it
            self._connection.pgconn.consume_input()
        self._came(None)
        self._notified = self.has_skipped = False

    def _take(self, channel: str, payload: str) -> None:
        if channel == HURRY_CHANNEL:
            self._hurried.add(payload)
            self._notified = True
        elif channel in self._others:
            self._others[channel]()
        else:
            self._payloads.append(payload)

    def _came(self, wanted: Callable[[str], bool] | None) -> bool:
        """Take the notifications that were read; return whether one of them is wanted."""
        while (notify := self._connection.pgconn.notifies()) is not None:
            self._take(notify.relname.decode(), notify.extra.decode())
        payloads, self._payloads = self._payloads, []
        if wanted is None:
            return bool(payloads)
        found = sum(map(wanted, payloads)) > 0  # `wanted` is to be given each of them
        self.has_skipped = self.has_skipped or (bool(payloads) and not found)
        return found


def _end(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
