"""Wake dispatchers when rows of the work table were opened or threads became free."""

from __future__ import annotations

import threading
from typing import Final, Protocol

import psycopg
from psycopg.rows import TupleRow

from eventlog.database.answering import SILENCE_S
from eventlog.database.connect import connect
from projections.work.sessions import WorkUnavailable
from projections.work.table import CHANNEL

_LONGEST_WAIT_S: Final = 1.0


class Notifier(Protocol):
    """Wakes a dispatcher when rows were opened or threads became free."""

    def wait(self, timeout_s: float) -> None:
        """Return when a row was opened or a thread became free, or after the time-out."""

    def wake(self) -> None:
        """End the wait within a second."""

    def close(self) -> None:
        """Free what it holds."""


class FedNotifier:
    """The notifier of a process that has a feed: `notify` is called for each notification."""

    def __init__(self) -> None:
        self._notified = threading.Event()

    def notify(self) -> None:
        """End the wait that is on, or the next one."""
        self._notified.set()

    def wait(self, timeout_s: float) -> None:
        """Return when notified, or after the time-out."""
        self._notified.wait(timeout_s)
        self._notified.clear()  # what it was notified of is looked for after this

    def wake(self) -> None:
        """End the wait that is on, or the next one."""
        self.notify()

    def close(self) -> None:
        """Hold nothing."""


class WorkNotifier:
    """The notifier with a session of its own, whose waits end within a second."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: psycopg.Connection[TupleRow] | None = None

    def wait(self, timeout_s: float) -> None:
        """Return when a row was opened or a thread became free, or after the time-out."""
        try:
            if self._connection is None or self._connection.closed:
                self._connection = connect(
                    self._dsn, application_name="billhook work listener", silence_s=SILENCE_S
                )
                self._connection.execute(f"LISTEN {CHANNEL}")
                return
            longest_s = min(timeout_s, _LONGEST_WAIT_S)
            for _ in self._connection.notifies(timeout=longest_s, stop_after=1):
                pass
        except psycopg.Error as error:
            raise WorkUnavailable(type(error).__name__) from error

    def wake(self) -> None:
        """Do nothing: the driver's wait cannot be ended."""

    def close(self) -> None:
        """Close the session."""
        if self._connection is not None:
            self._connection.close()
