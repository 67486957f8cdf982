"""Check a database for an operator; each check returns a message, or None."""

import re
import secrets
import time

import psycopg
from psycopg.rows import TupleRow

from eventlog.database.connect import connect

OLDEST_MAJOR_VERSION = 15  # UNIQUE NULLS NOT DISTINCT came with it
_APPLICATION = "billhook doctor"
_NOTIFY_TIMEOUT_S = 2.0
_WITH_PASSWORD = re.compile(r"(://[^:/@\s]*:)[^@\s]*@")


def connection_problem(dsn: str) -> str | None:
    """Return why the database can't be reached, without its password; None if it can."""
    try:
        with connect(dsn, application_name=_APPLICATION):
            return None
    except psycopg.Error as error:
        reason = _WITH_PASSWORD.sub(r"\1…@", " ".join(str(error).split()))
        if "unsupported startup parameter" in reason:
            return f"a pooler stands before the database; connect past it ({reason})"
        return f"the database can't be reached: {reason}"


def version_problem(dsn: str) -> str | None:
    """Return a message if the server is too old for our SQL."""
    with connect(dsn, application_name=_APPLICATION) as connection:
        major = connection.info.server_version // 10_000
    if major < OLDEST_MAJOR_VERSION:
        return f"PostgreSQL {major} is too old; {OLDEST_MAJOR_VERSION} or newer is needed"
    return None


def session_problem(dsn: str) -> str | None:
    """Return a message if two connections share a session, as behind a transaction pooler.

    There NOTIFY reaches nobody and a lock is held by whoever comes next, so that two processes
    both believe that they lead.
    """
    lock = secrets.randbits(62)
    channel = f"billhook_doctor_{secrets.token_hex(4)}"
    with (
        connect(dsn, application_name=_APPLICATION) as first,
        connect(dsn, application_name=_APPLICATION) as second,
    ):
        first.execute(f"LISTEN {channel}".encode())
        pids = [_one(session, "SELECT pg_backend_pid()") for session in (first, second, first)]
        _one(first, "SELECT pg_advisory_lock(%s)", lock)
        taken_twice = _one(second, "SELECT pg_try_advisory_lock(%s)", lock)
        second.execute(f"NOTIFY {channel}".encode())
        notified = [*first.notifies(timeout=_NOTIFY_TIMEOUT_S, stop_after=1)]
    if pids[0] != pids[2] or pids[0] == pids[1] or taken_twice or not notified:
        return "a transaction pooler stands before the database (sessions are not kept apart)"
    return None


def clock_skew_s(dsn: str) -> float:
    """Return how far the database's clock is ahead of ours, less half of the round trip."""
    with connect(dsn, application_name=_APPLICATION) as connection:
        sent_at = time.time()
        theirs = _one(connection, "SELECT extract(epoch FROM clock_timestamp())::float8")
        answered_at = time.time()
    return float(str(theirs)) - (sent_at + answered_at) / 2


def _one(connection: psycopg.Connection[TupleRow], query: str, *values: object) -> object:
    ((value,),) = connection.execute(query.encode(), values)
    return value
