"""Weight, first contentful paint and server time of each page of the dashboard."""

import re
import secrets
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

import httpx
import uvloop
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from cli.local.process import wait_until
from domain.apps.api_keys import KEY_BYTES, new_key
from domain.apps.commands import CreateKey
from eventlog.database.connect import connect
from eventlog.log import Log
from eventlog.security.vault import Vault
from service.dashboard.guard import COOKIE
from service.dashboard.pages import NAVIGATION
from tests.benchmarks.app_fixture import billing_on, make_shop
from tests.benchmarks.environment import Child, Stage
from tests.benchmarks.report import Report, say
from tests.benchmarks.summary_statistics import percentiles, rounded
from tests.benchmarks.workload import Effort
from tests.projections.harness import append, paid_invoices
from tests.projections.subscriptions.random_events import provider_subscription, started
from tests.support.chromium import chromium

WEIGHT_LIMIT_KB: Final = 400
PAINT_LIMIT_MS: Final = 1_000
SERVER_LIMIT_MS: Final = 50
_INVOICES_AN_APPEND: Final = 100
_SUBSCRIPTION_SHARE: Final = 10
_FOLLOW_TIMEOUT_S: Final = 600
_BEHIND: Final = (
    "SELECT count(*) FROM read.positions"
    " WHERE projection IN ('invoices', 'subscriptions', 'access') AND position < %s"
)
_ASSET: Final = re.compile(r'(?:href|src)="(/dashboard/assets/[^"]+)"')
_TOKEN: Final = re.compile(r'name="form_token" value="([^"]+)"')
_PAINT: Final = (
    "() => new Promise(found => { const read = () => {"
    " const entry = performance.getEntriesByName('first-contentful-paint')[0];"
    " entry ? found(entry.startTime) : setTimeout(read, 10); }; read(); })"
)


@dataclass(frozen=True)
class _System:
    """The service with a filled read model, and one object of each kind that has a page."""

    server: Child
    key: str
    paths: dict[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"


def measure(stage: Stage, effort: Effort, report: Report) -> dict[str, object]:
    """Fetch each page over and over, then open it in Chromium with an empty cache."""
    with _running(stage, effort) as system, httpx.Client(base_url=system.url) as client:
        cookie = _sign_in(client, system.key)
        pages: dict[str, dict[str, object]] = {}
        for name, path in system.paths.items():
            say(f"dashboard: {path}")
            cpu_s = system.server.cpu_s()
            pages[name] = _fetched(client, path, requests=effort.requests, report=report)
            cpu_s = system.server.cpu_s() - cpu_s
            pages[name]["server_cpu_ms"] = rounded(1000 * cpu_s / effort.requests)
        for name, paints_ms in _paints(system, cookie, rounds=effort.rounds):
            pages[name]["first_contentful_paint_ms"] = paints_ms
    return {
        "invoices": effort.invoices,
        "subscriptions": effort.invoices // _SUBSCRIPTION_SHARE,
        "limits": {
            "weight_kb": WEIGHT_LIMIT_KB,
            "first_contentful_paint_ms": PAINT_LIMIT_MS,
            "server_p95_ms": SERVER_LIMIT_MS,
        },
        "pages": pages,
    }


@contextmanager
def _running(stage: Stage, effort: Effort) -> Iterator[_System]:
    dsn, master_key = stage.database("dashboard"), Vault.new_key()
    app_id = UUID(make_shop(dsn, master_key=master_key).app_id)
    key = _admin_key(dsn, app_id)
    head, paths = uvloop.run(_fill(dsn, app_id, invoices=effort.invoices))
    ours = {
        "BILLHOOK_DATABASE_URL": dsn,
        "BILLHOOK_MASTER_KEYS": master_key,
        "BILLHOOK_PORT": "{port}",
        "BILLHOOK_PROCESSES": str(effort.processes),
    }
    with ExitStack() as stack:
        stack.enter_context(stage.running("projections", environment=ours))
        server = stack.enter_context(
            stage.serving("service", environment=ours, ready_path="/readyz")
        )
        _wait_for_projections(dsn, head)
        yield _System(server, key, paths)


def _admin_key(dsn: str, app_id: UUID) -> str:
    made = new_key("admin", secrets.token_bytes(KEY_BYTES))
    with billing_on(dsn) as billing:
        billing.create_key(
            CreateKey(
                app_id=app_id,
                key_id=uuid4(),
                kind="admin",
                key_sha256=made.sha256,
                prefix=made.prefix,
                actor="operator",
            ),
            occurred_at=datetime.now(UTC),
        )
    return made.text


async def _fill(dsn: str, app_id: UUID, *, invoices: int) -> tuple[int, dict[str, str]]:
    """Append paid invoices and subscriptions of the last year; return the head and the pages."""
    log = await Log.open_async(dsn)
    now, first = datetime.now(UTC), None
    for start in range(0, invoices, _INVOICES_AN_APPEND):
        at = now - timedelta(days=365) * (1 - start / invoices)
        some = paid_invoices(_INVOICES_AN_APPEND, app_id=app_id, occurred_at=at)
        first = first or some[0].id
        await append(log, *some)
    last = None
    for number in range(invoices // _SUBSCRIPTION_SHARE):
        at_s = int((now - timedelta(hours=number % 8_000)).timestamp())
        last = started(app_id, snapshot=provider_subscription(started_at=at_s, as_of=at_s))
        await append(log, last)
    head = await log.head_async()
    await log.close_async()
    paths = {name: path for path, name in NAVIGATION}
    paths |= {
        "Drift": "/dashboard/operations/drift",
        "Event log": "/dashboard/operations/log",
        "Recurring revenue": "/dashboard/recurring-revenue?mode=test&currency=eur",
        "An invoice": f"/dashboard/invoices/{first}",
        "A subscription": f"/dashboard/subscriptions/{None if last is None else last.id}",
    }
    return head, paths


def _wait_for_projections(dsn: str, head: int) -> None:
    with connect(dsn, application_name="benchmark") as connection:

        def is_there() -> bool:
            row = connection.execute(_BEHIND, [head]).fetchone()
            return row is not None and row[0] == 0

        if not wait_until(is_there, timeout_s=_FOLLOW_TIMEOUT_S):
            raise RuntimeError("the projections do not catch up")


def _sign_in(client: httpx.Client, key: str) -> str:
    """Sign in as a browser does; the session's cookie."""
    found = _TOKEN.search(client.get("/dashboard/sign-in").text)
    token = "" if found is None else found[1]
    response = client.post("/dashboard/sign-in", data={"form_token": token, "key": key})
    cookie = response.cookies.get(COOKIE)
    if cookie is None:
        raise RuntimeError(f"sign-in was answered with {response.status_code}")
    return cookie


def _fetched(
    client: httpx.Client, path: str, *, requests: int, report: Report
) -> dict[str, object]:
    """Return the weight of a page with all that it loads, and times to its whole answer."""
    times_s = []
    for _ in range(requests):
        started_s = time.perf_counter()
        response = client.get(path)
        times_s.append(time.perf_counter() - started_s)
        if response.status_code != httpx.codes.OK:
            report.fail(f"dashboard: {path} was answered with {response.status_code}")
    page_bytes = response.num_bytes_downloaded
    loaded = [client.get(asset) for asset in dict.fromkeys(_ASSET.findall(response.text))]
    weight_kb = (page_bytes + sum(one.num_bytes_downloaded for one in loaded)) / 1000
    if weight_kb > WEIGHT_LIMIT_KB:
        report.fail(f"dashboard: {path} weighs {weight_kb:.0f} kB")
    return {
        "weight_kb": rounded(weight_kb),
        "of_this_page_alone_kb": rounded(page_bytes / 1000),
        "server": percentiles(times_s),
    }


def _paints(system: _System, cookie: str, *, rounds: int) -> Iterator[tuple[str, float | None]]:
    """Yield the median first contentful paint of each page; None without a Chromium."""
    executable = chromium()
    if executable is None:
        say("dashboard: no Chromium on PATH, so no first contentful paint")
        yield from ((name, None) for name in system.paths)
        return
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=executable, args=options)
        for name, path in system.paths.items():
            paints_ms = []
            for _ in range(rounds):
                with _visitor(browser, cookie) as context:
                    page = context.new_page()
                    page.goto(system.url + path)
                    paints_ms.append(float(page.evaluate(_PAINT)))
            yield name, rounded(statistics.median(paints_ms))
        browser.close()


@contextmanager
def _visitor(browser: Browser, cookie: str) -> Iterator[BrowserContext]:
    """Open a browser context that is signed in and has cached nothing."""
    with browser.new_context(viewport={"width": 1280, "height": 820}) as context:
        context.add_cookies(
            [{"name": COOKIE, "value": cookie, "domain": "127.0.0.1", "path": "/dashboard"}]
        )
        yield context
