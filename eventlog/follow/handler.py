"""Handlers of a follower's events: those that write rows with its position, and others."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import psycopg
from psycopg.rows import TupleRow

from eventlog.follow.leader import HEARTBEAT_S, LeaderSession
from eventlog.reading import RecordedEvent

Cursor = psycopg.AsyncCursor[TupleRow]
Handle = Callable[[Cursor, Sequence[RecordedEvent]], Awaitable[None]]


@dataclass(frozen=True)
class OutsideHandler:
    """A handler that writes no rows with a cursor: it is called without a transaction."""

    handle: Callable[[Sequence[RecordedEvent]], Awaitable[None]]

    async def run(self, events: Sequence[RecordedEvent], *, session: LeaderSession) -> None:
        """Call the handler, and keep the leader's session alive; cancel it if that is lost."""
        handling = asyncio.ensure_future(self.handle(events))
        try:
            while not handling.done():
                await asyncio.wait([handling], timeout=HEARTBEAT_S)
                if not handling.done():
                    await session.keep_alive()
            handling.result()
        finally:
            handling.cancel()
            await asyncio.gather(handling, return_exceptions=True)
