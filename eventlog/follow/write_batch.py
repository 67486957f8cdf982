"""Call a follower's handler, and commit what it writes together with the position."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from eventlog.database.statements import execute_together
from eventlog.follow.handler import AnyHandler, OutsideHandler, RowsHandler
from eventlog.follow.leader import LeaderSession
from eventlog.follow.positions import (
    SteppedDown,
    forget_failure,
    is_moved_by_another,
    move,
    moving,
)
from eventlog.follow.progress import Progress
from eventlog.reading import RecordedEvent


@dataclass(frozen=True)
class BatchWriting:
    """A follower's name and handler; `timeout_s` is how long the handler may take."""

    name: str
    handle: AnyHandler
    timeout_s: float

    async def write(
        self,
        session: LeaderSession,
        events: Sequence[RecordedEvent],
        progress: Progress,
        *,
        through: int,
    ) -> None:
        """Handle the events and move the position. Raises SteppedDown if another leader moved it.

        Without a failure to forget, that is one statement where the handler needs no more.
        """
        if not progress.failures:
            if isinstance(self.handle, OutsideHandler):
                await self._run_outside(self.handle, session, events)
                async with session.turn, session.connection.cursor() as cursor:
                    await move(cursor, self.name, old=progress.stored, new=through)
                return
            if isinstance(self.handle, RowsHandler) and await self._write_together(
                self.handle, session, events, old=progress.stored, new=through
            ):
                return
        await self._write_in_transaction(session, events, progress, through=through)

    async def _run_outside(
        self, handle: OutsideHandler, session: LeaderSession, events: Sequence[RecordedEvent]
    ) -> None:
        async with asyncio.timeout(self.timeout_s):
            await handle.run(events, session=session)

    async def _write_together(
        self,
        handle: RowsHandler,
        session: LeaderSession,
        events: Sequence[RecordedEvent],
        *,
        old: int,
        new: int,
    ) -> bool:
        """Write rows and position by one statement; return False where it takes several."""
        async with (
            session.turn,
            session.connection.cursor() as cursor,
            asyncio.timeout(self.timeout_s),
        ):
            writes = await handle.fold(cursor, events)
            if writes is None:
                return False
            moved = moving(self.name, old=old, new=new, notify=writes.notify)
            try:
                await execute_together(cursor, [*writes.statements, moved])
            except psycopg.DatabaseError as error:
                if is_moved_by_another(error):
                    raise SteppedDown(self.name) from error
                raise
        return True

    async def _write_in_transaction(
        self,
        session: LeaderSession,
        events: Sequence[RecordedEvent],
        progress: Progress,
        *,
        through: int,
    ) -> None:
        handle = self.handle
        if isinstance(handle, OutsideHandler):
            await self._run_outside(handle, session, events)
        async with (
            session.turn,
            session.connection.transaction(),
            session.connection.cursor() as cursor,
        ):
            if not isinstance(handle, OutsideHandler):
                async with asyncio.timeout(self.timeout_s):
                    await handle(cursor, events)
            await move(cursor, self.name, old=progress.stored, new=through)
            if progress.failures:
                await forget_failure(cursor, self.name)
