from collections.abc import Iterator

import pytest

import eventlog
from eventlog.log import Log
from tests.support.postgres import Server
from tests.support.tcp_proxy import TcpProxy, proxied


@pytest.fixture
def database(postgres_server: Server) -> Iterator[str]:
    """The DSN of a database with the log's own tables, no others, and no rows."""
    dbname = postgres_server.migrated_database(eventlog.MIGRATIONS)
    yield postgres_server.dsn(dbname)
    postgres_server.release(dbname)


@pytest.fixture
def log(database: str) -> Iterator[Log]:
    log = Log.open(database)
    yield log
    log.close()


@pytest.fixture
def proxy(database: str) -> Iterator[TcpProxy]:
    with proxied(database) as proxy:
        yield proxy
