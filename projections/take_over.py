"""A filled generation takes the place of the one that answers."""

import asyncio
from typing import Final

import structlog
from psycopg.errors import LockNotAvailable

from eventlog.database import connect_async
from projections.comparison import differences
from projections.errors import GenerationsDiffer, RebuildError
from projections.generations import Connection, Generation, filled_generations, follower_of
from projections.registry import Projection
from projections.running import Running

_log = structlog.get_logger("billhook.projections")

_POLL_S: Final = 0.05
_STUCK: Final = "SELECT error FROM eventlog.follower_failures WHERE name = %s"
_BEHIND: Final = (
    "SELECT follower.position < answering.position"
    " FROM eventlog.followers AS follower, read.positions AS answering"
    " WHERE follower.name = %s AND answering.projection = %s"
)


class TakeOver:
    """The last part of a rebuild: catch up, compare, switch."""

    def __init__(
        self, dsn: str, projection: Projection, number: int, *, accept_changes: bool
    ) -> None:
        self._dsn = dsn
        self._projection = projection
        self._number = number
        self._accept_changes = accept_changes

    async def run(self, *, keep_old_for_s: float) -> int:
        """Do it, following the new generation meanwhile; return how many rows differ."""
        connection = await connect_async(self._dsn, application_name="billhook take over")
        async with connection:
            new, old = await self._generations(connection)
            following = Running(follower_of(self._dsn, new))
            try:
                await self._catch_up(connection, new, following)
                differing = await self._compare(connection, old=old, new=new)
                while not await self._switched(connection, new, keep_old_for_s=keep_old_for_s):
                    await self._catch_up(connection, new, following)
            finally:
                await following.end()
        _log.info("switched", to=new.follower)
        return differing

    async def _generations(self, connection: Connection) -> tuple[Generation, Generation]:
        known = {
            generation.number: generation
            for generation in await filled_generations(connection)
            if generation.projection == self._projection.name
        }
        active = next(one for one in known.values() if one.state == "active")
        return known[self._number], active

    async def _catch_up(self, connection: Connection, new: Generation, following: Running) -> None:
        """Wait until readers would not see less. Raises RebuildError if that will not be."""
        while not following.task.done():
            await asyncio.wait([following.task], timeout=_POLL_S)
            if not await self._is_behind(connection, new):
                return
        await following.task
        raise RebuildError("the new generation is followed no more")

    async def _is_behind(self, connection: Connection, new: Generation) -> bool:
        cursor = await connection.execute(_STUCK, [new.follower])
        if (stuck := await cursor.fetchone()) is not None:
            raise RebuildError(f"the new generation cannot be filled: {stuck[0]}")
        cursor = await connection.execute(_BEHIND, [new.follower, new.projection])
        row = await cursor.fetchone()
        return row is None or bool(row[0])

    async def _compare(self, connection: Connection, *, old: Generation, new: Generation) -> int:
        """Count the rows that differ. Raises GenerationsDiffer unless that is accepted."""
        differing = 0
        examples: list[str] = []
        for table in self._projection.tables:
            count, some = await differences(connection, table, old=old, new=new)
            differing += count
            examples += some
        if differing and not self._accept_changes:
            raise GenerationsDiffer(differing=differing, examples=examples)
        _log.info("compared", old=old.follower, new=new.follower, differing=differing)
        return differing

    async def _switched(
        self, connection: Connection, new: Generation, *, keep_old_for_s: float
    ) -> bool:
        """Let the views point to the new one, unless it fell behind or a reader is in the way.

        A waiting lock on a view holds back every new reader: better give way and try again.
        """
        try:
            async with connection.transaction():
                await connection.execute("SET LOCAL lock_timeout = '250ms'")
                cursor = await connection.execute(
                    "SELECT read.switch_generation(%s, %s, make_interval(secs => %s))",
                    [new.projection, new.number, keep_old_for_s],
                )
                row = await cursor.fetchone()
        except LockNotAvailable:
            return False
        return row is not None and bool(row[0])
