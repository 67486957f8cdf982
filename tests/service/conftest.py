from collections.abc import Iterator

import pytest

from tests.service.harness import Shop
from tests.service.running_service import Service
from tests.support.postgres import Server


@pytest.fixture(scope="session")
def service_database(postgres_server: Server) -> Iterator[str]:
    """A database for all tests of the service: each has an app of its own."""
    dbname = postgres_server.migrated_database()
    yield postgres_server.dsn(dbname)
    postgres_server.drop(dbname)


@pytest.fixture(scope="session")
def service(service_database: str) -> Iterator[Service]:
    with Service(service_database) as service:
        yield service


@pytest.fixture
def shop(service: Service) -> Shop:
    return Shop(service)


@pytest.fixture(scope="session")
def other_shop(service: Service) -> Shop:
    """Another app, whose things do not exist for the test's own."""
    return Shop(service)
