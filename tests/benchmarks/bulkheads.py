"""Measure one app's latency while a provider hangs, and while another app's provider is slow."""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg

from cli.local.files import saved_settings
from tests.benchmarks.app_fixture import make_shop
from tests.benchmarks.environment import Stage
from tests.benchmarks.messages import Shop
from tests.benchmarks.report import Report, say
from tests.benchmarks.summary_statistics import Figures, percentiles, rounded
from tests.benchmarks.workload import Effort
from tests.support.mollie_account import MollieAccount
from tests.support.stripe_account import Account
from tests.support.system import DEMO_MOLLIE_KEY, Caller, System, eventually

_STRIPE_CALL_MS: Final = 100
_SLOW_CALL_MS: Final = 3_000
_HANG_MS: Final = 120_000
_SIMULTANEOUS: Final = 40
_CALLERS: Final = 2
_MOST_WITH_HANGING_PROVIDER: Final = 1.5
_MOST_WITH_SLOW_APP: Final = 2.0


def measure(_: Stage, effort: Effort, report: Report) -> dict[str, object]:
    """Measure our POSTs alone, beside a slow app, alone again, and beside a hanging provider."""
    with tempfile.TemporaryDirectory(prefix="billhook-bulkheads-") as folder, ExitStack() as stack:
        system = stack.enter_context(System(Path(folder)))
        ours = stack.enter_context(system.account())
        ours.admin.set_latency(_STRIPE_CALL_MS)
        caller = stack.enter_context(system.caller())
        load = PostLoad(system, caller, requests=effort.requests)
        load.post_all()  # warms up connections and caches
        found: dict[str, object] = {}
        for name, disturbed, most in (
            ("slow_app", _slow_app(system), _MOST_WITH_SLOW_APP),
            ("hanging_provider", _hanging_provider(system, caller), _MOST_WITH_HANGING_PROVIDER),
        ):
            quiet = load.post_all()
            with disturbed():
                loaded = load.post_all()
            ratio = rounded(loaded["p95_ms"] / quiet["p95_ms"])
            say(f"{name}: quiet {quiet}, loaded {loaded}, p95 {ratio} times")
            found[name] = {"quiet": quiet, "loaded": loaded, "p95_ratio": ratio}
            if ratio >= most:
                report.fail(f"{name}: p95 is {ratio} times its quiet value, {most} is the most")
        return found


class PostLoad:
    """Our POSTs: each creates an invoice through Stripe and waits until it is paid.

    `callers`: so many send at a time, each its next request after an answer.
    """

    def __init__(
        self, system: System, caller: Caller, *, requests: int, callers: int = _CALLERS
    ) -> None:
        self._tenant_id = str(system.demo["tenant_id"])
        self._caller = caller
        self._requests = requests
        self._callers = callers

    def post_all(self) -> Figures:
        """Send the requests; percentiles of the time to the answer."""
        return percentiles(self.times_s())

    def times_s(self) -> list[float]:
        """Send the requests; seconds to each answer."""
        with ThreadPoolExecutor(self._callers) as pool:
            return list(pool.map(lambda _: self._post(), range(self._requests)))

    def _post(self) -> float:
        started_s = time.perf_counter()
        answer = self._caller.post_invoice(self._tenant_id, prefer="wait=60")
        took_s = time.perf_counter() - started_s
        if answer.status_code != HTTPStatus.OK:
            raise RuntimeError(f"answered with {answer.status_code}: {answer.text}")
        return took_s


def _hanging_provider(system: System, caller: Caller) -> Callable[[], Any]:
    """Return a block in which forty requests of our app through Mollie hang."""

    @contextmanager
    def hanging() -> Iterator[None]:
        line = {"name": "Pro", "price": system.demo["prices"]["one_time"]}
        body = {"tenantUuid": system.demo["tenant_id"], "lineItems": [line], "type": "payment"}
        path = f"/tenants/{system.demo['tenant_id']}/payment-providers/mollie/invoices"
        headers = caller.headers("write") | {"Prefer": "respond-async"}
        with MollieAccount(system.demo["sandbox_url"], DEMO_MOLLIE_KEY) as mollie:
            mollie.admin.set_latency(_HANG_MS)
            for _ in range(_SIMULTANEOUS):
                caller.http.post(caller.app_path + path, json=body, headers=headers)
            _await_calls(system, system.demo["mollie_connection"])
            yield
            mollie.admin.set_latency(0)

    return hanging


def _slow_app(system: System) -> Callable[[], Any]:
    """Return a block in which another app has forty requests, each call of which takes 3 s."""

    @contextmanager
    def slow() -> Iterator[None]:
        settings = saved_settings(system.data_dir)
        with Account(system.demo["sandbox_url"]) as account:
            shop = make_shop(
                settings["BILLHOOK_DATABASE_URL"],
                master_key=settings["BILLHOOK_MASTER_KEYS"],
                stripe_key=account.key,
                customer=account.add_customer(),
            )
            eventually(lambda: _post(system, shop, account.price) == HTTPStatus.ACCEPTED)
            account.admin.set_latency(_SLOW_CALL_MS)
            stop = threading.Event()
            callers = [
                threading.Thread(target=_repeat, args=[stop, system, shop, account.price])
                for _ in range(_SIMULTANEOUS)
            ]
            for thread in callers:
                thread.start()
            _await_calls(system, "stripe-1")
            yield
            stop.set()
            account.admin.set_latency(0)
            for thread in callers:
                thread.join()

    return slow


def _repeat(stop: threading.Event, system: System, shop: Shop, price: str) -> None:
    while not stop.is_set():
        _post(system, shop, price, prefer="wait=30")


def _post(system: System, shop: Shop, price: str, *, prefer: str = "respond-async") -> int:
    line = {"name": "Pro", "price": price}
    answer = httpx.post(
        f"{system.demo['base_url']}/api/v1/apps/{shop.app_id}/tenants/{shop.tenant_id}"
        "/payment-providers/stripe/invoices",
        json={"tenantUuid": shop.tenant_id, "lineItems": [line], "type": "payment"},
        headers={
            "x-api-key": shop.write_key,
            "x-api-key-type": "write",
            "x-client-id": shop.app_id,
            "Prefer": prefer,
        },
        timeout=70,
        trust_env=False,
    )
    return answer.status_code


def _await_calls(system: System, connection: str) -> None:
    """Wait until the connection has all the threads that it gets."""
    dsn = saved_settings(system.data_dir)["BILLHOOK_DATABASE_URL"]
    with psycopg.connect(dsn, autocommit=True) as session:
        query = "SELECT count(*)::int FROM work.jobs WHERE sent_at IS NOT NULL AND connection = %s"
        eventually(lambda: session.execute(query, [connection]).fetchall()[0][0] >= 5)
