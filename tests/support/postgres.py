import importlib
import os
from collections import defaultdict
from collections.abc import Iterator
from itertools import count

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

import eventlog
from eventlog.database.migrate import Migrations, migrate
from tests.support.database_reset import Reset
from tests.support.temporary_postgres import temporary_postgres

_numbers = count(1)
Components = tuple[str, ...]


class Server:
    """A PostgreSQL for the test session, and databases on it."""

    def __init__(self, admin_dsn: str) -> None:
        self._admin_dsn = admin_dsn
        self._prefix = f"billhook_test_{os.getpid()}"
        self._templates: dict[Components, str] = {}
        self._made: list[str] = []
        self._resets: dict[str, tuple[Components, Reset]] = {}
        self._clean: defaultdict[Components, list[str]] = defaultdict(list)

    def dsn(self, dbname: str) -> str:
        return make_conninfo(self._admin_dsn, dbname=dbname)

    def empty_database(self) -> str:
        """Make a database without any table; its name."""
        return self._create("template0")

    def migrated_database(self, *folders: Migrations) -> str:
        """Return the name of a database with these migrations, or all, and no other rows.

        It is one that was released, or else a copy of a template that is migrated once.
        """
        folders = folders or tuple(all_migrations())
        key = tuple(migrations.component for migrations in folders)
        if self._clean[key]:
            return self._clean[key].pop()
        if key not in self._templates:
            template = self.empty_database()
            migrate(self.dsn(template), *folders)
            self._templates[key] = template
        dbname = self._create(self._templates[key])
        self._resets[dbname] = (key, Reset(self.dsn(dbname)))
        return dbname

    def release(self, dbname: str) -> None:
        """Empty a migrated database for another test, or drop it where that is not possible."""
        key, reset = self._resets[dbname]
        if reset.run():
            self._clean[key].append(dbname)
        else:
            self.drop(dbname)

    def drop(self, dbname: str) -> None:
        if dbname in self._resets:
            self._resets.pop(dbname)[1].close()
        self._admin(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(dbname)))
        self._made.remove(dbname)

    def drop_all(self) -> None:
        for dbname in list(self._made):
            self.drop(dbname)

    def _create(self, template: str) -> str:
        dbname = f"{self._prefix}_{next(_numbers)}"
        # Of a database this small, a copy by way of the log takes half the time of one by file.
        query = SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY wal_log")
        self._admin(query.format(Identifier(dbname), Identifier(template)))
        self._made.append(dbname)
        return dbname

    def _admin(self, query: psycopg.sql.Composed) -> None:
        with psycopg.connect(self._admin_dsn, autocommit=True) as connection:
            connection.execute(query)


def all_migrations() -> list[Migrations]:
    """Every component's migrations; a component that is not there yet has none."""
    found = [eventlog.MIGRATIONS]
    projections = getattr(importlib.import_module("projections"), "MIGRATIONS", None)
    if isinstance(projections, Migrations):
        found.append(projections)
    return found


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """Run one server for the session: an embedded one, or that of BILLHOOK_TEST_DATABASE_URL."""
    if given := os.environ.get("BILLHOOK_TEST_DATABASE_URL"):
        server = Server(given)
        yield server
        server.drop_all()
        return
    with temporary_postgres() as embedded:
        server = Server(embedded.dsn("postgres"))
        yield server
        server.drop_all()


@pytest.fixture
def database(postgres_server: Server) -> Iterator[str]:
    """The DSN of a database with every table and no rows of another test."""
    dbname = postgres_server.migrated_database()
    yield postgres_server.dsn(dbname)
    postgres_server.release(dbname)


@pytest.fixture
def empty_database(postgres_server: Server) -> Iterator[str]:
    """The DSN of a fresh database without any table."""
    dbname = postgres_server.empty_database()
    yield postgres_server.dsn(dbname)
    postgres_server.drop(dbname)
