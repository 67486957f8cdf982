"""A sandbox process of a test's own, and a client of its admin API."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx

from tests.support.processes import ending_with_tests
from tests.support.sandbox_dashboard import Dashboard
from tests.support.wait_until import DEADLINE_S

Json = dict[str, Any]
T = TypeVar("T")

START_TIMEOUT_S = DEADLINE_S
STOP_TIMEOUT_S = DEADLINE_S


def wait_for(condition: Callable[[], T], *, timeout_s: float = DEADLINE_S) -> T:
    """Returns what the condition gives once that is true; raises at the deadline."""
    deadline = time.monotonic() + timeout_s
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError("waited in vain")
        time.sleep(0.01)
    return result


class SandboxProcess:
    """``python -m sandbox`` on a free port. Its memory is a file, so it can be killed and resumed.

    The port stays the same over restarts. What the sandbox prints on stderr goes to the test's.
    """

    def __init__(self, *, folder: Path | None = None, port: int = 0, **settings: str) -> None:
        self._own_folder = tempfile.TemporaryDirectory() if folder is None else None
        self._folder = Path(self._own_folder.name) if self._own_folder else Path(folder or ".")
        self._ready = self._folder / "sandbox.ready.json"
        self._port = port
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._own_folder is not None:
            self._own_folder.cleanup()

    @property
    def pid(self) -> int:
        """The process's id."""
        if self._process is None:
            raise RuntimeError("the sandbox is not running")
        return self._process.pid

    def start(self) -> None:
        """Starts the process and returns once it listens."""
        self._ready.unlink(missing_ok=True)
        environment = os.environ | {
            "BILLHOOK_SANDBOX_PORT": str(self._port),
            "BILLHOOK_SANDBOX_STATE": str(self._folder / "sandbox.sqlite"),
            "BILLHOOK_SANDBOX_READY_FILE": str(self._ready),
            **{f"BILLHOOK_SANDBOX_{name.upper()}": value for name, value in self._settings.items()},
        }
        self._process = subprocess.Popen(
            ending_with_tests([sys.executable, "-m", "sandbox"]),
            env=environment,
            stdout=subprocess.DEVNULL,
        )
        self.url = self._wait_until_ready(self._process)
        self._port = httpx.URL(self.url).port or 0

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> str:
        def ended() -> bool:
            return process.poll() is not None

        try:
            wait_for(lambda: self._ready.exists() or ended(), timeout_s=START_TIMEOUT_S)
        except TimeoutError:
            self.kill()
            raise
        if not self._ready.exists():
            raise RuntimeError(f"the sandbox ended with {process.returncode}")
        return str(json.loads(self._ready.read_text())["url"])

    def stop(self) -> None:
        """Ends the process as an operator would."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """Ends the process with SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_TIMEOUT_S)


class SandboxAdmin(Dashboard):
    """Client of the admin API of the simulated Stripe."""

    PROVIDER = "stripe"
    API_PATHS = "/v1/*"

    def health(self) -> Json:
        """Returns {"ok": true}."""
        return self._send("GET", "/health")

    def reset(self) -> None:
        """Empties the account."""
        self._send("POST", "/reset")

    def agenda(self) -> list[Json]:
        """Returns what the account will do by itself: at, kind, object_id, details."""
        found: list[Json] = self._call("GET", "/agenda")["entries"]
        return found

    def run_now(self, object_id: str, *, kind: str | None = None) -> list[Json]:
        """Does what is planned for an object, of one kind or all, before its time."""
        body: Json = {"object": object_id} | ({"kind": kind} if kind else {})
        ran: list[Json] = self._call("POST", "/agenda/run", body)["ran"]
        return ran

    def set_limits(self, **limits: int) -> Json:
        """Limits calls by per_s and endpoint_per_s; what is not named is not limited."""
        return self._call("POST", "/limits", dict(limits))

    def resend(self, event: str, *, copies: int = 1) -> int:
        """Sends an event again; returns how many deliveries that makes."""
        body: Json = {"event": event, "copies": copies}
        return int(self._call("POST", "/webhooks/resend", body)["deliveries"])

    def deliveries(self) -> list[Json]:
        """Returns all deliveries with their states and attempts."""
        found: list[Json] = self._call("GET", "/webhooks/deliveries")["deliveries"]
        return found

    def confirm(self, invoice: str) -> Json:
        """Authenticates an invoice's payment as its customer would on the hosted page."""
        return self._call("POST", f"/invoices/{invoice}/confirm")

    def fail_authentication(self, invoice: str) -> Json:
        """Fails that authentication."""
        return self._call("POST", f"/invoices/{invoice}/fail_authentication")

    def pay_on_page(self, invoice: str, payment_method: str = "pm_card_visa") -> Json:
        """Pays on the hosted page, by a reserved id or a test IBAN: {"invoice", "declined"}."""
        body = {"payment_method": payment_method}
        return self._call("POST", f"/invoices/{invoice}/pay_on_page", body)

    def pay_part(self, invoice: str, amount: int, **given: object) -> Json:
        """Attaches a payment of a part (payment_method, capture: automatic or manual)."""
        return self._call("POST", f"/invoices/{invoice}/pay_part", {"amount": amount, **given})

    def settle(self, invoice: str, ending: str | None = None) -> Json:
        """Ends a debit now: as its account does, or as "succeeded" or "failed"."""
        body = {"ending": ending} if ending else {}
        return self._call("POST", f"/invoices/{invoice}/settle", body)

    def complete_checkout(self, session: str, payment_method: str = "pm_card_visa") -> Json:
        """Leaves a payment method on the Checkout page: {"session", "declined"}."""
        body = {"payment_method": payment_method}
        return self._call("POST", f"/checkout/{session}/complete", body)

    def authenticate_setup(self, setup_intent: str) -> Json:
        """Authenticates a setup intent that waits for its customer."""
        return self._call("POST", f"/setup_intents/{setup_intent}/authenticate")

    def roll_secret(self, endpoint: str, *, overlap_s: int = 86400) -> str:
        """Rotate a webhook endpoint's secret and return the new one; both sign meanwhile."""
        path = f"/webhook_endpoints/{endpoint}/roll_secret"
        return str(self._call("POST", path, {"overlap_s": overlap_s})["secret"])
