"""How far something outside of the log has been read, so that a killed reader goes on from there.

A place is kept after what was read up to it is recorded: what comes twice by that changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, LiteralString

import psycopg
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool, PoolTimeout

from eventlog.database.connect import conninfo
from projections.work.table import WorkUnavailable

_KEEP: Final[LiteralString] = """
    INSERT INTO work.places (name, place) VALUES (%s, %s)
    ON CONFLICT (name) DO UPDATE SET place = excluded.place, updated_at = clock_timestamp()
"""


class Checkpoints:
    """Every call is its own transaction and may raise WorkUnavailable."""

    def __init__(self, dsn: str) -> None:
        """Connect nothing yet; use `open`."""
        self._pool = ConnectionPool(
            conninfo(dsn, application_name="billhook places"),
            kwargs={"autocommit": True},
            check=ConnectionPool.check_connection,
            min_size=0,
            max_size=2,
            open=False,
        )

    def open(self) -> None:
        """Let sessions be opened when they are needed."""
        self._pool.open()

    def close(self) -> None:
        """Close the sessions."""
        self._pool.close()

    def find(self, name: str) -> dict[str, Any] | None:
        """Give the place that was kept under a name; None while there is none."""
        with self._session() as connection:
            row = connection.execute(
                "SELECT place FROM work.places WHERE name = %s", [name]
            ).fetchone()
        return None if row is None else row[0]

    def keep(self, name: str, place: dict[str, Any]) -> None:
        """Put a place in the stead of the one before."""
        with self._session() as connection:
            connection.execute(_KEEP, [name, Jsonb(place)])

    @contextmanager
    def _session(self) -> Iterator[psycopg.Connection[TupleRow]]:
        try:
            with self._pool.connection() as connection:
                yield connection
        except (psycopg.Error, PoolTimeout) as error:
            raise WorkUnavailable(type(error).__name__) from error
