"""Pooled sessions for jobs, which block their thread."""

from __future__ import annotations

import select
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, LiteralString

import psycopg
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool, PoolTimeout

from eventlog.database.answering import SILENCE_S, AnsweringConnection
from eventlog.database.connect import conninfo

# Planning the dispatcher's query takes longer than running it, and its plan fits all values.
_SETTINGS: Final = {"plan_cache_mode": "force_generic_plan"}


class WorkUnavailable(Exception):
    """The database did not answer; nothing was changed, or the call may be repeated."""


class _Session(AnsweringConnection):
    """A session of a pool."""

    silence_s = SILENCE_S


class SessionPool:
    """Autocommit sessions for any number of threads; opening does not connect."""

    def __init__(
        self, dsn: str, *, application_name: str, min_size: int = 0, max_size: int = 2
    ) -> None:
        """Use `open` before the first session."""
        self._pool = ConnectionPool(
            conninfo(dsn, application_name=application_name, settings=_SETTINGS),
            connection_class=_Session,
            kwargs={"autocommit": True},
            # A session that died with a restart of the database would cost a job its resend pause.
            check=_check,
            min_size=min_size,
            max_size=max_size,
            open=False,
        )

    def open(self) -> None:
        """Allow sessions to be opened on demand."""
        self._pool.open()

    def close(self) -> None:
        """Close the sessions."""
        self._pool.close()

    @contextmanager
    def session(self) -> Iterator[psycopg.Connection[TupleRow]]:
        """Lend a session. Raises WorkUnavailable."""
        try:
            with self._pool.connection() as connection:
                yield connection
        except (psycopg.Error, PoolTimeout) as error:
            raise WorkUnavailable(type(error).__name__) from error

    def execute(self, query: LiteralString, parameters: Sequence[Any]) -> None:
        """Execute one statement in a transaction of its own. Raises WorkUnavailable."""
        with self.session() as connection:
            connection.execute(query, parameters)


def _check(connection: psycopg.Connection[TupleRow]) -> None:
    """Raise where the session is lost; without a query as long as the server sent nothing.

    What a server sends to an idle session is its end, which is in the socket's buffer by then.
    """
    readable = select.poll()
    readable.register(connection.fileno(), select.POLLIN)
    if readable.poll(0):
        ConnectionPool.check_connection(connection)
