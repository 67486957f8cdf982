"""Append from a thread on a session of its own, without the loop, as long as nothing goes wrong."""

import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Semaphore
from typing import Final

import psycopg
from eventsourcing.persistence import StoredEvent
from psycopg.pq.abc import PGresult
from psycopg.rows import TupleRow

from eventlog.append.session import (
    AppendStatement,
    Entry,
    append_arguments,
    outcomes_of,
    session_settings,
)
from eventlog.bodies import Body
from eventlog.database.connect import conninfo
from eventlog.errors import Conflict

# Where more threads append at one moment, their appends are committed together by the loop.
_SESSIONS: Final = 2


class _Session(psycopg.Connection[TupleRow]):
    """A session that waits for an answer for a limited time."""

    answer_timeout_s: float
    statement: AppendStatement

    def append(self, arguments: Sequence[bytes]) -> PGresult:
        """Append. Raises psycopg's errors, after the time-out OperationalError."""
        return self.wait(self.statement.call(arguments), timeout=self.answer_timeout_s)


@dataclass(frozen=True)
class Unanswered:
    """An append that was not answered: for how long, and whether it may have been sent."""

    waited_s: float = 0.0
    maybe_sent: bool = False


class DirectAppends:
    """Sessions for the threads of a process; opened when they are first needed.

    No error is handled here: the caller hands the append to the group commit, which connects again,
    finds out what was recorded, and repeats the rest. Until it has succeeded (`is_usable`), threads
    do not try by themselves.
    """

    def __init__(self, dsn: str, *, application_name: str, answer_timeout_s: float) -> None:
        self._dsn = dsn
        self._application_name = application_name
        self._answer_timeout_s = answer_timeout_s
        self._free = Semaphore(_SESSIONS)
        self._idle: deque[_Session] = deque()
        self._is_closed = False
        self.is_usable = True

    def append(
        self, events: Sequence[StoredEvent], bodies: Sequence[Body]
    ) -> list[int] | Unanswered:
        """Record all of it or nothing; return the positions. Raises Conflict."""
        if not self.is_usable or self._is_closed or not self._free.acquire(blocking=False):
            return Unanswered()
        try:
            outcome = self._try(Entry(events, bodies))
        finally:
            self._free.release()
        if isinstance(outcome, Conflict):
            raise outcome
        return outcome

    def close(self) -> None:
        """Close the sessions; one that is in use is closed by its thread."""
        self._is_closed = True
        with suppress(IndexError):
            while True:
                self._idle.pop().close()

    def _try(self, entry: Entry) -> list[int] | Conflict | Unanswered:
        session: _Session | None = None
        started_s = time.monotonic()
        try:
            session = self._open()
            outcome = outcomes_of([entry], session.append(append_arguments([entry])))[0]
        except BaseException as error:
            if session is not None:
                session.close()
            if not isinstance(error, psycopg.Error):
                raise
            self.is_usable = False
            return Unanswered(time.monotonic() - started_s, maybe_sent=session is not None)
        self._idle.append(session)
        if self._is_closed:
            self.close()
        return outcome

    def _open(self) -> _Session:
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()

    def _connect(self) -> _Session:
        session = _Session.connect(
            conninfo(
                self._dsn,
                application_name=self._application_name,
                settings=session_settings(self._answer_timeout_s),
            ),
            autocommit=True,
        )
        session.answer_timeout_s = self._answer_timeout_s
        session.statement = AppendStatement(session.pgconn)
        return session
