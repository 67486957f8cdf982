"""Measure invoices through the whole system: POST, paid at the provider, visible in the list."""

import http.client
import json
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import psycopg

from cli.local.files import saved_settings
from tests.benchmarks.environment import Stage
from tests.benchmarks.report import Report, say
from tests.benchmarks.summary_statistics import percentiles, rounded
from tests.benchmarks.system_cpu import cpu_since, cpu_times
from tests.benchmarks.workload import Effort
from tests.support.system import Caller, System

_SIMULTANEOUS: Final = (1, 16)
_WARM_UP: Final = 2
"""Invoices of each caller before those that are measured."""
_ANSWER_TIMEOUT_S: Final = 70
_LOOK_EVERY_S: Final = 0.25
_COUNTERS: Final = """
    SELECT (SELECT max(position) FROM eventlog.events)::int8 AS events,
        (SELECT sum(xact_commit) FROM pg_stat_database)::int8 AS transactions,
        (SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal')::int8 AS wal_syncs
"""
_QUIET: Final = """
    SELECT NOT EXISTS (SELECT FROM work.jobs) AND NOT EXISTS (
        SELECT FROM eventlog.followers
        WHERE position < (SELECT max(position) FROM eventlog.events)
    )
"""
Figure = dict[str, Any]


def measure(_: Stage, effort: Effort, report: Report) -> dict[str, object]:
    """Post invoices from one caller, then from many, to `billhook up` without provider latency."""
    with (
        tempfile.TemporaryDirectory(prefix="billhook-pipeline-") as folder,
        System(Path(folder)) as system,
    ):
        load = Load(system, report)
        load.post(callers=max(_SIMULTANEOUS), each=_WARM_UP)
        found: dict[str, object] = {}
        for callers in _SIMULTANEOUS:
            rounds = [
                load.measured(callers=callers, each=max(effort.pipeline // callers, 1))
                for _ in range(effort.rounds)
            ]
            found[f"{callers}_callers"] = figures = _median_round(rounds)
            say(f"{callers} callers: {figures}")
    return found


def _median_round(rounds: list[Figure]) -> Figure:
    """Return the round with the median processor time: its figures belong together."""
    ordered = sorted(rounds, key=lambda one: float(one["cpu_ms_without_sandbox"]))
    return ordered[len(ordered) // 2]


class Load:
    """Callers of the demo's app, each with a tenant of its own."""

    def __init__(self, system: System, report: Report) -> None:
        self._system = system
        self._report = report
        with system.account() as account, system.caller() as caller:
            customers = [account.add_customer() for _ in range(max(_SIMULTANEOUS))]
            self._tenants = [caller.add_tenant(customer) for customer in customers]

    def measured(self, *, callers: int, each: int) -> Figure:
        """Post invoices and return their figures, with all that the system does after them."""
        with self._counted(callers * each) as figure:
            started_s = time.perf_counter()
            times_s = self.post(callers=callers, each=each)
            figure["per_second"] = rounded(callers * each / (time.perf_counter() - started_s))
        return percentiles(times_s) | figure

    def post(self, *, callers: int, each: int) -> list[float]:
        """Post so many invoices from each caller; the seconds until each was seen paid."""
        with ThreadPoolExecutor(callers) as pool:
            tenants = self._tenants[:callers]
            posted = pool.map(lambda tenant_id: self._post(tenant_id, each), tenants)
            return [time_s for times_s in posted for time_s in times_s]

    def await_quiet(self, *, timeout_s: float) -> None:
        """Wait until every event is followed and every job done. Raises RuntimeError."""
        with self._session() as session:
            _await_quiet(session, timeout_s=timeout_s)

    def _session(self) -> psycopg.Connection[tuple[object, ...]]:
        dsn = saved_settings(self._system.data_dir)["BILLHOOK_DATABASE_URL"]
        return psycopg.connect(dsn, autocommit=True)

    def _post(self, tenant_id: str, each: int) -> list[float]:
        with self._system.caller() as caller, closing(_Connection(caller)) as connection:
            times_s = []
            for _ in range(each):
                started_s = time.perf_counter()
                if fault := connection.post_and_see(tenant_id):
                    self._report.fail(f"an invoice was not seen paid: {fault}")
                times_s.append(time.perf_counter() - started_s)
        return times_s

    @contextmanager
    def _counted(self, invoices: int) -> Iterator[Figure]:
        """Yield a dictionary that gets the costs of an invoice once the system is quiet."""
        figure: Figure = {"invoices": invoices}
        with self._session() as session, self._system.account() as account:
            _await_quiet(session)
            account.admin.forget_requests()
            counted, cpu = _counters(session), cpu_times(self._system)
            yield figure
            _await_quiet(session)
            used = cpu_since(cpu, cpu_times(self._system))
            calls = account.admin.requests()
            after = _counters(session)
        cpu_ms = {role: 1000 * cpu_s / invoices for role, cpu_s in used.items()}
        without = sum(cpu_ms.values()) - cpu_ms.get("sandbox", 0)
        figure |= {
            "cpu_ms_without_sandbox": rounded(without),
            "cpu_ms": {role: rounded(cost) for role, cost in sorted(cpu_ms.items())},
            "provider_calls": rounded(len(calls) / invoices),
            "calls": _by_endpoint(calls, invoices),
        }
        figure |= {name: rounded((after[name] - counted[name]) / invoices) for name in after}


class _Connection:
    """A caller's connection, cheap enough not to be what is measured."""

    def __init__(self, caller: Caller) -> None:
        at = urlsplit(str(caller.demo["base_url"]))
        self._http = http.client.HTTPConnection(
            at.hostname or "", at.port, timeout=_ANSWER_TIMEOUT_S
        )
        self._caller = caller
        self._app_path = caller.app_path

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def post_and_see(self, tenant_id: str) -> str | None:
        """Request an invoice and list it; the fault, None where it is listed as paid."""
        path = f"{self._app_path}/tenants/{tenant_id}"
        headers = self._caller.headers("write") | {
            "Prefer": "wait=60",
            "Content-Type": "application/json",
        }
        body = json.dumps(self._caller.body(tenant_id))
        self._http.request("POST", f"{path}/payment-providers/stripe/invoices", body, headers)
        answer = self._http.getresponse()
        posted = json.loads(answer.read())
        if answer.status != HTTPStatus.OK:
            return f"answered with {answer.status}"
        position = answer.headers["X-Billhook-Position"]
        query = f"limit=1&minPosition={position}"
        self._http.request("GET", f"{path}/invoices?{query}", headers=self._caller.headers("read"))
        answer = self._http.getresponse()
        listed = json.loads(answer.read())
        if answer.status != HTTPStatus.OK:
            return f"listed with {answer.status}"
        newest, paid = listed["items"][0], posted["items"][0]
        is_seen = newest["id"] == paid["id"] and newest["status"] == "paid"
        return None if is_seen else f"listed as {newest['status']}"


def _await_quiet(
    session: psycopg.Connection[tuple[object, ...]], *, timeout_s: float = _ANSWER_TIMEOUT_S
) -> None:
    """Wait until every webhook is applied and every job done; ask seldom: that costs, too."""
    deadline_s = time.monotonic() + timeout_s
    while not _one(session, _QUIET)[0]:
        if time.monotonic() > deadline_s:
            raise RuntimeError("the system did not become quiet")
        time.sleep(_LOOK_EVERY_S)


def _counters(session: psycopg.Connection[tuple[object, ...]]) -> dict[str, int]:
    session.execute("SELECT pg_stat_force_next_flush()")
    names = ("events", "transactions", "wal_syncs")
    return {name: int(str(it)) for name, it in zip(names, _one(session, _COUNTERS), strict=True)}


def _one(session: psycopg.Connection[tuple[object, ...]], query: str) -> tuple[object, ...]:
    row = session.execute(query).fetchone()
    assert row is not None
    return row


def _by_endpoint(calls: list[dict[str, Any]], invoices: int) -> dict[str, float]:
    """Return the calls per invoice of each endpoint."""
    named = Counter(f"{call['method'].lower()} {_without_ids(call['path'])}" for call in calls)
    return {name: rounded(number / invoices) for name, number in named.most_common()}


def _without_ids(path: str) -> str:
    return re.sub(r"/[a-z]+_[0-9A-Za-z]*[0-9A-Z][0-9A-Za-z]*", "/*", path)
