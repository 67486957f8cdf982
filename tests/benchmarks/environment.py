"""Run a PostgreSQL that syncs to disk, and processes beside it, for benchmarks."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil

import eventlog
import projections
from cli.local.children import answers_ok
from cli.local.postgres import EmbeddedPostgres
from cli.local.process import log_tail, spawn, stop_process, wait_until
from eventlog.database.connect import connect
from eventlog.database.migrate import migrate
from tests.support.ports import free_port

_START_TIMEOUT_S: Final = 60
_PYTHON: Final = (sys.executable, "-m")
_STOP_TIMEOUT_S: Final = 15


class Child:
    """A process of ours that runs."""

    def __init__(self, process: subprocess.Popen[bytes], *, port: int = 0) -> None:
        self._process = process
        self.port = port

    def cpu_s(self) -> float:
        """Return the processor time used so far, including its worker processes."""
        return _cpu_s(self._process.pid)

    def memory_mb(self) -> float:
        """Return its resident memory, including its worker processes."""
        known = psutil.Process(self._process.pid)
        every = (known, *known.children(recursive=True))
        return sum(one.memory_info().rss for one in every) / 2**20

    def is_running(self) -> bool:
        """Return whether it lives."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End it."""
        stop_process(self._process, signals=[signal.SIGTERM], timeout_s=_STOP_TIMEOUT_S)


class Stage:
    """Run a PostgreSQL with the settings of `billhook up`; delete it with its data at the end."""

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="billhook-bench-")
        self._server = EmbeddedPostgres(Path(self._folder.name))
        try:
            self._server.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.remove()
        self._folder.cleanup()

    def empty_database(self, name: str) -> str:
        """Make a database without tables; its DSN. What was done before is written out first."""
        self._server.create_database(name)
        with connect(self._server.dsn(name), application_name="benchmark") as connection:
            connection.execute("CHECKPOINT")
        return self._server.dsn(name)

    def database_cpu_s(self) -> float:
        """Return the processor time used so far by the sessions of PostgreSQL that live."""
        assert self._server.pid is not None
        return _cpu_s(self._server.pid)

    def database(self, name: str) -> str:
        """Make a database with every table; its DSN."""
        dsn = self.empty_database(name)
        migrate(dsn, eventlog.MIGRATIONS, projections.MIGRATIONS)
        return dsn

    @contextmanager
    def running(
        self,
        module: str,
        *arguments: str,
        environment: Mapping[str, str],
        port: int = 0,
        program: Sequence[str] = _PYTHON,
    ) -> Iterator[Child]:
        """Run `python -m module`, or another program, which ends with us however we end."""
        kept = {name: value for name, value in os.environ.items() if "BILLHOOK_" not in name}
        process = spawn(
            [*program, module, *arguments],
            log=self._log(module),
            env=kept | dict(environment),
        )
        child = Child(process, port=port)
        try:
            yield child
        finally:
            child.stop()

    @contextmanager
    def serving(
        self,
        module: str,
        *arguments: str,
        environment: Mapping[str, str],
        ready_path: str,
        program: Sequence[str] = _PYTHON,
    ) -> Iterator[Child]:
        """Run a server and wait until it is ready. `{port}` in its settings becomes a free port."""
        port = free_port()
        own = {name: value.replace("{port}", str(port)) for name, value in environment.items()}
        with self.running(module, *arguments, environment=own, port=port, program=program) as child:
            wait_until(
                lambda: not child.is_running() or answers_ok(port, ready_path),
                timeout_s=_START_TIMEOUT_S,
            )
            if not answers_ok(port, ready_path):
                log = log_tail(self._log(module), lines=30)
                raise RuntimeError(f"{module} did not start:\n{log}")
            yield child

    def _log(self, module: str) -> Path:
        return Path(self._folder.name) / "logs" / f"{Path(module).name}.log"


def _cpu_s(pid: int) -> float:
    """Return the processor time of a process and its living children."""
    known = psutil.Process(pid)
    used_s = 0.0
    for one in (known, *known.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):  # ended since it was listed
            times = one.cpu_times()
            used_s += times.user + times.system
    return used_s
