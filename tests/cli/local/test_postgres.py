import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from cli.local.postgres import EmbeddedPostgres
from cli.local.process import EmbeddedError, run_once, wait_until
from tests.support.temporary_postgres import FAST_AND_LOSABLE

OWNER = """
import sys, signal
from pathlib import Path
from cli.local.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), options={"fsync": "off"})
server.start()
print(server.pid, flush=True)
signal.pause()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="module")
def cluster(folder: Path) -> Iterator[EmbeddedPostgres]:
    """A cluster that tests share, each from a stopped server on."""
    cluster = EmbeddedPostgres(folder, options=FAST_AND_LOSABLE)
    yield cluster
    cluster.remove()


@pytest.fixture
def server(cluster: EmbeddedPostgres) -> Iterator[EmbeddedPostgres]:
    yield cluster
    cluster.stop()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A server without a cluster yet, for tests that need its first start or damage it."""
    server = EmbeddedPostgres(tmp_path, options=FAST_AND_LOSABLE)
    yield server
    server.remove()


def query(
    server: EmbeddedPostgres, query: str, dbname: str = "postgres"
) -> list[tuple[object, ...]]:
    with psycopg.connect(server.dsn(dbname), autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


def test_it_is_postgresql_18_on_a_private_socket_alone(server: EmbeddedPostgres) -> None:
    server.start()
    ((version, addresses, folder),) = query(
        server,
        "SELECT current_setting('server_version_num')::int / 10000,"
        " current_setting('listen_addresses'), current_setting('unix_socket_directories')",
    )
    assert (version, addresses) == (18, "")
    assert Path(str(folder)).stat().st_mode & 0o777 == 0o700


def test_data_is_kept_over_a_restart(server: EmbeddedPostgres) -> None:
    server.start()
    server.create_database("kept")
    server.create_database("kept")
    query(server, "CREATE TABLE facts AS SELECT 1 AS fact", "kept")
    server.stop()
    server.start()
    assert query(server, "SELECT fact FROM facts", "kept") == [(1,)]


def test_data_is_kept_when_the_server_is_killed(server: EmbeddedPostgres) -> None:
    server.start()
    query(server, "CREATE TABLE facts AS SELECT 1 AS fact")
    psutil.Process(server.pid).kill()
    assert wait_until(lambda: not server.is_running(), timeout_s=60)
    server.start()
    assert query(server, "SELECT fact FROM facts") == [(1,)]


def killed_owner(folder: Path) -> int:
    """Start a server in another process, kill that process; gives the server's pid."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        owner.send_signal(signal.SIGKILL)
    return pid


def test_it_ends_with_an_owner_that_is_killed(folder: Path, server: EmbeddedPostgres) -> None:
    pid = killed_owner(folder)
    assert wait_until(lambda: not psutil.pid_exists(pid), timeout_s=60)
    server.start()
    assert query(server, "SELECT 1") == [(1,)]


def test_the_next_owner_need_not_wait_for_the_end_of_the_last(
    folder: Path,
    server: EmbeddedPostgres,
) -> None:
    killed_owner(folder)
    server.start()
    assert query(server, "SELECT 1") == [(1,)]


def answers(server: EmbeddedPostgres) -> bool:
    try:
        return query(server, "SELECT 1") == [(1,)]
    except psycopg.OperationalError:
        return False


def test_a_server_left_running_is_stopped_cleanly(tmp_path: Path, fresh: EmbeddedPostgres) -> None:
    """Simulate what a machine without death signals leaves running."""
    fresh.start()
    ours = psutil.Process(fresh.pid)
    command, uid, gid = ours.cmdline(), ours.uids().real, ours.gids().real
    fresh.stop()
    as_another = os.getuid() != uid
    log = tmp_path / "logs" / "postgres.log"
    with (
        log.open("ab") as output,
        subprocess.Popen(
            command,
            stderr=output,
            cwd="/",
            user=uid if as_another else None,
            group=gid if as_another else None,
            extra_groups=[] if as_another else None,
        ) as left,
    ):
        assert wait_until(lambda: answers(fresh), timeout_s=60)
        fresh.start()
        assert left.wait(timeout=60) == 0
    assert query(fresh, "SELECT 1") == [(1,)]
    assert "not properly shut down" not in log.read_text()


def test_a_pid_file_of_another_program_does_not_prevent_a_start(server: EmbeddedPostgres) -> None:
    server.start()
    cluster = Path(str(query(server, "SHOW data_directory")[0][0]))
    left_by_a_crash = (cluster / "postmaster.pid").read_text()
    server.stop()
    lines = [str(os.getppid()), *left_by_a_crash.splitlines()[1:]]
    (cluster / "postmaster.pid").write_text("\n".join(lines) + "\n")
    server.start()
    assert query(server, "SELECT 1") == [(1,)]


def test_an_interrupted_initdb_is_done_again(fresh: EmbeddedPostgres) -> None:
    fresh.start()
    cluster = Path(str(query(fresh, "SHOW data_directory")[0][0]))
    fresh.stop()
    cluster.rename(cluster.with_name("cluster.partial"))
    fresh.start()
    assert query(fresh, "SELECT 1") == [(1,)]


def test_a_cluster_of_another_major_version_is_left_alone(fresh: EmbeddedPostgres) -> None:
    fresh.start()
    cluster = Path(str(query(fresh, "SHOW data_directory")[0][0]))
    fresh.stop()
    (cluster / "PG_VERSION").write_text("15\n")
    with pytest.raises(EmbeddedError, match="written by PostgreSQL 15"):
        fresh.start()


def test_two_owners_of_one_folder_are_refused(folder: Path, server: EmbeddedPostgres) -> None:
    server.start()
    with pytest.raises(EmbeddedError, match=rf"in use by another process \(pid {os.getpid()}\)"):
        EmbeddedPostgres(folder).start()


def test_a_long_path_gets_a_short_private_socket(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / ("long" * 30), options=FAST_AND_LOSABLE)
    server.start()
    try:
        assert query(server, "SELECT 1") == [(1,)]
    finally:
        server.remove()


def test_no_folder_above_it_changes_its_permissions(tmp_path: Path) -> None:
    closed = tmp_path / "home"
    closed.mkdir(mode=0o700)
    server = EmbeddedPostgres(closed / "data", options=FAST_AND_LOSABLE)
    server.start()
    server.remove()
    assert closed.stat().st_mode & 0o777 == 0o700


def test_a_start_that_fails_shows_the_end_of_the_log(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path, options={"shared_buffers": "nonsense"})
    with pytest.raises(EmbeddedError, match="shared_buffers"):
        server.start()
    server.remove()


def test_ctrl_c_of_the_terminal_does_not_reach_a_tool_that_makes_the_cluster() -> None:
    run_once([sys.executable, "-c", "import os; assert os.getsid(0) == os.getpid()"])
