"""Empty a test's database for the next test: much cheaper than one more copy of the template."""

import time
from typing import Any, Final

import psycopg
from psycopg.sql import SQL, Identifier

# Deleted rows stay on disk for a while: after this many, a fresh copy is cheaper.
_MOST_DELETED_ROWS: Final = 5_000
_LAST_SESSION_S: Final = 0.5
_NAME: Final = "database reset"
_CATALOGS: Final = (
    "pg_attribute pg_attrdef pg_class pg_constraint pg_index pg_namespace pg_proc pg_rewrite "
    "pg_trigger pg_type"
).split()
_CATALOG: Final = SQL("SELECT count(*), max(xmin::text::bigint) FROM {}")
_SETTINGS: Final = SQL("""
    SELECT count(setdatabase), max(own.xmin::text::bigint)
    FROM pg_database AS own LEFT JOIN pg_db_role_setting ON setdatabase = own.oid
    WHERE datname = current_database()
""")
# Each statement that changes a table adds, removes or replaces rows of these.
_DEFINITIONS: Final = SQL(" UNION ALL ").join(
    [*(_CATALOG.format(Identifier(name)) for name in _CATALOGS), _SETTINGS]
)
# A table whose file is empty never had a row. Views of the statistics are late.
_USED_TABLES: Final = """
    SELECT relnamespace::regnamespace::text, relname FROM pg_class
    WHERE relkind = 'r' AND pg_relation_size(oid) > 0
      AND relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')
"""
_SEQUENCES: Final = "SELECT schemaname, sequencename, start_value FROM pg_sequences"
_SESSIONS: Final = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend'
      AND application_name <> %s
"""

Connection = psycopg.Connection[tuple[Any, ...]]


class Reset:
    """Returns one database to its present state, which is that of its template.

    Its session stays open: a new one would read the catalogs again, at several times the cost.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._deleted_rows = 0
        self._session = _connect(dsn)
        with self._session.transaction():
            self._definitions = self._session.execute(_DEFINITIONS).fetchall()
            tables = _used_tables(self._session)
            self._rows = [(one, rows) for one in tables if (rows := _rows(self._session, one))]
            self._sequences = [
                (Identifier(schema, name).as_string(self._session), start)
                for schema, name, start in self._session.execute(_SEQUENCES)
            ]

    def close(self) -> None:
        """End the session."""
        self._session.close()

    def run(self) -> bool:
        """Delete and restore rows; return False if the database must be dropped instead.

        It must if a test changed its tables or settings, left a session open or wrote very much.
        """
        connection = self._open_session()
        with connection.transaction():
            if connection.execute(_DEFINITIONS).fetchall() != self._definitions:
                return False
            if not _is_last_session(connection):
                return False
            # The log's own triggers refuse every deletion.
            connection.execute("SET LOCAL session_replication_role = replica")
            self._delete(connection)
            for table, rows in self._rows:
                _insert(connection, table, rows)
            for name, start in self._sequences:
                connection.execute("SELECT setval(%s::regclass, %s, false)", [name, start])
        return self._deleted_rows <= _MOST_DELETED_ROWS

    def _open_session(self) -> Connection:
        """Return the session, or a new one where a test ended all sessions of its database."""
        try:
            self._session.execute("SELECT 1")
            self._session.rollback()
        except psycopg.OperationalError:
            self._session.close()
            self._session = _connect(self._dsn)
        return self._session

    def _delete(self, connection: Connection) -> None:
        for table in _used_tables(connection):
            self._deleted_rows += connection.execute(SQL("DELETE FROM {}").format(table)).rowcount


def _connect(dsn: str) -> Connection:
    return psycopg.connect(dsn, application_name=_NAME)


def _used_tables(connection: Connection) -> list[Identifier]:
    return [Identifier(*names) for names in connection.execute(_USED_TABLES)]


def _is_last_session(connection: Connection) -> bool:
    """Wait a moment for sessions that a test closed: PostgreSQL ends them after the client."""
    deadline_s = time.monotonic() + _LAST_SESSION_S
    while connection.execute(_SESSIONS, [_NAME]).fetchone() != (0,):
        if time.monotonic() > deadline_s:
            return False
        # The view stays the same within a transaction.
        connection.execute("SELECT pg_stat_clear_snapshot()")
        time.sleep(0.005)
    return True


def _rows(connection: Connection, table: Identifier) -> bytes:
    with connection.cursor().copy(SQL("COPY {} TO STDOUT").format(table)) as copied:
        return b"".join(copied)


def _insert(connection: Connection, table: Identifier, rows: bytes) -> None:
    with connection.cursor().copy(SQL("COPY {} FROM STDIN").format(table)) as copied:
        copied.write(rows)
