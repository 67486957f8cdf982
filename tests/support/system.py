"""The whole system as `billhook up` runs it, and a caller of its API."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar
from uuid import uuid4

import httpx
import psutil

from cli.local.clusters import KeptCluster, kept_clusters, remove_cluster
from tests.support import plain_http
from tests.support.processes import children_of, ending_with_tests
from tests.support.stripe_account import Account
from tests.support.wait_until import DEADLINE_S

Json = dict[str, Any]
T = TypeVar("T")

DEMO_STRIPE_KEY = "sk_test_billhook_demo"
DEMO_MOLLIE_KEY = "test_billhook_demo"
_START_TIMEOUT_S = 2 * DEADLINE_S
_STOP_TIMEOUT_S = DEADLINE_S
_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 0.25


def eventually(look: Callable[[], T], *, timeout_s: float = DEADLINE_S) -> T:
    """Repeat a query until it returns a value; on a time-out the error shows the last one.

    Pauses grow: a query costs the system more than the test waits longer.
    """
    deadline, pause_s = time.monotonic() + timeout_s, _FIRST_PAUSE_S
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"not in {timeout_s} s; seen last: {seen!r}")
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)


_FOR_TESTS = {
    # It would call the sandbox between the calls that a test counts or lets fail.
    "BILLHOOK_RECONCILE": "false",
    "BILLHOOK_RESEND_AFTER_S": "5",
    "BILLHOOK_FAILED_LOOKUPS_PER_MINUTE": "1000000",  # all tests are one peer
}


class System:
    """`billhook up` in a data folder of its own, on free ports, with BILLHOOK_* `settings`."""

    def __init__(self, folder: Path, *, processes: int = 1, **settings: object) -> None:
        self._settings = {f"BILLHOOK_{name.upper()}": str(it) for name, it in settings.items()}
        self.data_dir = folder / "data"
        self._out = folder / "up.out"
        self._processes = processes
        self._port = self._sandbox_port = 0
        self._up: subprocess.Popen[bytes] | None = None
        self.demo: Json = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if os.geteuid() == 0:
            self._remove_database()

    def start(self) -> None:
        """Start, and return when it says that it is ready. Ports stay over restarts."""
        kept = {name: value for name, value in os.environ.items() if "BILLHOOK_" not in name}
        recording = {
            name: value
            for name, value in os.environ.items()
            if name.startswith("BILLHOOK_SANDBOX_RECORD")
        }
        options = ["--data-dir", str(self.data_dir), "--processes", str(self._processes)]
        options += ["--port", str(self._port), "--sandbox-port", str(self._sandbox_port)]
        self._out.write_bytes(b"")
        with self._out.open("wb") as out:
            self._up = subprocess.Popen(
                ending_with_tests([sys.executable, "-m", "cli", "up", "--json", *options]),
                env=kept | recording | _FOR_TESTS | self._settings,
                stdout=out,
                stderr=out,
            )
        eventually(self._is_ready, timeout_s=_START_TIMEOUT_S)
        self.demo = json.loads((self.data_dir / "demo.json").read_text())
        self._port = httpx.URL(self.demo["base_url"]).port or 0
        self._sandbox_port = httpx.URL(self.demo["sandbox_url"]).port or 0

    def _is_ready(self) -> bool:
        assert self._up is not None
        output = self._out.read_text()
        if self._up.poll() is not None:
            raise AssertionError(f"billhook up ended with {self._up.returncode}:\n{output}")
        return '"base_url"' in output or '"ready"' in output

    def stop(self) -> None:
        """Ctrl-C."""
        if self._up is not None and self._up.poll() is None:
            self._up.send_signal(signal.SIGINT)
            self._up.wait(_STOP_TIMEOUT_S)

    def kill(self) -> None:
        """SIGKILL `up` itself, and see that nothing of it lives on."""
        assert self._up is not None
        self._up.kill()
        self._up.wait(_STOP_TIMEOUT_S)

    def _remove_database(self) -> None:
        """Remove the database that root has outside of the data folder."""

        def ours() -> list[KeptCluster]:
            data_dir = self.data_dir.resolve()
            return [one for one in kept_clusters() if one.data_folder == data_dir]

        eventually(lambda: all(one.state != "running" for one in ours()))
        for one in ours():
            remove_cluster(one.key)

    @property
    def pid(self) -> int:
        """The id of `up` itself."""
        assert self._up is not None
        return self._up.pid

    def child(self, *arguments: str) -> psutil.Process:
        """Find the process whose command line has all the words."""

        def look() -> list[psutil.Process]:
            return [
                process
                for process in children_of(self.data_dir)
                if all(argument in " ".join(process.cmdline()) for argument in arguments)
            ]

        return eventually(look)[0]

    def account(self) -> Account:
        """The demo's Stripe account, as its owner sees it."""
        return Account(self.demo["sandbox_url"], DEMO_STRIPE_KEY)

    def caller(self) -> Caller:
        """A caller with the demo's keys."""
        return Caller(self.demo)


class Caller:
    """Calls the canonical API with an app's keys."""

    def __init__(self, demo: Json) -> None:
        self.demo = demo
        self.app_path = f"/api/v1/apps/{demo['app_id']}"
        self.http = plain_http.client(base_url=demo["base_url"], timeout=70)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def headers(self, kind: str) -> dict[str, str]:
        """The three headers of an app key."""
        return {
            "x-api-key": self.demo[f"{kind}_key"],
            "x-api-key-type": kind,
            "x-client-id": self.demo["app_id"],
        }

    def get(self, path: str, **query: str) -> Json:
        """GET below the app; answers other than 200 are errors of the test."""
        answer = self.http.get(self.app_path + path, params=query, headers=self.headers("read"))
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def add_tenant(self, customer: str) -> str:
        """Make a tenant that pays as this Stripe customer; returns its UUID."""
        tenant_id = str(uuid4())
        link = {"connection": self.demo["stripe_connection"], "customerId": customer}
        answer = self.http.put(
            f"{self.app_path}/tenants/{tenant_id}",
            json={"name": "Ada", "providerCustomers": [link]},
            headers=self.headers("write"),
        )
        assert answer.status_code == 200, answer.text
        return tenant_id

    def body(self, tenant_id: str) -> Json:
        """The request that most tests send."""
        line = {"name": "Pro Plan", "price": self.demo["prices"]["one_time"]}
        return {"tenantUuid": tenant_id, "lineItems": [line], "type": "payment"}

    def post_invoice(
        self, tenant_id: str, *, key: str | None = None, prefer: str | None = None, **more: Any
    ) -> httpx.Response:
        """Request an invoice."""
        headers = self.headers("write")
        headers |= {"Idempotency-Key": key} if key else {}
        headers |= {"Prefer": prefer} if prefer else {}
        return self.http.post(
            f"{self.app_path}/tenants/{tenant_id}/payment-providers/stripe/invoices",
            json=self.body(tenant_id) | more,
            headers=headers,
        )

    def list_after(self, write: httpx.Response, tenant_id: str, **query: str) -> list[Json]:
        """List a tenant's invoices as they are once a write is readable."""
        position = write.headers["X-Billhook-Position"]
        page = self.get(f"/tenants/{tenant_id}/invoices", minPosition=position, **query)
        items: list[Json] = page["items"]
        return items

    def invoice(self, invoice_id: str) -> Json:
        """Get one invoice."""
        found: Json = self.get(f"/invoices/{invoice_id}")["items"][0]
        return found

    def timeline(self, invoice_id: str) -> list[Json]:
        """Get an invoice's timeline."""
        found: list[Json] = self.get(f"/invoices/{invoice_id}/events")["items"]
        return found
