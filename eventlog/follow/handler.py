"""Handlers of a follower's events: those that write rows with its position, and others."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import psycopg
from psycopg.rows import TupleRow

from eventlog.database.statements import Statement, execute_together
from eventlog.follow.leader import HEARTBEAT_S, LeaderSession
from eventlog.reading import RecordedEvent

Cursor = psycopg.AsyncCursor[TupleRow]
Handle = Callable[[Cursor, Sequence[RecordedEvent]], Awaitable[None]]


@dataclass(frozen=True)
class Writes:
    """Statements that write different rows, and the channel to notify once they are committed."""

    statements: Sequence[Statement] = ()
    notify: str | None = None


@dataclass(frozen=True)
class RowsHandler:
    """A handler of which most batches are one statement, executed as one with the position.

    `fold` may read with the cursor, outside of a transaction, and returns what is to be written.
    It returns None where that takes several statements: then `handle` is called in a transaction.
    """

    fold: Callable[[Cursor, Sequence[RecordedEvent]], Awaitable[Writes | None]]
    handle: Handle

    async def __call__(self, cursor: Cursor, events: Sequence[RecordedEvent]) -> None:
        """Write the rows in the cursor's transaction."""
        await self.handle(cursor, events)


def writing_together(
    fold: Callable[[Cursor, Sequence[RecordedEvent]], Awaitable[Sequence[Statement]]],
) -> RowsHandler:
    """Make the handler of a function that returns the statements of any batch."""

    async def writes(cursor: Cursor, events: Sequence[RecordedEvent]) -> Writes:
        return Writes(await fold(cursor, events))

    async def handle(cursor: Cursor, events: Sequence[RecordedEvent]) -> None:
        await execute_together(cursor, await fold(cursor, events))

    return RowsHandler(writes, handle)


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


AnyHandler = Handle | RowsHandler | OutsideHandler
