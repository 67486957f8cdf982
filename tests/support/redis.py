import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from cli.local.redis import EmbeddedRedis


@pytest.fixture(scope="session")
def redis_server_url() -> Iterator[str]:
    """A Redis for the session: one of ours, or BILLHOOK_TEST_REDIS_URL, which is flushed."""
    if given := os.environ.get("BILLHOOK_TEST_REDIS_URL"):
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="billhook-test-") as folder:
        server = EmbeddedRedis(Path(folder))
        server.start()
        try:
            yield server.url
        finally:
            server.stop()


@pytest.fixture
def redis_url(redis_server_url: str) -> str:
    """A Redis that holds nothing yet."""
    with redis.Redis.from_url(redis_server_url) as connection:
        connection.flushdb()
    return redis_server_url
