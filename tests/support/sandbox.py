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

from tests.support.sandbox_dashboard import Dashboard

Json = dict[str, Any]
T = TypeVar("T")

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0
# Ten thousand invoices of history are one call.
ADMIN_TIMEOUT_S = 60.0


def wait_for(condition: Callable[[], T], *, timeout_s: float = 10.0) -> T:
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
            [sys.executable, "-m", "sandbox"], env=environment, stdout=subprocess.DEVNULL
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
    """What a test commands of one account: the one of ``key``."""

    def __init__(self, url: str, key: str) -> None:
        self._http = httpx.Client(
            base_url=f"{url}/_admin",
            headers={"Authorization": f"Bearer {key}"},
            timeout=ADMIN_TIMEOUT_S,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def _call(self, method: str, path: str, body: Json | None = None) -> Json:
        answer = self._http.request(method, path, json=body)
        if answer.is_error:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
        result: Json = answer.json()
        return result

    def health(self) -> Json:
        """Returns {"ok": true}."""
        return self._call("GET", "/health")

    def reset(self) -> None:
        """Empties the account."""
        self._call("POST", "/reset")

    def ledger(self) -> Json:
        """Returns entries, totals, by_customer and by_invoice."""
        return self._call("GET", "/stripe/ledger")

    def requests(self, *, method: str | None = None, path: str | None = None) -> list[Json]:
        """Returns the logged requests, narrowed by method and by the path's end."""
        found: list[Json] = self._call("GET", "/stripe/requests")["requests"]
        return [
            item
            for item in found
            if method in (None, item["method"]) and (path is None or item["path"].endswith(path))
        ]

    def forget_requests(self) -> None:
        """Empties the log of requests."""
        self._call("DELETE", "/stripe/requests")

    def clock(self) -> Json:
        """Returns the account's time: now, offset_s, frozen."""
        return self._call("GET", "/stripe/clock")

    def set_clock(self, **change: float | bool) -> Json:
        """Moves the clock: advance_s, now or frozen."""
        return self._call("POST", "/stripe/clock", dict(change))

    def agenda(self) -> list[Json]:
        """Returns what the account will do by itself: at, kind, object_id, details."""
        found: list[Json] = self._call("GET", "/stripe/agenda")["entries"]
        return found

    def run_now(self, object_id: str, *, kind: str | None = None) -> list[Json]:
        """Does what is planned for an object, of one kind or all, before its time."""
        body: Json = {"object": object_id} | ({"kind": kind} if kind else {})
        ran: list[Json] = self._call("POST", "/stripe/agenda/run", body)["ran"]
        return ran

    def set_latency(self, ms: int) -> None:
        """Makes every call take longer."""
        self._call("POST", "/stripe/latency", {"ms": ms})

    def set_limits(self, **limits: int) -> Json:
        """Limits calls by per_s and endpoint_per_s; what is not named is not limited."""
        return self._call("POST", "/stripe/limits", dict(limits))

    def faults(self) -> list[Json]:
        """Returns the faults that are not used up."""
        found: list[Json] = self._call("GET", "/stripe/faults")["faults"]
        return found

    def add_fault(
        self, kind: str, *, path: str = "/v1/*", method: str | None = None, **more: object
    ) -> str:
        """Adds a fault and returns its id.

        More: ms, when, status, stored, times, skip, code, reason, retry_after_s.
        """
        match = {"path": path} | ({"method": method} if method else {})
        fault = self._call("POST", "/stripe/faults", {"kind": kind, "match": match, **more})
        return str(fault["id"])

    def drop_faults(self) -> None:
        """Forgets all faults."""
        self._call("DELETE", "/stripe/faults")

    def webhooks(self) -> Json:
        """Returns the settings of deliveries."""
        return self._call("GET", "/stripe/webhooks")

    def set_webhooks(self, **settings: object) -> Json:
        """Changes the settings of deliveries that are named."""
        return self._call("POST", "/stripe/webhooks", settings)

    def release(self) -> int:
        """Sends what is held; returns how many deliveries that is."""
        return int(self._call("POST", "/stripe/webhooks/release")["released"])

    def resend(self, event: str, *, copies: int = 1) -> int:
        """Sends an event again; returns how many deliveries that makes."""
        body: Json = {"event": event, "copies": copies}
        return int(self._call("POST", "/stripe/webhooks/resend", body)["deliveries"])

    def deliveries(self) -> list[Json]:
        """Returns all deliveries with their states and attempts."""
        found: list[Json] = self._call("GET", "/stripe/webhooks/deliveries")["deliveries"]
        return found

    def confirm(self, invoice: str) -> Json:
        """Authenticates an invoice's payment as its customer would on the hosted page."""
        return self._call("POST", f"/stripe/invoices/{invoice}/confirm")

    def fail_authentication(self, invoice: str) -> Json:
        """Fails that authentication."""
        return self._call("POST", f"/stripe/invoices/{invoice}/fail_authentication")

    def pay_on_page(self, invoice: str, payment_method: str = "pm_card_visa") -> Json:
        """Pays on the hosted page, by a reserved id or a test IBAN: {"invoice", "declined"}."""
        body = {"payment_method": payment_method}
        return self._call("POST", f"/stripe/invoices/{invoice}/pay_on_page", body)

    def settle(self, invoice: str, ending: str | None = None) -> Json:
        """Lets the bank answer a debit now: as its account does, or "succeeded" or "failed"."""
        body = {"ending": ending} if ending else {}
        return self._call("POST", f"/stripe/invoices/{invoice}/settle", body)

    def complete_checkout(self, session: str, payment_method: str = "pm_card_visa") -> Json:
        """Leaves a payment method on the Checkout page: {"session", "declined"}."""
        body = {"payment_method": payment_method}
        return self._call("POST", f"/stripe/checkout/{session}/complete", body)

    def authenticate_setup(self, setup_intent: str) -> Json:
        """Authenticates a setup intent that waits for its customer."""
        return self._call("POST", f"/stripe/setup_intents/{setup_intent}/authenticate")

    def roll_secret(self, endpoint: str, *, overlap_s: int = 86400) -> str:
        """Gives a webhook endpoint a new secret and returns it; the old one signs too meanwhile."""
        path = f"/stripe/webhook_endpoints/{endpoint}/roll_secret"
        return str(self._call("POST", path, {"overlap_s": overlap_s})["secret"])

    def refuse_keys(self, *keys: str) -> None:
        """Sets the keys that are refused."""
        self._call("POST", "/stripe/refused_keys", {"keys": list(keys)})
