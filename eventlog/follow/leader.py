"""Elect one leader among processes by a session lock in the database."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import psycopg
from psycopg.rows import TupleRow
from psycopg.sql import SQL

from eventlog.database.answering import SILENCE_S
from eventlog.database.connect import connect_async

_log = logging.getLogger(__name__)

HEARTBEAT_S = 1.0
# A timer may fire early, in relation to the one before it.
_NEARLY: Final = 0.9
_STANDBY_POLL_S = 0.5
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 1.0

# A leader speaks every second. One that is silent for longer is stopped or gone, though its
# machine may still answer for it: the server ends its session, and with it its lock.
_SILENCE: Mapping[str, str] = {"idle_session_timeout": "3500ms"}

# The advisory locks of this database that anybody holds, leaders' among them.
LEADER_LOCKS: Final = SQL(
    """
SELECT (classid::bigint << 32) | objid::bigint AS key FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 1 AND granted AND mode = 'ExclusiveLock'
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
)

Connection = psycopg.AsyncConnection[TupleRow]
LOST_CONNECTION = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.ReadOnlySqlTransaction,  # a primary that became a standby
)


@dataclass(eq=False)
class LeaderSession:
    """A session whose locks are freed within seconds when its process stops or vanishes.

    Leaders that share it hold `turn` for each statement or transaction.
    """

    connection: Connection
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    members: int = 0
    used_at_s: float = 0.0
    """Time of the last query that kept the session alive."""

    def raise_if_lost(self) -> None:
        """Raise OperationalError where another leader found that the session is lost."""
        if self.connection.closed:
            raise psycopg.OperationalError("the shared session is lost")

    def use(self, *, now_s: float) -> None:
        """Note a query that keeps the session alive, by the loop's clock."""
        self.used_at_s = now_s

    def is_silent(self, *, now_s: float) -> bool:
        """Return whether nobody queried for about a second: somebody must."""
        return now_s - self.used_at_s >= _NEARLY * HEARTBEAT_S

    async def keep_alive(self) -> None:
        """Query nothing if nobody queried, so that the server does not end the session."""
        self.raise_if_lost()
        now_s = asyncio.get_running_loop().time()
        if self.is_silent(now_s=now_s):
            self.use(now_s=now_s)
            async with self.turn:
                await self.connection.execute("SELECT 1")


class LeaderSessions:
    """Lends one session to all leaders that use it at a time; a lost one is replaced.

    It is opened for the first of them and closed after the last one. Who leaves it as lost gets
    another one next, even if those who only read still use it: it may be read-only for ever.
    """

    def __init__(
        self,
        dsn: str,
        *,
        application_name: str,
        settings: Mapping[str, str] | None = None,
        silence_s: float = SILENCE_S,
    ) -> None:
        """Store how to connect; `settings` are further server settings of the session.

        The session is lost after `silence_s` without an answer to a statement.
        """
        self._silence_s = silence_s
        self._dsn = dsn
        self._application_name = application_name
        self._settings = {**_SILENCE, **(settings or {})}
        self._opening = asyncio.Lock()
        self._current: LeaderSession | None = None

    @asynccontextmanager
    async def join(self) -> AsyncIterator[LeaderSession]:
        """Lend the session, which is opened first if there is none. Raises a lost connection."""
        session = await self._open()
        try:
            yield session
        except LOST_CONNECTION:
            self._replace(session)
            raise
        finally:
            session.members -= 1
            if not session.members:
                self._replace(session)
                await session.connection.close()

    def _replace(self, session: LeaderSession) -> None:
        if self._current is session:
            self._current = None

    async def _open(self) -> LeaderSession:
        async with self._opening:
            if self._current is None or self._current.connection.closed:
                connection = await connect_async(
                    self._dsn,
                    application_name=self._application_name,
                    settings=self._settings,
                    silence_s=self._silence_s,
                )
                self._current = LeaderSession(connection)
            self._current.members += 1
            return self._current


async def become_leader(session: LeaderSession, name: str, *, stop: asyncio.Event) -> bool:
    """Stand by until the lock is ours, or `stop` is set (False).

    Polls, because a blocked statement would hold back the server's vacuum all the while.
    """
    while not stop.is_set():
        async with session.turn:
            cursor = await session.connection.execute(
                "SELECT pg_try_advisory_lock(%s)", [leader_key(name)]
            )
            row = await cursor.fetchone()
        if row is not None and row[0]:
            return True
        await pause(_STANDBY_POLL_S, stop=stop)
    return False


async def resign(session: LeaderSession, name: str) -> None:
    """Free the lock, if the session still lives."""
    if not session.connection.closed:
        async with session.turn:
            await session.connection.execute("SELECT pg_advisory_unlock(%s)", [leader_key(name)])


async def pause(seconds: float, *, stop: asyncio.Event) -> None:
    """Wait that long, or until `stop` is set."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


def until_beat_s(now_s: float) -> float:
    """Return the seconds until the next heartbeat, at a whole second of the loop's clock or so.

    Timers that end together wake a process once.
    """
    left_s = HEARTBEAT_S - now_s % HEARTBEAT_S
    return left_s if left_s > (1 - _NEARLY) * HEARTBEAT_S else left_s + HEARTBEAT_S


async def retry_lost_connections(
    work: Callable[[], Awaitable[None]], *, name: str, stop: asyncio.Event
) -> None:
    """Repeat `work` until `stop`, with a growing pause after each lost connection."""
    pause_s = _FIRST_PAUSE_S
    while not stop.is_set():
        started_s = asyncio.get_running_loop().time()
        try:
            await work()
        except LOST_CONNECTION as error:
            if asyncio.get_running_loop().time() - started_s > _LONGEST_PAUSE_S:
                pause_s = _FIRST_PAUSE_S
            _log.warning("%s lost its connection: %s", name, type(error).__name__)
            await pause(pause_s, stop=stop)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)


def leader_key(name: str) -> int:
    """Return the key of the advisory lock that the leader of this name holds."""
    digest = hashlib.sha256(f"billhook leader {name}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


class Leadership:
    """Runs work that one process at a time should do, such as a scheduler.

    Two may overlap for a moment when a leader is cut off: the work must bear that. Work that
    blocks the loop for more than three seconds looks like a dead leader, and is replaced.
    """

    def __init__(self, dsn: str, name: str, *, sessions: LeaderSessions | None = None) -> None:
        """Lead on a session of its own, or on that of `sessions`."""
        self._sessions = sessions or LeaderSessions(dsn, application_name=f"billhook {name}")
        self._name = name
        self._leading = False

    @property
    def is_leading(self) -> bool:
        """Return whether the lock is ours."""
        return self._leading

    async def run(self, work: Callable[[], Awaitable[None]], *, stop: asyncio.Event) -> None:
        """Run `work` while this process leads, until `stop`; cancel it when leadership is lost.

        An exception of `work` ends this. If `work` returns, it is started again.
        """
        await retry_lost_connections(lambda: self._serve(work, stop), name=self._name, stop=stop)

    async def _serve(self, work: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
        async with self._sessions.join() as session:
            if not await become_leader(session, self._name, stop=stop):
                return
            self._leading = True
            working = asyncio.ensure_future(work())
            try:
                while not stop.is_set() and not working.done():
                    await session.keep_alive()
                    await asyncio.wait(
                        [working, stopping := asyncio.ensure_future(stop.wait())],
                        timeout=until_beat_s(asyncio.get_running_loop().time()),
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                    stopping.cancel()
                if working.done():
                    working.result()
            finally:
                self._leading = False
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)
                await resign(session, self._name)
