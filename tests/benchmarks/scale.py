"""Requests per second of the API in two processes, or on two machines, beside one."""

import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from cli.local.process import wait_until
from eventlog.security.vault import Vault
from tests.benchmarks.app_fixture import make_shop
from tests.benchmarks.callers import Callers
from tests.benchmarks.environment import Child, Stage
from tests.benchmarks.load import HOST, Plan
from tests.benchmarks.messages import Kind, Shop
from tests.benchmarks.namespaces import Network, missing, network, program_in
from tests.benchmarks.report import Report, say
from tests.benchmarks.summary_statistics import Figures, medians, ratio
from tests.benchmarks.workload import Effort

_CALLERS: Final = 32
_EXPECTED: Final[dict[Kind, int]] = {"refused": 400, "webhooks": 200}
_NUMBERS: Final = (1, 2)
_PORT: Final = 8000
_START_TIMEOUT_S: Final = 60


@dataclass(frozen=True)
class _Target:
    """Processes of the API that share the load: one for each host, or all on one."""

    children: Sequence[Child]
    port: int
    hosts: Sequence[str] = (HOST,)


def measure(stage: Stage, effort: Effort, report: Report) -> dict[str, object]:
    """Run both in turns: requests that are refused without the database, and webhooks."""
    dsn, master_key = stage.database("scale"), Vault.new_key()
    shop = make_shop(dsn, master_key=master_key)
    ours = {
        "BILLHOOK_DATABASE_URL": dsn,
        "BILLHOOK_MASTER_KEYS": master_key,
        "BILLHOOK_PORT": "{port}",
        "BILLHOOK_RATE_LIMIT_PER_MINUTE": "10000000",
        "BILLHOOK_APP_RATE_LIMIT_PER_MINUTE": "10000000",
    }
    with ExitStack() as stack:
        stack.enter_context(stage.running("projections", environment=ours))
        targets = {
            processes: stack.enter_context(
                stage.serving(
                    "service",
                    environment=ours | {"BILLHOOK_PROCESSES": str(processes)},
                    ready_path="/readyz",
                )
            )
            for processes in _NUMBERS
        }
        run = _Run(stage, shop, stack.enter_context(Callers()), effort, report)
        found = run.all_kinds(
            {number: _Target([child], child.port) for number, child in targets.items()}
        )
        if effort.namespaces:
            found["machines"] = _machines(stage, stack, run, ours, report)
        return found


def _machines(
    stage: Stage, stack: ExitStack, run: "_Run", ours: Mapping[str, str], report: Report
) -> dict[str, object] | None:
    """Compare two machines of one process each with one of them; None without namespaces."""
    if lacking := missing():
        report.fail(f"scale --namespaces needs {' and '.join(lacking)}")
        return None
    joined = stack.enter_context(network(servers=max(_NUMBERS)))
    children = [
        stack.enter_context(
            stage.running(
                "service",
                environment=ours | {"BILLHOOK_HOST": server.address, "BILLHOOK_PORT": str(_PORT)},
                program=(*program_in(server.namespace), sys.executable, "-m"),
            )
        )
        for server in joined.servers
    ]
    if not wait_until(lambda: _are_ready(joined), timeout_s=_START_TIMEOUT_S):
        report.fail("scale: the API did not start in its namespaces")
        return None
    callers = stack.enter_context(Callers(program=program_in(joined.callers)))
    hosts = [server.address for server in joined.servers]
    targets = {n: _Target(children[:n], _PORT, hosts[:n]) for n in _NUMBERS}
    return run.with_callers(callers).all_kinds(targets)


def _are_ready(joined: Network) -> bool:
    """Return whether all servers answer the callers' namespace."""
    urls = [f"http://{server.address}:{_PORT}/readyz" for server in joined.servers]
    look = f"import urllib.request as u; [u.urlopen(url, timeout=5) for url in {urls}]"
    command = [*program_in(joined.callers), sys.executable, "-c", look]
    return not subprocess.run(command, capture_output=True, check=False).returncode


class _Run:
    """Turns of one and two processes or machines, under the same load."""

    def __init__(
        self, stage: Stage, shop: Shop, callers: Callers, effort: Effort, report: Report
    ) -> None:
        self._stage = stage
        self._shop = shop
        self._callers = callers
        self._effort = effort
        self._report = report

    def with_callers(self, callers: Callers) -> "_Run":
        """Return the same with callers elsewhere."""
        return _Run(self._stage, self._shop, callers, self._effort, self._report)

    def all_kinds(self, targets: Mapping[int, _Target]) -> dict[str, object]:
        """Measure each kind of request."""
        return {kind: self._compare(targets, kind) for kind in _EXPECTED}

    def _compare(self, targets: Mapping[int, _Target], kind: Kind) -> dict[str, object]:
        rounds: defaultdict[int, list[Figures]] = defaultdict(list)
        for _ in range(self._effort.ack_rounds):
            for number, target in targets.items():
                rounds[number].append(self._turn(target, kind))
        one, two = ([turn["per_second"] for turn in rounds[number]] for number in _NUMBERS)
        gain = ratio(two, one)
        what = "processes" if len(targets[2].hosts) == 1 else "machines"
        say(f"{kind}: two {what} do {gain} x of one")
        return {str(number): medians(turns) for number, turns in rounds.items()} | {
            "two_to_one": gain
        }

    def _turn(self, target: _Target, kind: Kind) -> Figures:
        plan = Plan(
            port=target.port,
            hosts=target.hosts,
            kind=kind,
            shop=self._shop,
            callers=_CALLERS,
            seconds=self._effort.ack_s,
            warm_up_s=self._effort.warm_up_s,
            expected=_EXPECTED[kind],
        )
        server_s, database_s = _cpu_s(target), self._stage.database_cpu_s()
        result = self._callers.carry_out(plan)
        per_request = 1000 / max(result.acked, 1)
        for what, number in result.wrong.items():
            self._report.fail(f"scale, {kind}: {what}: {number} times")
        return {
            "per_second": result.per_second,
            "p50_ms": result.p50_ms,
            "p99_ms": result.p99_ms,
            "server_cpu_ms": (_cpu_s(target) - server_s) * per_request,
            "postgresql_cpu_ms": (self._stage.database_cpu_s() - database_s) * per_request,
            "client_cpu": result.client_cpu,
        }


def _cpu_s(target: _Target) -> float:
    return sum(child.cpu_s() for child in target.children)
