"""Faults of each part of a running system. Each is injected, and either lifted or repaired."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
import psycopg
import redis
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier

from cli.local.files import saved_settings
from tests.support.system import System

Lift = Callable[[], None]
Inject = Callable[[System], Lift]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault of a part; `lasts_s` is how long it lasts, 0 if `billhook up` has to repair it."""

    part: str
    kind: str
    description: str
    inject: Inject
    lasts_s: float = 0

    @property
    def name(self) -> str:
        """Name the fault, as in `relay:kill`."""
        return f"{self.part}:{self.kind}"


_OUTAGE_S: Final = 8.0
# Words of the command line, and the application names of the database sessions.
_PROCESSES: Final = {
    "API": (
        ("-m", "service"),
        "billhook service%|billhook read|billhook notifier|billhook tail%|billhook rej%",
    ),
    "background": (
        ("workers", "background"),
        "billhook follower%|billhook background%|billhook proj%|billhook feed|billhook work%",
    ),
    "worker": (
        ("workers", "run"),
        "billhook worker%|billhook work|billhook unassigned|billhook notifier",
    ),
}


def nothing() -> None:
    """Lift nothing: the system repairs the fault."""


def faults() -> Iterator[Fault]:
    """Yield every fault in the order of the table."""
    for part, (arguments, sessions) in _PROCESSES.items():
        yield Fault(part=part, kind="kill", description="SIGKILL", inject=_kill(arguments))
        yield Fault(
            part=part,
            kind="hang",
            description="SIGSTOP, for good",
            inject=_stop_for_good(arguments),
        )
        yield Fault(
            part=part,
            kind="refuse",
            description="its database sessions are ended",
            inject=_end_sessions(sessions),
        )
    yield from _server_faults()
    yield from _provider_faults()


def _server_faults() -> Iterator[Fault]:
    for part, kind, description, inject in (
        ("PostgreSQL", "hang", "all its processes stop for 8 s", _hang_postgres),
        ("PostgreSQL", "refuse", "refuses all sessions for 8 s", _refuse_postgres),
        ("PostgreSQL", "read-only", "is read-only for 8 s", _read_only_postgres),
        ("Redis", "hang", "SIGSTOP for 8 s", _hang_redis),
        ("Redis", "refuse", "refuses writes (out of memory) for 8 s", _full_redis),
        ("Redis", "read-only", "is a read-only replica for 8 s", _replica_redis),
    ):
        yield Fault(part=part, kind=kind, description=description, inject=inject, lasts_s=_OUTAGE_S)
    yield Fault(part="PostgreSQL", kind="kill", description="SIGKILL of all", inject=_kill_postgres)
    yield Fault(part="Redis", kind="kill", description="SIGKILL, its data lost", inject=_kill_redis)


def _provider_faults() -> Iterator[Fault]:
    yield Fault(part="provider", kind="kill", description="SIGKILL", inject=_kill(("sandbox",)))
    for kind, description, inject in (
        ("hang", "SIGSTOP for 8 s", _pause_provider),
        ("refuse", "answers 503 to every call for 8 s", _refusing_provider(None)),
        ("read-only", "answers 503 to every POST for 8 s", _refusing_provider("POST")),
    ):
        yield Fault(
            part="provider", kind=kind, description=description, inject=inject, lasts_s=_OUTAGE_S
        )


def _kill(arguments: tuple[str, ...]) -> Inject:
    def inject(system: System) -> Lift:
        _with_children(system.child(*arguments), signal.SIGKILL)
        return nothing

    return inject


def _stop_for_good(arguments: tuple[str, ...]) -> Inject:
    def inject(system: System) -> Lift:
        _with_children(system.child(*arguments), signal.SIGSTOP)
        return nothing

    return inject


def _end_sessions(patterns: str) -> Inject:
    def inject(system: System) -> Lift:
        with _admin(system) as database:
            database.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND application_name LIKE ANY(%s)",
                [patterns.split("|")],
            )
        return nothing

    return inject


def _hang_postgres(system: System) -> Lift:
    server = psutil.Process(_postgres_pid(system))
    processes = [server, *server.children(recursive=True)]
    for process in processes:
        process.suspend()

    def lift() -> None:
        for process in reversed(processes):
            with suppress(psutil.NoSuchProcess):
                process.resume()

    return lift


def _kill_postgres(system: System) -> Lift:
    _with_children(psutil.Process(_postgres_pid(system)), signal.SIGKILL)
    return nothing


def _refuse_postgres(system: System) -> Lift:
    database = Identifier(str(conninfo_to_dict(_dsn(system))["dbname"]))
    allow = SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    with _admin(system, dbname="postgres") as session:
        session.execute(allow.format(database, SQL("false")))
        session.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            [conninfo_to_dict(_dsn(system))["dbname"]],
        )

    def lift() -> None:
        with _admin(system, dbname="postgres") as session:
            session.execute(allow.format(database, SQL("true")))

    return lift


def _read_only_postgres(system: System) -> Lift:
    def switch(state: str) -> None:
        with _admin(system, dbname="postgres") as session:
            session.execute("SET default_transaction_read_only = off")
            session.execute(
                SQL("ALTER SYSTEM SET default_transaction_read_only = {}").format(state)
            )
            session.execute("SELECT pg_reload_conf()")

    switch("on")
    return lambda: switch("off")


def _hang_redis(system: System) -> Lift:
    server = psutil.Process(_redis_pid(system))
    server.suspend()
    return server.resume


def _kill_redis(system: System) -> Lift:
    psutil.Process(_redis_pid(system)).kill()
    for dump in system.data_dir.rglob("*.rdb"):
        dump.unlink()
    return nothing


def _full_redis(system: System) -> Lift:
    with _redis(system) as server:
        server.config_set("maxmemory", 1)

    def lift() -> None:
        with _redis(system) as server:
            server.config_set("maxmemory", 0)

    return lift


def _replica_redis(system: System) -> Lift:
    with _redis(system) as server:
        server.replicaof("127.0.0.1", 1)

    def lift() -> None:
        with _redis(system) as server:
            server.replicaof("NO", "ONE")

    return lift


def _pause_provider(system: System) -> Lift:
    sandbox = system.child("-m", "sandbox")
    sandbox.suspend()
    return sandbox.resume


def _refusing_provider(method: str | None) -> Inject:
    def inject(system: System) -> Lift:
        stack = ExitStack()
        account = stack.enter_context(system.account())
        account.admin.add_fault("status", method=method, status=503, times=100_000)

        def lift() -> None:
            account.admin.drop_faults()
            stack.close()

        return lift

    return inject


def _with_children(process: psutil.Process, number: signal.Signals) -> None:
    for target in (process, *process.children(recursive=True)):
        with suppress(ProcessLookupError):
            os.kill(target.pid, number)


def _dsn(system: System) -> str:
    return saved_settings(system.data_dir)["BILLHOOK_DATABASE_URL"]


@contextmanager
def _admin(
    system: System, *, dbname: str | None = None
) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    dsn = make_conninfo(_dsn(system), **({"dbname": dbname} if dbname else {}))
    with psycopg.connect(dsn, autocommit=True, connect_timeout=60) as session:
        yield session


def _postgres_pid(system: System) -> int:
    """Return the pid of the postmaster, the parent of the session's process."""
    with _admin(system, dbname="postgres") as session:
        row = session.execute("SELECT pg_backend_pid()").fetchone()
        assert row is not None
        return psutil.Process(int(str(row[0]))).ppid()


def _redis_pid(system: System) -> int:
    return int((system.data_dir / "redis" / "pid").read_text())


def _redis(system: System) -> redis.Redis:
    path = Path(system.data_dir / "redis" / "run" / "redis.sock")
    return redis.Redis(unix_socket_path=str(path))
