"""Run the whole system on one machine, on embedded servers: `billhook up`."""

import json
import os
import shlex
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from cli.dashboard_link import dashboard_link
from cli.local.children import Children, demo_environment, knows_demo, system_environment
from cli.local.files import delete_settings, master_keys, save_settings
from cli.local.forked import Preloaded, can_fork
from cli.local.logs import rotate_logs
from cli.local.options import HOST, ReservedPort, UpError, UpOptions
from cli.local.postgres import EmbeddedPostgres
from cli.local.process import InstanceLock, wait_until
from cli.local.redis import EmbeddedRedis
from cli.local.signals import SignalWait
from cli.local.supervisor import ChildFailedError, Supervisor, stop_leftovers
from cli.migrations import apply_migrations
from eventlog.database.checks import connection_problem
from eventlog.errors import LogUnavailable, MigrationError
from projections.runtime_role import grant_runtime_role

_DATABASE = "billhook"
_RUNTIME_ROLE = "billhook_runtime"
_DEMO_TIMEOUT_S = 120
_READ_MODEL_TIMEOUT_S = 120


class _StoppedError(Exception):
    """The operator requested a stop during start-up."""


def run(options: UpOptions) -> None:
    """Start everything, supervise it until a signal, stop it in order.

    Raises UpError or EmbeddedError, whose message is for the operator.
    """
    options.check()
    stop = threading.Event()
    handled = _stop_on_signals(stop)
    options.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = InstanceLock(options.data_dir / "up.lock")
    lock.acquire()
    signals = SignalWait()
    supervisor = _supervisor(options, stop, signals)
    try:
        _Start(options, supervisor, stop).run()
        supervisor.run()
    except _StoppedError:
        pass
    except (ChildFailedError, MigrationError, LogUnavailable) as error:
        raise UpError(str(error)) from error
    finally:
        _print("stopping")
        supervisor.stop()
        delete_settings(options.data_dir)
        signals.close()
        lock.release()
        for number in handled:  # the end of the interpreter would restore the default: killed
            signal.signal(number, signal.SIG_IGN)


def _supervisor(options: UpOptions, stop: threading.Event, signals: SignalWait) -> Supervisor:
    return Supervisor(
        report=_print,
        stopping=stop.is_set,
        housekeep=lambda: rotate_logs(options.data_dir / "logs"),
        pause=signals.wait,
    )


def _stop_on_signals(stop: threading.Event) -> list[signal.Signals]:
    """Set `stop` on each signal that stops the system; returns these signals."""
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # set by `nohup billhook up`
        numbers.append(signal.SIGHUP)
    for number in numbers:
        signal.signal(number, lambda *_: stop.set())
    return numbers


@dataclass(frozen=True)
class _Databases:
    """URLs of the database: as its owner for commands, as the runtime role for the processes.

    Both are the same for a database of the operator's own.
    """

    owner: str
    runtime: str

    @property
    def is_embedded(self) -> bool:
        """Return whether the database is on the embedded server, which has the runtime role."""
        return self.owner != self.runtime


def _migrate(databases: _Databases) -> None:
    """Bring the tables up to date, and grant the runtime role of the embedded server its rights."""
    for name in apply_migrations(databases.owner):
        _print(f"migrated: {name}")
    if databases.is_embedded:
        grant_runtime_role(databases.owner, _RUNTIME_ROLE)


class _Start:
    """The steps of start-up."""

    def __init__(self, options: UpOptions, supervisor: Supervisor, stop: threading.Event) -> None:
        self._options = options
        self._supervisor = supervisor
        self._stop = stop
        self._data_dir = options.data_dir

    def run(self) -> None:
        """Start stage after stage; raises _StoppedError between two stages."""
        stop_leftovers(self._data_dir)
        reserved = ReservedPort(self._options.port, option="--port")
        sandbox_reserved = ReservedPort(self._options.sandbox_port, option="--sandbox-port")
        port, sandbox_port = reserved.number, sandbox_reserved.number
        sandbox_url = f"http://{HOST}:{sandbox_port}"
        databases = self._databases()
        settings = system_environment(
            self._options,
            database_url=databases.owner,
            redis_url=self._redis_url(),
            master_keys=self._master_keys(),
            port=port,
            sandbox_url=sandbox_url,
        )
        _migrate(databases)
        running = {**settings, "BILLHOOK_DATABASE_URL": databases.runtime}
        environment = {**self._options.environment, **running}
        preloaded = Preloaded() if can_fork() else None
        children = Children(self._data_dir, environment, preloaded=preloaded)
        sandbox_reserved.release()
        if self._options.needs_sandbox:
            self._raise_if_stopping()
            self._supervisor.start(children.sandbox(port=sandbox_port))
        sandbox_reserved.close()
        self._raise_if_stopping()
        self._supervisor.start(*children.workers())
        self._raise_if_stopping()
        reserved.release()
        self._supervisor.start(children.api(port=port))
        reserved.close()
        save_settings(self._data_dir, settings)
        self._raise_if_stopping()
        demo = demo_environment(self._options, sandbox_url=sandbox_url)
        self._create_demo(children, settings=demo)
        self._wait_for_demo(port)
        self._start_polling(children)
        self._print_ready(f"http://{HOST}:{port}", sandbox_url=sandbox_url)

    def _start_polling(self, children: Children) -> None:
        """Start a poller for each provider whose webhooks cannot reach this machine."""
        known = json.loads(self._demo_file().read_text())
        polled = {"stripe": self._options.polls_stripe, "mollie": self._options.polls_mollie}
        for provider in (provider for provider, is_polled in polled.items() if is_polled):
            connection = known[f"{provider}_connection"]
            poller = children.poller(provider, app_id=known["app_id"], connection=connection)
            self._supervisor.start(poller)

    def _databases(self) -> _Databases:
        if given := self._options.environment.get("BILLHOOK_DATABASE_URL"):
            if problem := connection_problem(given):
                raise UpError(f"{problem}; check BILLHOOK_DATABASE_URL")
            return _Databases(owner=given, runtime=given)
        _print("starting the embedded PostgreSQL")
        server = EmbeddedPostgres(self._data_dir)
        server.start()
        self._supervisor.start(server)
        self._raise_if_stopping()
        server.create_database(_DATABASE)
        server.create_user(_RUNTIME_ROLE)
        return _Databases(
            owner=server.dsn(_DATABASE), runtime=server.dsn(_DATABASE, user=_RUNTIME_ROLE)
        )

    def _redis_url(self) -> str:
        if given := self._options.environment.get("BILLHOOK_REDIS_URL"):
            return given
        server = EmbeddedRedis(self._data_dir)
        self._supervisor.start(server)
        self._raise_if_stopping()
        return server.url

    def _master_keys(self) -> str:
        given = self._options.environment.get("BILLHOOK_MASTER_KEYS")
        return given or master_keys(self._data_dir)

    def _create_demo(self, children: Children, *, settings: dict[str, str]) -> None:
        demo = children.demo(out=self._demo_file(), settings=settings)
        demo.launch()
        try:
            wait_until(
                lambda: not demo.is_running() or self._stop.is_set(),
                timeout_s=_DEMO_TIMEOUT_S,
            )
            self._raise_if_stopping()
            if demo.exit_code() != 0:
                raise UpError(f"the demo could not be created; end of its log:\n{demo.log_end()}")
        finally:
            demo.stop(timeout_s=1)

    def _wait_for_demo(self, port: int) -> None:
        wait_until(
            lambda: knows_demo(port, self._demo_file()) or self._stop.is_set(),
            timeout_s=_READ_MODEL_TIMEOUT_S,
        )
        self._raise_if_stopping()
        if not knows_demo(port, self._demo_file()):
            logs = self._data_dir / "logs"
            raise UpError(
                "the API does not accept the demo's key; "
                f"see api.log and workers-background.log in {logs}"
            )

    def _print_ready(self, base_url: str, *, sandbox_url: str) -> None:
        sandbox = sandbox_url if self._options.needs_sandbox else None
        if self._options.as_json:
            ready = {
                "event": "ready",
                "base_url": base_url,
                "sandbox_url": sandbox,
                "demo": str(self._demo_file()),
                "data_dir": str(self._data_dir),
                "pid": os.getpid(),
            }
            print(json.dumps(ready), flush=True)  # noqa: T201 - the command's answer
            return
        text = _ready_text(
            base_url, link=self._dashboard_link(base_url), sandbox=sandbox, data_dir=self._data_dir
        )
        print(text, flush=True)  # noqa: T201 - the command's answer

    def _dashboard_link(self, base_url: str) -> str:
        """Return the URL of a page that signs in once, with the demo's admin key."""
        known = json.loads(self._demo_file().read_text())
        return dashboard_link(
            base_url,
            admin_key=known["admin_key"],
            master_keys=self._master_keys(),
            environment=self._options.environment,
        )

    def _demo_file(self) -> Path:
        return self._data_dir / "demo.json"

    def _raise_if_stopping(self) -> None:
        if self._stop.is_set():
            raise _StoppedError


def _ready_text(base_url: str, *, link: str, sandbox: str | None, data_dir: Path) -> str:
    sandbox_text = f", the sandbox at {sandbox}" if sandbox else ""
    command, data = shlex.quote(sys.argv[0]), shlex.quote(str(data_dir))
    fill = f"""\
For a company with a year of invoices in the dashboard, in another terminal:
  BILLHOOK_DATA_DIR={data} {command} demo fill
"""
    return f"""\
Billhook is ready at {base_url}{sandbox_text}. Ctrl-C stops it.
The dashboard, signed in once within 15 minutes:
  {link}
{fill if sandbox else ""}\
Try next, in another terminal:
  eval "$({command} demo env --data-dir {data})"
and then the requests of README.md, or open {base_url}/docs; logs are in {data_dir / "logs"}."""


def _print(text: str) -> None:
    print(f"billhook: {text}", file=sys.stderr, flush=True)  # noqa: T201 - to the operator
