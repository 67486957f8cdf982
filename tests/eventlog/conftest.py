from collections.abc import Iterator

import pytest

from eventlog.log import Log
from tests.support.tcp_proxy import TcpProxy, proxied


@pytest.fixture
def log(database: str) -> Iterator[Log]:
    log = Log.open(database)
    yield log
    log.close()


@pytest.fixture
def proxy(database: str) -> Iterator[TcpProxy]:
    with proxied(database) as proxy:
        yield proxy
