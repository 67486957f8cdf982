"""Checkpoints: how far a source outside of the log has been read, for a reader to resume there.

A checkpoint is saved after the events that were read up to it are recorded. What is read twice
after a crash therefore changes nothing.
"""

from __future__ import annotations

from typing import Any, Final, LiteralString

from psycopg.types.json import Jsonb

from projections.work.sessions import SessionPool

_FIND: Final[LiteralString] = "SELECT checkpoint FROM work.checkpoints WHERE name = %s"
_SAVE: Final[LiteralString] = """
    INSERT INTO work.checkpoints (name, checkpoint) VALUES (%s, %s)
    ON CONFLICT (name) DO UPDATE
        SET checkpoint = excluded.checkpoint, updated_at = clock_timestamp()
"""


class Checkpoints:
    """Finds and saves checkpoints; each call is a transaction and may raise WorkUnavailable."""

    def __init__(self, dsn: str) -> None:
        """Use `open` before the first call."""
        self._sessions = SessionPool(dsn, application_name="billhook checkpoints")

    def open(self) -> None:
        """Allow sessions to be opened on demand."""
        self._sessions.open()

    def close(self) -> None:
        """Close the sessions."""
        self._sessions.close()

    def find(self, name: str) -> dict[str, Any] | None:
        """Return the checkpoint of a name; None without one."""
        with self._sessions.session() as connection:
            row = connection.execute(_FIND, [name]).fetchone()
        return None if row is None else row[0]

    def save(self, name: str, checkpoint: dict[str, Any]) -> None:
        """Replace the checkpoint of a name."""
        self._sessions.execute(_SAVE, [name, Jsonb(checkpoint)])
