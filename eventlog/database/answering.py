"""Sessions that are lost where the server no longer answers, though a proxy or its machine does."""

import math
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from psycopg.pq.abc import PGconn
from psycopg.rows import TupleRow

Result = TypeVar("Result")

SILENCE_S: Final = 35.0
"""Longer than any statement of a process may take: 30 s, by the server's or the client's clock."""


class SilentServer(psycopg.OperationalError):
    """A command had no answer; its session is closed."""


class AnsweringConnection(psycopg.Connection[TupleRow]):
    """A session that is lost once a command has had no sign of the server for `silence_s`."""

    silence_s: float = math.inf

    def wait(self, gen: PQGen[Result], *args: Any, **options: Any) -> Result:  # noqa: ANN401 - the driver's own
        """Wait for a command. Raises SilentServer, with the session closed."""
        return super().wait(_answered(gen, self.pgconn, silence_s=self.silence_s), *args, **options)


class AnsweringAsyncConnection(psycopg.AsyncConnection[TupleRow]):
    """A session of a loop that is lost once a command has had no sign of the server so long."""

    silence_s: float = SILENCE_S
    on_silence: Callable[[], Awaitable[None]] | None = None
    """Is called when it is lost so: others of the same pool are silent, too."""

    async def wait(self, gen: PQGen[Result], *args: Any, **options: Any) -> Result:  # noqa: ANN401 - the driver's own
        """Wait for a command. Raises SilentServer, with the session closed."""
        bounded = _answered(gen, self.pgconn, silence_s=self.silence_s)
        try:
            return await super().wait(bounded, *args, **options)
        except SilentServer:
            if self.on_silence is not None:
                await self.on_silence()
            raise


@contextmanager
def lost_after(session: psycopg.AsyncConnection[Any], silence_s: float | None) -> Iterator[None]:
    """Let a session be lost after another silence meanwhile; None leaves it as it is.

    For queries that read little: their callers are not to wait as long as for the longest one.
    """
    if silence_s is None or not isinstance(session, AnsweringAsyncConnection):
        yield
        return
    usual_s, session.silence_s = session.silence_s, silence_s
    try:
        yield
    finally:
        session.silence_s = usual_s


def _answered(gen: PQGen[Result], pgconn: PGconn, *, silence_s: float) -> PQGen[Result]:
    """Pass a command's steps on to the driver, which comes back at intervals while nothing comes.

    The probes of the connection do not see a server whose peer answers for it: a proxy that keeps
    its clients after a failover, or a machine whose PostgreSQL hangs. To cancel the command would
    be to ask that server.
    """
    silent_from_s: float | None = None
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if ready:
                silent_from_s = None
            elif silent_from_s is None:
                silent_from_s = time.monotonic()
            elif time.monotonic() - silent_from_s > silence_s and _is_at_work(pgconn):
                pgconn.finish()
                raise SilentServer("the server does not answer")
            wanted = gen.send(ready)
    except StopIteration as end:
        result: Result = end.value
        return result


def _is_at_work(pgconn: PGconn) -> bool:
    """Return whether a command waits for its answer: a session that listens may be silent."""
    return pgconn.transaction_status == TransactionStatus.ACTIVE
