"""Weight, first contentful paint and server time of each page of the dashboard."""

import os
import re
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from service.dashboard.guard import COOKIE
from service.dashboard.pages import NAVIGATION
from tests.benchmarks.environment import Stage
from tests.benchmarks.filled_app import FilledApp, fill_app
from tests.benchmarks.other_rows import SUBSCRIPTION_SHARE
from tests.benchmarks.report import Report, say
from tests.benchmarks.summary_statistics import percentiles, rounded
from tests.benchmarks.workload import Effort
from tests.support.chromium import chromium

WEIGHT_LIMIT_KB: Final = 400
PAINT_LIMIT_MS: Final = 1_000
SERVER_LIMIT_MS: Final = 50
_ASSET: Final = re.compile(r'(?:href|src)="(/dashboard/assets/[^"]+)"')
_TOKEN: Final = re.compile(r'name="form_token" value="([^"]+)"')
_PAINT: Final = (
    "() => new Promise(found => { const read = () => {"
    " const entry = performance.getEntriesByName('first-contentful-paint')[0];"
    " entry ? found(entry.startTime) : setTimeout(read, 10); }; read(); })"
)


def measure(stage: Stage, effort: Effort, report: Report) -> dict[str, object]:
    """Fetch each page over and over, then open it in Chromium with an empty cache."""
    app = fill_app(stage, "dashboard", rows=effort.rows, processes=effort.processes)
    paths = _paths(app)
    with (
        stage.running("projections", environment=app.environment),
        stage.serving("service", environment=app.environment, ready_path="/readyz") as server,
        httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=60) as client,
    ):
        cookie = _sign_in(client, app.key)
        load_before = os.getloadavg()[0]
        pages: dict[str, dict[str, object]] = {}
        for name, path in paths.items():
            server_s, database_s = server.cpu_s(), stage.database_cpu_s()
            pages[name] = _fetched(client, path, requests=effort.requests, report=report)
            for kind, cpu_s in (
                ("server_cpu_ms", server.cpu_s() - server_s),
                ("database_cpu_ms", stage.database_cpu_s() - database_s),
            ):
                pages[name][kind] = rounded(1000 * cpu_s / (effort.requests + 1))
            say(f"dashboard: {path} {pages[name]}")
        load_after = os.getloadavg()[0]
        for name, paints_ms in _paints(str(client.base_url), paths, cookie, rounds=effort.rounds):
            pages[name]["first_contentful_paint_ms"] = paints_ms
    return {
        "invoices": effort.rows,
        "subscriptions": effort.rows // SUBSCRIPTION_SHARE,
        "load": [rounded(load_before), rounded(load_after)],
        "limits": {
            "weight_kb": WEIGHT_LIMIT_KB,
            "first_contentful_paint_ms": PAINT_LIMIT_MS,
            "server_p95_ms": SERVER_LIMIT_MS,
        },
        "pages": pages,
    }


def _paths(app: FilledApp) -> dict[str, str]:
    """Return each page of the navigation and those behind it, of an app and of its objects."""
    books = "mode=test&currency=eur"
    sample = app.samples[-1].view
    month_ago = (datetime.now(UTC) - timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {name: path for path, name in NAVIGATION} | {
        "Overview by day": f"/dashboard?interval=day&{books}",
        "Overview by week": f"/dashboard?interval=week&{books}",
        "Recurring revenue": f"/dashboard/recurring-revenue?{books}",
        "Recurring revenue of a kind": f"/dashboard/recurring-revenue?{books}&kind=churn",
        "Open invoices": "/dashboard/invoices?status=open",
        "Invoices paid lately": f"/dashboard/invoices?{books}&paidFrom={month_ago}",
        "Search": "/dashboard/invoices?q=blue+chair",
        "Failed payments": "/dashboard/movements?kind=failed",
        "Refunds": "/dashboard/movements?kind=refunds",
        "Disputes": "/dashboard/movements?kind=disputes",
        "Canceled subscriptions": "/dashboard/subscriptions?status=canceled",
        "Dead letters": "/dashboard/deliveries?state=dead",
        "Drift": "/dashboard/operations/drift",
        "Event log": "/dashboard/operations/log",
        "An invoice": f"/dashboard/invoices/{app.invoice.id}",
        "A subscription": f"/dashboard/subscriptions/{app.subscription.id}",
        "A tenant": f"/dashboard/tenants/{sample.tenant_id or app.tenant_id}",
    }


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
    client.get(path)  # warms up
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


def _paints(
    url: str, paths: dict[str, str], cookie: str, *, rounds: int
) -> Iterator[tuple[str, float | None]]:
    """Yield the median first contentful paint of each page; None without a Chromium."""
    executable = chromium()
    if executable is None:
        say("dashboard: no Chromium on PATH, so no first contentful paint")
        yield from ((name, None) for name in paths)
        return
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=executable, args=options)
        for name, path in paths.items():
            paints_ms = []
            for _ in range(rounds):
                with _visitor(browser, cookie) as context:
                    page = context.new_page()
                    page.goto(url + path)
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
