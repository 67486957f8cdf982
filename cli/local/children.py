"""Define the child processes of `billhook up`, and the readiness check of each."""

import http.client
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from http import HTTPStatus
from pathlib import Path

from cli.local.forked import Preloaded
from cli.local.liveness import Liveness, answer_probe, heartbeat_probe
from cli.local.options import HOST, UpOptions
from cli.local.supervisor import ChildProcess

_SANDBOX_STRIPE_KEY = "sk_test_billhook_demo"
_SANDBOX_MOLLIE_KEY = "test_billhook_demo"
# The sandbox has no rate limits; set these to have the providers' there.
_STRIPE_RATES = ("BILLHOOK_STRIPE_TEST_CALLS_PER_S", "BILLHOOK_STRIPE_ENDPOINT_CALLS_PER_S")
_MOLLIE_RATE = "BILLHOOK_MOLLIE_CALLS_PER_S"
WORKERS = ("background", "run")
_OUR_SECRETS = ("BILLHOOK_MASTER_KEYS", "BILLHOOK_DATABASE_URL", "BILLHOOK_REDIS_URL")


class Children:
    """Create the children of one data folder, all with the environment of the running system.

    With `preloaded` they are forks of this process.
    """

    def __init__(
        self, data_dir: Path, environment: Mapping[str, str], *, preloaded: Preloaded | None = None
    ) -> None:
        self._preloaded = preloaded
        self._data_dir = data_dir
        self._environment = environment

    def sandbox(self, *, port: int) -> ChildProcess:
        """Run the sandbox for Stripe and Mollie on loopback; its state is in the data folder."""
        ready_file = self._ready_file()
        ready_file.unlink(missing_ok=True)
        variables = {
            "BILLHOOK_SANDBOX_HOST": HOST,
            "BILLHOOK_SANDBOX_PORT": str(port),
            "BILLHOOK_SANDBOX_PUBLIC_URL": f"http://{HOST}:{port}",
            "BILLHOOK_SANDBOX_STATE": str(self._data_dir / "sandbox.sqlite"),
            "BILLHOOK_SANDBOX_READY_FILE": str(ready_file),
        }
        return self._child(
            "sandbox",
            "-m",
            "sandbox",
            ready=self._sandbox_listens,
            variables=variables,
            without=_OUR_SECRETS,
        )

    def workers(self) -> list[ChildProcess]:
        """Run the workers: those that call providers, and all other roles in one process."""
        return [self._beating(f"workers-{role}", "-m", "workers", role) for role in WORKERS]

    def api(self, *, port: int) -> ChildProcess:
        """Run the API; ready when it can serve requests."""
        return self._child(
            "api",
            *("-m", "service"),
            ready=lambda: answers_ok(port, "/readyz"),
            liveness=Liveness(
                answer_probe(lambda wait_s: answers_ok(port, "/healthz", timeout_s=wait_s))
            ),
        )

    def demo(self, *, out: Path, settings: Mapping[str, str]) -> ChildProcess:
        """Create the demo's app, customer and prices, once."""
        return self._child(
            "demo", "-m", "cli", "demo", "create", "--out", str(out), variables=settings
        )

    def poller(self, provider: str, *, app_id: str, connection: str) -> ChildProcess:
        """Poll a provider whose webhooks cannot reach this machine."""
        which = ("--app", app_id, "--connection", connection)
        return self._beating(f"workers-poll-{provider}", "-m", "workers", "poll", *which)

    def _beating(self, name: str, *arguments: str, without: Sequence[str] = ()) -> ChildProcess:
        """Run a process without a port, which touches a file while it is alive."""
        beats = self._data_dir / "heartbeats"
        beats.mkdir(mode=0o700, exist_ok=True)
        file = beats / name
        own = {"BILLHOOK_HEARTBEAT_FILE": str(file)}
        return self._child(
            name,
            *arguments,
            variables=own,
            without=without,
            liveness=Liveness(heartbeat_probe(file)),
        )

    def _child(
        self,
        name: str,
        *arguments: str,
        ready: Callable[[], bool] | None = None,
        liveness: Liveness | None = None,
        variables: Mapping[str, str] | None = None,
        without: Sequence[str] = (),
    ) -> ChildProcess:
        shared = {name: it for name, it in self._environment.items() if name not in without}
        return ChildProcess(
            name,
            command=[sys.executable, *arguments],
            env={**shared, **(variables or {})},
            log=self._data_dir / "logs" / f"{name}.log",
            owner=self._data_dir,
            ready=ready,
            liveness=liveness,
            preloaded=self._preloaded,
        )

    def _ready_file(self) -> Path:
        return self._data_dir / "sandbox.ready"

    def _sandbox_listens(self) -> bool:
        try:
            return bool(json.loads(self._ready_file().read_text())["url"])
        except (FileNotFoundError, ValueError, KeyError):
            return False


def system_environment(
    options: UpOptions,
    *,
    database_url: str,
    redis_url: str,
    master_keys: str,
    port: int,
    sandbox_url: str,
) -> dict[str, str]:
    """Return the settings that every process of the running system shares."""
    settings = {
        "BILLHOOK_DATABASE_URL": database_url,
        "BILLHOOK_REDIS_URL": redis_url,
        "BILLHOOK_MASTER_KEYS": master_keys,
        "BILLHOOK_HOST": HOST,
        "BILLHOOK_PORT": str(port),
        "BILLHOOK_PROCESSES": str(options.processes),
        "BILLHOOK_PUBLIC_URL": options.environment.get(
            "BILLHOOK_PUBLIC_URL",
            f"http://{HOST}:{port}",
        ),
        "BILLHOOK_LOG_FORMAT": options.environment.get("BILLHOOK_LOG_FORMAT", "console"),
    }
    for target in (options.stripe, options.mollie):
        base = sandbox_url if target.is_sandbox else target.api_base
        if base is not None:
            settings[f"BILLHOOK_{target.option.upper()}_API_BASE"] = base
    paces = list(_STRIPE_RATES) if options.stripe.is_sandbox else []
    paces += [_MOLLIE_RATE] if options.mollie.is_sandbox else []
    return settings | {name: options.environment.get(name, "0") for name in paces}


def demo_environment(options: UpOptions, *, sandbox_url: str) -> dict[str, str]:
    """Return the settings that only the demo gets: the test keys it uses."""
    demo = {
        "BILLHOOK_DEMO_STRIPE_KEY": options.stripe.key or _SANDBOX_STRIPE_KEY,
        "BILLHOOK_DEMO_MOLLIE_KEY": options.mollie.key or _SANDBOX_MOLLIE_KEY,
    }
    return demo | ({"BILLHOOK_SANDBOX_URL": sandbox_url} if options.needs_sandbox else {})


def answers_ok(
    port: int, path: str, *, headers: Mapping[str, str] | None = None, timeout_s: float = 5
) -> bool:
    """Return whether a GET on a local port returns 200."""
    with closing(http.client.HTTPConnection(HOST, port, timeout=timeout_s)) as connection:
        try:
            connection.request("GET", path, headers=dict(headers or {}))
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False


def knows_demo(port: int, demo_file: Path) -> bool:
    """Return whether the API accepts the demo's key: its read model has the demo's events."""
    demo = json.loads(demo_file.read_text())
    headers = {
        "x-api-key": demo["read_key"],
        "x-api-key-type": "read",
        "x-client-id": demo["app_id"],
    }
    return answers_ok(port, f"/api/v1/apps/{demo['app_id']}/invoices?limit=1", headers=headers)
