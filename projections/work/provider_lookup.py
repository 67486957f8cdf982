"""Asks: what the service wants to know of a provider this moment, and a worker finds out.

The service may call no provider. It leaves a row and the job that answers it; the answer wakes it
and the row goes. Nothing of this is a fact: what is lost is asked again by whoever still cares.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, LiteralString
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow, class_row
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from eventlog.database.connect import connect, connect_async, conninfo, pool
from eventlog.follow.leader import LOST_CONNECTION, Connection, retry_lost_connections
from eventlog.follow.listen import Listener
from eventlog.process.supervise import supervise
from projections.engine.errors import ReadModelUnavailable
from projections.work.table import WorkUnavailable

QUEUE: Final = "asks"
ACTOR: Final = "answer_ask"
# A little longer than the caller waits, so that an answer in the last moment finds its row.
_GRACE_S: Final = 1.0
_POLL_S: Final = 1.0
_RETRY_PAUSE_S: Final = 0.05

# One statement, so that there is never a row without its job; those nobody waits for any more go.
# It may be said twice: after a lost connection nobody knows whether it was heard.
_ASK: Final[LiteralString] = """
    WITH swept AS (
        DELETE FROM work.asks WHERE expires_at <= clock_timestamp()
    ), asked AS (
        INSERT INTO work.asks (id, app, kind, args, expires_at) VALUES (
            %(id)s, %(app)s, %(kind)s, %(args)s,
            clock_timestamp() + make_interval(secs => %(life_s)s)
        ) ON CONFLICT DO NOTHING
    ), opened AS (
        INSERT INTO work.jobs (key, app, queue, actor, args)
        VALUES (%(key)s, %(app)s, %(queue)s, %(actor)s, %(job)s) ON CONFLICT DO NOTHING
    )
    SELECT pg_notify('billhook_work', '')
"""
_SWEEP: Final[LiteralString] = "DELETE FROM work.asks WHERE expires_at <= clock_timestamp()"
_READ: Final[LiteralString] = """
    DELETE FROM work.asks WHERE id = ANY(%s) AND answer IS NOT NULL RETURNING id, answer
"""
_TAKE: Final[LiteralString] = """
    SELECT id, app, kind, args FROM work.asks
    WHERE id = %s AND answer IS NULL AND expires_at > clock_timestamp()
"""
_ANSWER: Final[LiteralString] = """
    WITH answered AS (
        UPDATE work.asks SET answer = %s WHERE id = %s AND expires_at > clock_timestamp()
        RETURNING id
    )
    SELECT pg_notify('billhook_answers', '') FROM answered
"""


@dataclass(frozen=True, kw_only=True)
class ProviderLookup:
    """What is to be found out; `args` hold nothing secret."""

    id: UUID
    app: UUID
    kind: str
    args: dict[str, str]


def lookup_context(app_id: UUID) -> str:
    """Name what an app's answers are sealed for."""
    return f"ask:{app_id}"


class ProviderLookupClient:
    """The asking side, one a process; hears of answers on a session opened at the first ask."""

    def __init__(self, dsn: str) -> None:
        """Connect nothing yet; use `open`."""
        self._dsn = dsn
        self._pool = pool(dsn, application_name="billhook asks", min_size=0, max_size=4)
        self._waiting: dict[UUID, asyncio.Future[str]] = {}
        self._stop = asyncio.Event()
        self._listening: asyncio.Future[object] | None = None

    async def open(self) -> None:
        """Start on the running loop."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Hang up; who still waits runs into its time-out."""
        self._stop.set()
        if self._listening is not None:
            await asyncio.gather(self._listening, return_exceptions=True)
        await self._pool.close()

    async def ask(self, ask: ProviderLookup, *, timeout_s: float) -> str:
        """Give the sealed answer. Raises TimeoutError, ReadModelUnavailable."""
        answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting[ask.id] = answered
        self._listen_once()
        try:
            async with asyncio.timeout(timeout_s):
                await self._leave(ask, timeout_s=timeout_s)
                return await answered
        finally:
            del self._waiting[ask.id]

    async def _leave(self, ask: ProviderLookup, *, timeout_s: float) -> None:
        values = {
            "id": ask.id,
            "app": ask.app,
            "kind": ask.kind,
            "args": Jsonb(ask.args),
            "life_s": timeout_s + _GRACE_S,
            "key": f"ask:{ask.id}",
            "queue": QUEUE,
            "actor": ACTOR,
            "job": Jsonb({"ask_id": str(ask.id)}),
        }
        while True:
            try:
                async with self._pool.connection(timeout=timeout_s) as connection:
                    await connection.execute(_ASK, values)
                    return
            except (PoolTimeout, PoolClosed) as error:
                raise ReadModelUnavailable(type(error).__name__) from None
            except LOST_CONNECTION:
                await asyncio.sleep(_RETRY_PAUSE_S)  # until the asker's time is over

    def _listen_once(self) -> None:
        if self._listening is None or self._listening.done():
            self._listening = supervise(
                retry_lost_connections(self._listen, name="answers", stop=self._stop),
                name="provider lookups",
                is_expected=self._stop.is_set,
            )

    async def _listen(self) -> None:
        connection = await connect_async(self._dsn, application_name="billhook answers")
        listener = Listener(connection)
        stopping = asyncio.ensure_future(self._stop.wait())
        stopping.add_done_callback(lambda _: listener.wake())
        try:
            await connection.execute("LISTEN billhook_answers")
            while not self._stop.is_set():
                await self._read(connection)
                await listener.wait(timeout_s=_POLL_S)
        finally:
            stopping.cancel()
            await connection.close()

    async def _read(self, connection: Connection) -> None:
        """Take the answers of those who wait here; others' are left to them."""
        if not self._waiting:
            return
        cursor = await connection.execute(_READ, [list(self._waiting)])
        for ask_id, answer in await cursor.fetchall():
            waiting = self._waiting.get(ask_id)
            if waiting is not None and not waiting.done():
                waiting.set_result(answer)


class ProviderLookupQueue:
    """The answering side; every call is its own transaction. Each may raise WorkUnavailable."""

    def __init__(self, dsn: str, *, max_size: int = 2) -> None:
        """Connect nothing yet; use `open`."""
        self._pool = ConnectionPool(
            conninfo(dsn, application_name="billhook ask desk"),
            kwargs={"autocommit": True},
            check=ConnectionPool.check_connection,
            min_size=0,
            max_size=max_size,
            open=False,
        )

    def open(self) -> None:
        """Let sessions be opened when they are needed."""
        self._pool.open()

    def close(self) -> None:
        """Close the sessions."""
        self._pool.close()

    def take(self, ask_id: UUID) -> ProviderLookup | None:
        """Read what is asked; None where it is answered, or nobody waits any more."""
        with self._session() as connection:
            cursor = connection.cursor(row_factory=class_row(ProviderLookup))
            cursor.execute(_TAKE, [ask_id])
            return cursor.fetchone()

    def answer(self, ask_id: UUID, *, sealed: str) -> None:
        """Leave the answer and wake who waits; where nobody does, nothing is left."""
        with self._session() as connection:
            connection.execute(_ANSWER, [sealed, ask_id])

    @contextmanager
    def _session(self) -> Iterator[psycopg.Connection[TupleRow]]:
        try:
            with self._pool.connection() as connection:
                yield connection
        except (psycopg.Error, PoolTimeout) as error:
            raise WorkUnavailable(type(error).__name__) from error


def delete_expired_lookups(dsn: str) -> int:
    """Delete what nobody waits for any more; returns how many there were."""
    with connect(dsn, application_name="billhook asks") as connection:
        return connection.execute(_SWEEP).rowcount
