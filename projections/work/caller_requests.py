"""Whether a job that a caller's request opened is running, for work that gives way to it."""

from __future__ import annotations

from typing import Final, LiteralString

from projections.work.sessions import SessionPool

_QUEUES: Final = ["requests", "provider_lookups"]
_RUNNING: Final[LiteralString] = """
    SELECT EXISTS (
        SELECT FROM work.live_running JOIN work.jobs ON jobs.id = live_running.job
        WHERE jobs.queue = ANY(%s)
    )
"""


class CallerRequests:
    """Looks for running requests and lookups of callers; may raise WorkUnavailable."""

    def __init__(self, dsn: str) -> None:
        """Use `open` before the first call."""
        self._sessions = SessionPool(dsn, application_name="billhook caller requests", max_size=1)

    def open(self) -> None:
        """Allow a session to be opened on demand."""
        self._sessions.open()

    def close(self) -> None:
        """Close the session."""
        self._sessions.close()

    def are_running(self) -> bool:
        """Return whether a worker runs a request or a lookup of any app."""
        with self._sessions.session() as connection:
            row = connection.execute(_RUNNING, [_QUEUES]).fetchone()
        return row is not None and bool(row[0])
