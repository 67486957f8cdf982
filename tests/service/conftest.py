from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.harness import Shop
from tests.service.running_service import Service
from tests.service.service_process import Process, Start, wait_until
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


@pytest.fixture
def start(service: Service, service_database: str, tmp_path: Path) -> Iterator[Start]:
    """Start services; `service` brings the projections and the worker."""
    started: list[Process] = []

    def run(*, processes: int = 1, **settings: str) -> Process:
        log = tmp_path / f"{len(started)}.log"
        started.append(process := Process(service_database, log, processes=processes, **settings))
        wait_until(process.is_ready)
        return process

    assert service.request("GET", "/healthz").status_code == 200
    yield run
    for process in started:
        process.end()
