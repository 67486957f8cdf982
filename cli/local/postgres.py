import hashlib
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil

from cli.local.clusters import (
    FOLDER,
    ROOT_HOME,
    delete_cluster,
    instance_mark,
    record_data_folder,
)
from cli.local.postgres_wheel import MAJOR_VERSION, installation
from cli.local.process import (
    EmbeddedError,
    Identity,
    InstanceLock,
    clean_environment,
    find_process,
    log_tail,
    private_socket_folder,
    run_once,
    spawn,
    stop_process,
    wait_until,
)
from cli.local.rootless import (
    copy_installation,
    prepared_home,
    private_folder,
    readable_folder,
    system_user,
)

SUPERUSER = "billhook"
_SOCKET = ".s.PGSQL.5432"
_LAUNCHES = 3
_FAST_THEN_IMMEDIATE = (signal.SIGINT, signal.SIGQUIT)
_DEFAULTS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # No processes that only wait: reads are few and small, and nothing is replicated.
    "io_method": "sync",
    "max_logical_replication_workers": "0",
    "jit": "off",
}


@dataclass(frozen=True)
class _Layout:
    """The folders of one cluster, and the user that runs it."""

    binaries: Path
    cluster: Path
    sockets: Path
    identity: Identity | None


class EmbeddedPostgres:
    """An embedded PostgreSQL 18 below `data_dir`, with a private socket and no TCP.

    Its data is kept, also when its owner is killed. One owner at a time. `options` are server
    settings for tests (`{"fsync": "off"}`). For root the cluster is in `root_home`.
    """

    name = "postgres"

    def __init__(
        self,
        data_dir: Path,
        *,
        options: Mapping[str, str] | None = None,
        root_home: Path = ROOT_HOME,
    ) -> None:
        self._folder = data_dir.resolve() / "postgres"
        self._log = data_dir.resolve() / "logs" / "postgres.log"
        self._options = {**_DEFAULTS, **(options or {})}
        self._root_home = root_home
        self._lock = InstanceLock(self._folder / "lock")
        self._found: _Layout | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, timeout_s: float = 60) -> None:
        """Start the server and wait until it is ready; raises EmbeddedError with its log's end.

        Starts are retried: backends of a killed server may hold its shared memory for a moment.
        """
        for _ in range(_LAUNCHES):
            self.launch()
            if wait_until(
                lambda: self.is_ready() or not self.is_running(), timeout_s=timeout_s
            ) and (self.is_running()):
                return
        self.stop()
        raise EmbeddedError(f"PostgreSQL did not start:\n{self.log_end()}")

    def launch(self) -> None:
        """Start the server without waiting until it is ready; stops a leftover server first."""
        if self.is_running():
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock.acquire()
        layout = self._layout()
        if not (layout.cluster / "PG_VERSION").exists():
            self._create_cluster(layout)
        self._check_version(layout.cluster)
        self._clear_leftovers(layout)
        settings = {**self._options, "unix_socket_directories": str(layout.sockets)}
        self._process = spawn(
            [
                *(str(layout.binaries / "postgres"), "-D", str(layout.cluster)),
                *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
            ],
            log=self._log,
            env=clean_environment(),
            # "Fast shutdown": sessions end, nothing is lost, the next start needs no recovery.
            death_signal=signal.SIGINT,
            identity=layout.identity,
            cwd=Path("/"),
        )

    def is_running(self) -> bool:
        """Return whether the started server runs."""
        return self._process is not None and self._process.poll() is None

    def is_hung(self) -> bool:
        """Return False: its clients' time-outs handle a server that hangs for a while."""
        return False

    def is_ready(self) -> bool:
        """Return whether the server accepts connections, by the status in its pid file."""
        status = self._status_lines()
        return (
            self._process is not None
            and len(status) > 7  # noqa: PLR2004 - the eighth line, as pg_ctl reads it
            and status[0].strip() == str(self._process.pid)
            and status[7].strip() == "ready"
        )

    def request_stop(self) -> None:
        """Request a fast shutdown without waiting for it."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)

    def stop(self, *, timeout_s: float = 20) -> None:
        """Stop the server; each `timeout_s` escalates to the next signal."""
        if self._process is not None:
            if self._process.poll() is None:
                stop_process(self._process, signals=_FAST_THEN_IMMEDIATE, timeout_s=timeout_s)
            self._process = None
        self._lock.release()

    def log_end(self) -> str:
        """Return the last lines of its log."""
        return log_tail(self._log)

    def remove(self) -> None:
        """Stop the server and delete its data."""
        self.stop()
        if self._folder.exists():
            delete_cluster(self._layout().cluster.parent)
            shutil.rmtree(self._folder, ignore_errors=True)
        self._found = None

    @property
    def pid(self) -> int | None:
        """The server's pid while it runs."""
        return self._process.pid if self._process is not None else None

    def dsn(self, dbname: str, *, user: str = SUPERUSER) -> str:
        """Return the URL of a database, for libpq and psycopg."""
        sockets = quote(str(self._layout().sockets), safe="")
        return f"postgresql://{user}@/{quote(dbname)}?host={sockets}"

    def create_database(self, dbname: str) -> None:
        """Create the database unless it exists; the server must be running."""
        self._create("createdb", dbname)

    def create_user(self, user: str) -> None:
        """Create a login without any right unless it exists; the server must be running."""
        self._create("createuser", user)

    def _create(self, program: str, name: str) -> None:
        layout = self._layout()
        options = ("--host", str(layout.sockets), "--username", SUPERUSER, "--no-password")
        try:
            run_once([str(layout.binaries / program), *options, name])
        except subprocess.CalledProcessError as error:
            if "already exists" not in error.stderr:
                raise EmbeddedError(f"{program} {name} failed: {error.stderr.strip()}") from error

    def _layout(self) -> _Layout:
        if self._found is None:
            self._found = self._root_layout() if os.geteuid() == 0 else self._user_layout()
        return self._found

    def _user_layout(self) -> _Layout:
        return _Layout(
            binaries=installation() / "bin",
            cluster=self._folder / "cluster",
            sockets=private_socket_folder(self._folder / "run", socket_name=_SOCKET),
            identity=None,
        )

    def _root_layout(self) -> _Layout:
        with prepared_home(self._root_home):
            user = system_user(self._root_home)
            binaries = copy_installation(installation(), home=self._root_home) / "bin"
            clusters = readable_folder(self._root_home / FOLDER)
            mark = self._instance_mark()
            home = private_folder(clusters / self._instance_key(mark), owner=user)
            record_data_folder(home, data_folder=self._folder.parent, mark=mark)
            return _Layout(
                binaries=binaries,
                cluster=home / "cluster",
                sockets=private_folder(home / "run", owner=user),
                identity=user,
            )

    def _instance_mark(self) -> str:
        """Return the data folder's random mark, created on first use."""
        mark = instance_mark(self._folder.parent)
        if not mark.exists():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            mark.write_text(secrets.token_hex(8))
        return mark.read_text()

    def _instance_key(self, mark: str) -> str:
        """Derive the cluster's name from the data folder's path and mark."""
        return hashlib.sha256(f"{self._folder}\n{mark}".encode()).hexdigest()[:16]

    def _create_cluster(self, layout: _Layout) -> None:
        """Create an empty cluster atomically."""
        partial = layout.cluster.with_name("cluster.partial")
        shutil.rmtree(partial, ignore_errors=True)
        try:
            run_once(
                [
                    *(str(layout.binaries / "initdb"), "--pgdata", str(partial)),
                    *("--username", SUPERUSER, "--auth-local", "trust", "--auth-host", "reject"),
                    # Built into PostgreSQL: the same collation on every machine.
                    *("--encoding", "UTF8", "--locale", "C", "--locale-provider", "builtin"),
                    *("--builtin-locale", "C.UTF-8"),
                    *(["--no-sync"] if self._options.get("fsync") == "off" else []),
                ],
                identity=layout.identity,
            )
        except subprocess.CalledProcessError as error:
            raise EmbeddedError(f"initdb failed: {error.stderr.strip()}") from error
        partial.rename(layout.cluster)

    def _check_version(self, cluster: Path) -> None:
        version = (cluster / "PG_VERSION").read_text().strip()
        if version != MAJOR_VERSION:
            raise EmbeddedError(
                f"{cluster} was written by PostgreSQL {version}, this is {MAJOR_VERSION}; "
                "choose another --data-dir, or move the data with pg_dump",
            )

    def _clear_leftovers(self, layout: _Layout) -> None:
        """Stop the server of a killed owner, and delete pid files whose pid was reused.

        It is stopped, not adopted: it would outlive its new owner. The pid file of a dead server
        stays: PostgreSQL uses it to check that no orphaned backend is still writing.
        """
        status = self._status_lines()
        pid = int(status[0]) if status and status[0].strip().isdigit() else None
        if pid is None:
            return
        if (old := find_process(pid, name="postgres", argument=str(layout.cluster))) is not None:
            stop_process(old, signals=_FAST_THEN_IMMEDIATE, timeout_s=20)
        elif psutil.pid_exists(pid):
            (layout.cluster / "postmaster.pid").unlink(missing_ok=True)
            (layout.sockets / f"{_SOCKET}.lock").unlink(missing_ok=True)

    def _status_lines(self) -> list[str]:
        try:
            return (self._layout().cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []
