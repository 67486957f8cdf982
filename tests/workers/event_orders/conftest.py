from __future__ import annotations

from collections.abc import Iterator

import pytest

from domain.billing import Billing
from eventlog import persistence
from eventlog.log import Log
from tests.support.postgres import Server
from workers.runtime import open_billing


@pytest.fixture(scope="package")
def shared_log(postgres_server: Server) -> Iterator[Log]:
    """A log for all stories: each has an account, an app and objects of its own."""
    dbname = postgres_server.migrated_database()
    opened = Log.open(postgres_server.dsn(dbname))
    yield opened
    opened.close()
    postgres_server.drop(dbname)


@pytest.fixture(scope="package")
def shared_billing(shared_log: Log) -> Iterator[Billing]:
    yield open_billing(shared_log, name="stories")
    persistence.register("stories", None)
