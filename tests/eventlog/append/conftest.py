from collections.abc import Iterator

import pytest

from tests.eventlog.append.harness import Gate


@pytest.fixture
def gate(database: str) -> Iterator[Gate]:
    gate = Gate(database)
    yield gate
    gate.close()
