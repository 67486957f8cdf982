"""Connect to PostgreSQL."""

import math
from collections.abc import Mapping

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from eventlog.database.answering import SILENCE_S, AnsweringAsyncConnection, AnsweringConnection

# A machine that vanishes says no goodbye. Both ends probe: the client to notice a dead server,
# the server to free a dead client's locks. 2 s of silence, two probes 1 s apart.
_CLIENT_PROBES = {
    "connect_timeout": "3",
    "keepalives": "1",
    "keepalives_idle": "2",
    "keepalives_interval": "1",
    "keepalives_count": "2",
    "tcp_user_timeout": "4000",
}
_SERVER_SETTINGS = {
    "timezone": "UTC",
    "tcp_keepalives_idle": "2s",
    "tcp_keepalives_interval": "1s",
    "tcp_keepalives_count": "2",
    "tcp_user_timeout": "4s",
    "client_connection_check_interval": "2s",
    "default_transaction_isolation": "read committed",
}
POOL_SETTINGS: Mapping[str, str] = {
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "30s",
}


def conninfo(dsn: str, *, application_name: str, settings: Mapping[str, str] = {}) -> str:
    """Add our probes and server settings to the DSN, keeping the options it brings itself."""
    given = conninfo_to_dict(dsn)
    ours = {**_SERVER_SETTINGS, **settings}
    options = [f"-c {name}={_escaped(value)}" for name, value in ours.items()]
    if given.get("options"):
        options.append(str(given["options"]))
    probes = {name: value for name, value in _CLIENT_PROBES.items() if name not in given}
    return make_conninfo(
        dsn, **probes, application_name=application_name, options=" ".join(options)
    )


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace(" ", r"\ ")


def connect(
    dsn: str,
    *,
    application_name: str,
    autocommit: bool = True,
    settings: Mapping[str, str] = {},
    silence_s: float = math.inf,
) -> psycopg.Connection[TupleRow]:
    """Open a session; `settings` are server settings for it.

    An operator's commands may take as long as they need. Other sessions are lost after `silence_s`
    without an answer to a statement.
    """
    connection = AnsweringConnection.connect(
        conninfo(dsn, application_name=application_name, settings=settings), autocommit=autocommit
    )
    connection.silence_s = silence_s
    return connection


async def connect_async(
    dsn: str,
    *,
    application_name: str,
    autocommit: bool = True,
    settings: Mapping[str, str] = {},
    silence_s: float = SILENCE_S,
) -> psycopg.AsyncConnection[TupleRow]:
    """Open a session on the running loop; `settings` are server settings for it.

    It is lost after `silence_s` without an answer to a statement.
    """
    connection = await AnsweringAsyncConnection.connect(
        conninfo(dsn, application_name=application_name, settings=settings), autocommit=autocommit
    )
    connection.silence_s = silence_s
    return connection


def pool(
    dsn: str,
    *,
    application_name: str,
    min_size: int = 1,
    max_size: int = 4,
    settings: Mapping[str, str] = POOL_SETTINGS,
) -> AsyncConnectionPool[psycopg.AsyncConnection[TupleRow]]:
    """Make a pool of autocommit sessions, closed yet: `await pool.open()` on the loop it serves.

    With a session that is lost because the server does not answer, it replaces all its others.
    """

    async def configure(session: psycopg.AsyncConnection[TupleRow]) -> None:
        if isinstance(session, AnsweringAsyncConnection):
            session.on_silence = made.drain

    made: AsyncConnectionPool[psycopg.AsyncConnection[TupleRow]] = AsyncConnectionPool(
        conninfo(dsn, application_name=application_name, settings=settings),
        connection_class=AnsweringAsyncConnection,
        configure=configure,
        kwargs={"autocommit": True},
        min_size=min_size,
        max_size=max_size,
        name=application_name,
        # Give up early; whoever asks next starts anew. The library's back-off would otherwise
        # let minutes pass after a long outage.
        reconnect_timeout=2,
        open=False,
    )
    return made
