"""Waiting for the log to grow."""

import asyncio

import psycopg
from psycopg.rows import TupleRow

CHANNEL = "eventlog"


class Listener:
    """Waits until the log grows, on a session that its task also queries on.

    Ask first, then wait: a notification that came along with an answer ends the wait at once.
    """

    def __init__(self, connection: psycopg.AsyncConnection[TupleRow]) -> None:
        self._connection = connection
        self._notified = False
        self._waiter: asyncio.Future[None] | None = None
        connection.add_notify_handler(lambda _: self._set_notified())

    async def start(self) -> None:
        """Subscribe the session."""
        await self._connection.execute("LISTEN eventlog")

    def wake(self) -> None:
        """End the wait that is on, or the next one."""
        self._notified = True
        if self._waiter is not None:
            _end(self._waiter)

    async def wait(self, *, timeout_s: float) -> None:
        """Return when the log grew, the server said anything else, or the time is over.

        The driver's own `notifies()` cannot be interrupted without a cancel request to the server.
        """
        self._take_buffered()
        if self._notified:
            self._notified = False
            return
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        descriptor = self._connection.fileno()
        timer = loop.call_later(timeout_s, self.wake)
        loop.add_reader(descriptor, self.wake)
        try:
            await self._waiter
        finally:
            timer.cancel()
            loop.remove_reader(descriptor)
            self._waiter = None
        self._forget()

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
        self._connection.pgconn.consume_input()
        self._take_buffered()
        self._notified = False

    def _set_notified(self) -> None:
        self._notified = True

    def _take_buffered(self) -> None:
        """Find what the client library read from the socket behind the last answer."""
        while self._connection.pgconn.notifies() is not None:
            self._notified = True


def _end(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
