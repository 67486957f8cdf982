"""Provider lookups: live values of a provider that the service needs and a worker fetches.

The service may not call a provider. It inserts a row and a job; the worker's answer notifies the
service, which deletes the row. Lookups are not events: a lost one is requested again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final, LiteralString
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb
from psycopg_pool import PoolClosed, PoolTimeout

from eventlog.database.connect import connect, connect_async, pool
from eventlog.follow.leader import LOST_CONNECTION, Connection, retry_lost_connections
from eventlog.follow.listen import Listener
from eventlog.process.supervise import supervise
from projections.engine.errors import ReadModelUnavailable
from projections.work.sessions import SessionPool

QUEUE: Final = "provider_lookups"
ACTOR: Final = "answer_provider_lookup"
# Rows outlive the caller's time-out by this, so that a late answer finds its row.
_GRACE_S: Final = 1.0
_POLL_S: Final = 1.0
_RETRY_PAUSE_S: Final = 0.05

# One statement, so that no row is without its job; expired rows are deleted along the way.
# It may be executed twice: after a lost connection it is unknown whether it was committed.
_REQUEST: Final[LiteralString] = """
    WITH swept AS (
        DELETE FROM work.provider_lookups WHERE expires_at <= clock_timestamp()
    ), requested AS (
        INSERT INTO work.provider_lookups (id, app, kind, args, expires_at) VALUES (
            %(id)s, %(app)s, %(kind)s, %(args)s,
            clock_timestamp() + make_interval(secs => %(life_s)s)
        ) ON CONFLICT DO NOTHING
    ), opened AS (
        INSERT INTO work.jobs (key, app, queue, actor, args, connection)
        VALUES (%(key)s, %(app)s, %(queue)s, %(actor)s, %(job)s, %(connection)s)
        ON CONFLICT DO NOTHING
    )
    SELECT pg_notify('billhook_work', '')
"""
_DELETE_EXPIRED: Final[LiteralString] = (
    "DELETE FROM work.provider_lookups WHERE expires_at <= clock_timestamp()"
)
_READ: Final[LiteralString] = """
    DELETE FROM work.provider_lookups WHERE id = ANY(%s) AND answer IS NOT NULL RETURNING id, answer
"""
_TAKE: Final[LiteralString] = """
    SELECT id, app, kind, args FROM work.provider_lookups
    WHERE id = %s AND answer IS NULL AND expires_at > clock_timestamp()
"""
_ANSWER: Final[LiteralString] = """
    WITH answered AS (
        UPDATE work.provider_lookups SET answer = %s
        WHERE id = %s AND expires_at > clock_timestamp()
        RETURNING id
    )
    SELECT pg_notify('billhook_provider_lookups', '') FROM answered
"""


@dataclass(frozen=True, kw_only=True)
class ProviderLookup:
    """A value to fetch from a provider; `args` hold nothing secret."""

    id: UUID
    app: UUID
    kind: str
    args: dict[str, str]


def lookup_context(app_id: UUID) -> str:
    """Return the vault context under which an app's answers are sealed."""
    return f"provider_lookup:{app_id}"


class ProviderLookupClient:
    """Requests lookups, one client a process; listens on a session opened at the first lookup."""

    def __init__(self, dsn: str) -> None:
        """Connect nothing yet; use `open`."""
        self._dsn = dsn
        self._pool = pool(dsn, application_name="billhook provider lookups", min_size=0, max_size=4)
        self._waiting: dict[UUID, asyncio.Future[str]] = {}
        self._stop = asyncio.Event()
        self._listening: asyncio.Future[object] | None = None

    async def open(self) -> None:
        """Start on the running loop."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Close the sessions; pending lookups run into their time-outs."""
        self._stop.set()
        if self._listening is not None:
            await asyncio.gather(self._listening, return_exceptions=True)
        await self._pool.close()

    async def request(self, lookup: ProviderLookup, *, timeout_s: float) -> str:
        """Return the sealed answer. Raises TimeoutError, ReadModelUnavailable."""
        answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting[lookup.id] = answered
        self._listen_once()
        try:
            async with asyncio.timeout(timeout_s):
                await self._insert(lookup, timeout_s=timeout_s)
                return await answered
        finally:
            del self._waiting[lookup.id]

    async def _insert(self, lookup: ProviderLookup, *, timeout_s: float) -> None:
        values = {
            "id": lookup.id,
            "app": lookup.app,
            "kind": lookup.kind,
            "args": Jsonb(lookup.args),
            "life_s": timeout_s + _GRACE_S,
            "key": f"provider_lookup:{lookup.id}",
            "queue": QUEUE,
            "actor": ACTOR,
            "job": Jsonb({"lookup_id": str(lookup.id)}),
            "connection": lookup.args.get("connection"),
        }
        while True:
            try:
                async with self._pool.connection(timeout=timeout_s) as connection:
                    await connection.execute(_REQUEST, values)
                    return
            except (PoolTimeout, PoolClosed) as error:
                raise ReadModelUnavailable(type(error).__name__) from None
            except LOST_CONNECTION:
                await asyncio.sleep(_RETRY_PAUSE_S)  # until the caller's time-out

    def _listen_once(self) -> None:
        if self._listening is None or self._listening.done():
            self._listening = supervise(
                retry_lost_connections(self._listen, name="answers", stop=self._stop),
                name="provider lookups",
                is_expected=self._stop.is_set,
            )

    async def _listen(self) -> None:
        connection = await connect_async(
            self._dsn, application_name="billhook provider lookup listener"
        )
        listener = Listener(connection)
        stopping = asyncio.ensure_future(self._stop.wait())
        stopping.add_done_callback(lambda _: listener.wake())
        try:
            await connection.execute("LISTEN billhook_provider_lookups")
            while not self._stop.is_set():
                await self._read(connection)
                await listener.wait(timeout_s=_POLL_S)
        finally:
            stopping.cancel()
            await connection.close()

    async def _read(self, connection: Connection) -> None:
        """Read and delete the answers to this process's lookups; others' rows are left to them."""
        if not self._waiting:
            return
        cursor = await connection.execute(_READ, [list(self._waiting)])
        for lookup_id, answer in await cursor.fetchall():
            waiting = self._waiting.get(lookup_id)
            if waiting is not None and not waiting.done():
                waiting.set_result(answer)


class ProviderLookupQueue:
    """Reads and answers lookups; each call is a transaction and may raise WorkUnavailable."""

    def __init__(self, dsn: str, *, max_size: int = 2) -> None:
        """Use `open` before the first call."""
        self._sessions = SessionPool(
            dsn, application_name="billhook provider lookup queue", max_size=max_size
        )

    def open(self) -> None:
        """Allow sessions to be opened on demand."""
        self._sessions.open()

    def close(self) -> None:
        """Close the sessions."""
        self._sessions.close()

    def take(self, lookup_id: UUID) -> ProviderLookup | None:
        """Read a lookup; None when it is answered or expired."""
        with self._sessions.session() as connection:
            cursor = connection.cursor(row_factory=class_row(ProviderLookup))
            cursor.execute(_TAKE, [lookup_id])
            return cursor.fetchone()

    def answer(self, lookup_id: UUID, *, sealed: str) -> None:
        """Store the answer and notify the waiting process; an expired lookup stays unanswered."""
        self._sessions.execute(_ANSWER, [sealed, lookup_id])


def delete_expired_lookups(dsn: str) -> int:
    """Delete expired lookups; return their number."""
    with connect(dsn, application_name="billhook provider lookups") as connection:
        return connection.execute(_DELETE_EXPIRED).rowcount
