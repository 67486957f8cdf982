"""Numbered, forward-only SQL, applied once."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable

import psycopg
from psycopg.rows import TupleRow
from psycopg.sql import SQL

from eventlog.database.connect import connect
from eventlog.errors import LogUnavailable, MigrationChanged, MigrationError, ObsoleteDatabase

_FILE = re.compile(r"(?P<number>\d{4})_(?P<title>[a-z0-9_]+)\.sql")
_SESSION_LOCK = 0x6D696772617465  # "migrate"
_LOCK_TIMEOUT_ATTEMPTS = 5
_BASELINE = 1

_BOOTSTRAP = """
CREATE SCHEMA IF NOT EXISTS eventlog;
CREATE TABLE IF NOT EXISTS eventlog.migrations (
    component  text        NOT NULL,
    number     int         NOT NULL,
    title      text        NOT NULL,
    sha256     bytea       NOT NULL,
    applied_at timestamptz NOT NULL,
    PRIMARY KEY (component, number)
)
"""


@dataclass(frozen=True)
class Migrations:
    """A component's folder of `NNNN_title.sql` files."""

    component: str
    folder: Traversable


@dataclass(frozen=True)
class Migration:
    """A migration file: its number, title and SQL."""

    component: str
    number: int
    title: str
    sql: str

    @property
    def sha256(self) -> bytes:
        """Name the text."""
        return hashlib.sha256(self.sql.encode()).digest()

    def __str__(self) -> str:
        return f"{self.component}/{self.number:04d}_{self.title}"


def migrate(dsn: str, *folders: Migrations) -> list[str]:
    """Bring the database up to date; return the names of what was applied now.

    Any number of processes may call this at once: one applies, the others wait for it and find
    nothing to do. Raises MigrationChanged, ObsoleteDatabase, MigrationError, LogUnavailable.
    """
    known = _read(folders)
    with _session(dsn) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [_SESSION_LOCK])
        connection.execute(_BOOTSTRAP)
        missing = _missing(connection, known)
        for migration in missing:
            _apply(connection, migration)
    return [str(migration) for migration in missing]


def pending(dsn: str, *folders: Migrations) -> list[str]:
    """Name the migrations that this code has and the database has not.

    Raises MigrationChanged, ObsoleteDatabase, LogUnavailable.
    """
    known = _read(folders)
    with _session(dsn) as connection:
        found = connection.execute("SELECT to_regclass('eventlog.migrations')").fetchone()
        if found is None or found[0] is None:
            return [str(migration) for migration in known]
        return [str(migration) for migration in _missing(connection, known)]


def _session(dsn: str) -> psycopg.Connection[TupleRow]:
    try:
        return connect(dsn, application_name="billhook migrate")
    except psycopg.OperationalError as error:
        raise LogUnavailable("no connection") from error


def _read(folders: Sequence[Migrations]) -> list[Migration]:
    return [migration for migrations in folders for migration in _numbered(migrations)]


def _numbered(migrations: Migrations) -> list[Migration]:
    found = [
        Migration(
            component=migrations.component,
            number=int(match["number"]),
            title=match["title"],
            sql=file.read_text(encoding="utf-8"),
        )
        for file in migrations.folder.iterdir()
        if (match := _FILE.fullmatch(file.name)) is not None
    ]
    found.sort(key=lambda migration: migration.number)
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise MigrationError(f"{migrations.component}: migrations must count 0001, 0002, …")
    return found


def _missing(
    connection: psycopg.Connection[TupleRow], known: Sequence[Migration]
) -> list[Migration]:
    """Compare with what is recorded.

    What the database has and this code has not is no error: a newer version is being deployed.
    A baseline, the first migration of a component, is replaced only before a release, by squashing
    what came after it: a database that was made with another one cannot be brought up to date.
    """
    rows = connection.execute("SELECT component, number, sha256 FROM eventlog.migrations")
    applied = {(component, number): sha256 for component, number, sha256 in rows}
    for migration in known:
        sha256 = applied.get((migration.component, migration.number), migration.sha256)
        if sha256 != migration.sha256:
            if migration.number == _BASELINE:
                raise ObsoleteDatabase(str(migration))
            raise MigrationChanged(
                f"{migration} was changed after it was applied; put the old text back "
                "and write a new migration"
            )
    return [m for m in known if (m.component, m.number) not in applied]


def _apply(connection: psycopg.Connection[TupleRow], migration: Migration) -> None:
    """Apply one in a transaction of its own, that waits at most 3 s for a lock, a few times.

    A longer wait would queue every other session behind ours.
    """
    for attempt in range(1, _LOCK_TIMEOUT_ATTEMPTS + 1):
        try:
            with connection.transaction():
                connection.execute("SET LOCAL lock_timeout = '3s'")
                connection.execute(SQL(migration.sql))
                connection.execute(
                    "INSERT INTO eventlog.migrations VALUES (%s, %s, %s, %s, now())",
                    [migration.component, migration.number, migration.title, migration.sha256],
                )
        except psycopg.errors.LockNotAvailable as error:
            if attempt == _LOCK_TIMEOUT_ATTEMPTS:
                raise MigrationError(f"{migration}: could not acquire a lock within 3 s") from error
        except psycopg.Error as error:
            raise MigrationError(f"{migration}: {error}") from error
        else:
            return
