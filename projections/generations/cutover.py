"""Compare two generations of a projection before the newer one replaces the older."""

import asyncio
import math
from collections.abc import Callable
from typing import Final

import structlog
from psycopg.errors import LockNotAvailable
from psycopg.sql import SQL, Composed, Identifier

from eventlog.database.connect import connect_async
from projections.engine.errors import GenerationsDiffer, RebuildError
from projections.engine.tables import Table
from projections.generations.runner import (
    Connection,
    Generation,
    RunningFollower,
    filled_generations,
    follower_of,
)
from projections.registry import Projection

Report = Callable[[str, float], None]
"""Takes the name of a phase (filling, indexing, following) and the share of it that is done."""

_EXAMPLES: Final = 5

# Only what both have come to is compared: a row that one of them has taken further is left to the
# other's catching up.
_DIFFERING: Final = SQL(
    """
SELECT count(*), (array_agg(concat_ws('/', {key})))[1:{examples}]
FROM {old} AS old FULL JOIN {new} AS new USING ({key})
WHERE CASE
    WHEN old.position IS NULL THEN new.position <= %(position)s
    WHEN new.position IS NULL THEN old.position <= %(position)s
    ELSE old.position <= %(position)s AND new.position <= %(position)s
        AND {differ}
END
"""
)
_VALUES_DIFFER: Final = SQL("({old}) IS DISTINCT FROM ({new})")
# Values with the same bytes are equal. JSON is compared in half of the time by its bytes, others
# are not; what differs in bytes may still be equal, and is compared as before.
_JSON_DIFFERS: Final = SQL(
    "NOT record_image_eq(ROW({old}), ROW({new})) AND ({old}) IS DISTINCT FROM ({new})"
)
# The rows of a table are hashed in memory rather than written to files, if they fit.
_COMPARING: Final = "SET work_mem = '32MB'"
_BOTH_HAVE_COME_TO: Final = (
    "SELECT min(coalesce(follower.position, 0)) FROM unnest(%s::text[]) AS given (name)"
    " LEFT JOIN eventlog.followers AS follower USING (name)"
)


async def differences(
    connection: Connection, table: Table, *, old: Generation, new: Generation
) -> tuple[int, list[str]]:
    """Compare a table of two generations: how many rows differ or are missing, and some of them."""
    async with connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor = await connection.execute(_BOTH_HAVE_COME_TO, [[old.follower, new.follower]])
        row = await cursor.fetchone()
        position = 0 if row is None else row[0]
        cursor = await connection.execute(
            _differing(table, old=old.schema, new=new.schema), {"position": position}
        )
        found = await cursor.fetchone()
    count, examples = (0, None) if found is None else found
    return count, [f"{table.name} {example}" for example in examples or ()]


def _differing(table: Table, *, old: str, new: str) -> Composed:
    values = [column for column in table.columns if column not in table.key]
    return _DIFFERING.format(
        key=SQL(", ").join(map(Identifier, table.key)),
        examples=_EXAMPLES,
        old=table.within(old),
        new=table.within(new),
        differ=(_JSON_DIFFERS if "jsonb" in table.types else _VALUES_DIFFER).format(
            old=SQL(", ").join(Identifier("old", column) for column in values),
            new=SQL(", ").join(Identifier("new", column) for column in values),
        ),
    )


# A filled generation takes the place of the one that answers.

_log = structlog.get_logger("billhook.projections")

_POLL_S: Final = 0.05
_STUCK: Final = "SELECT error FROM eventlog.follower_failures WHERE name = %s"
_POSITIONS: Final = (
    "SELECT follower.position, answering.position"
    " FROM eventlog.followers AS follower, read.positions AS answering"
    " WHERE follower.name = %s AND answering.projection = %s"
)


class Cutover:
    """The last part of a rebuild: catch up, compare, switch."""

    def __init__(
        self,
        dsn: str,
        projection: Projection,
        number: int,
        *,
        accept_changes: bool,
        report: Report = lambda _phase, _share: None,
    ) -> None:
        self._dsn = dsn
        self._projection = projection
        self._number = number
        self._accept_changes = accept_changes
        self._report = report

    async def run(self, *, keep_old_for_s: float) -> int:
        """Do it, following the new generation meanwhile; return how many rows differ."""
        connection = await connect_async(
            self._dsn, application_name="billhook cutover", silence_s=math.inf
        )
        async with connection:
            new, old = await self._generations(connection)
            following = RunningFollower(follower_of(self._dsn, new))
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

    async def _catch_up(
        self, connection: Connection, new: Generation, following: RunningFollower
    ) -> None:
        """Wait until readers would not see less. Raises RebuildError if that will not be."""
        while not following.task.done():
            if not await self._is_behind(connection, new):
                return
            await asyncio.wait([following.task], timeout=_POLL_S)
        await following.task
        raise RebuildError("the new generation has no follower any more")

    async def _is_behind(self, connection: Connection, new: Generation) -> bool:
        cursor = await connection.execute(_STUCK, [new.follower])
        if (stuck := await cursor.fetchone()) is not None:
            raise RebuildError(f"the new generation cannot be filled: {stuck[0]}")
        cursor = await connection.execute(_POSITIONS, [new.follower, new.projection])
        row = await cursor.fetchone()
        if row is None:
            return True
        position, answering = row
        self._report("following", min(position / max(answering, 1), 1.0))
        return bool(position < answering)

    async def _compare(self, connection: Connection, *, old: Generation, new: Generation) -> int:
        """Count the rows that differ. Raises GenerationsDiffer unless that is accepted."""
        tables = iter(self._projection.tables)
        differing = 0
        examples: list[str] = []

        async def compare(session: Connection) -> None:
            nonlocal differing
            await session.execute(_COMPARING)
            for table in tables:  # the next one that no session has taken
                count, some = await differences(session, table, old=old, new=new)
                differing += count
                examples.extend(some)

        second = await connect_async(
            self._dsn, application_name="billhook cutover", silence_s=math.inf
        )
        async with second:
            try:
                async with asyncio.TaskGroup() as comparing:
                    for session in (connection, second):
                        comparing.create_task(compare(session))
            except ExceptionGroup as errors:
                raise errors.exceptions[0] from None
        if differing and not self._accept_changes:
            raise GenerationsDiffer(differing=differing, examples=examples)
        _log.info("compared", old=old.follower, new=new.follower, differing=differing)
        return differing

    async def _switched(
        self, connection: Connection, new: Generation, *, keep_old_for_s: float
    ) -> bool:
        """Point the views to the new generation, unless it fell behind or a reader blocks it.

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
