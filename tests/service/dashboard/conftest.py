from collections.abc import Iterator

import pytest

from tests.service.running_service import Service


@pytest.fixture(scope="session")
def service(service_database: str) -> Iterator[Service]:
    """A service that admits as many attempts to sign in as these tests make."""
    with Service(service_database, projections=True, sign_ins_per_minute=10_000) as service:
        yield service
