"""Requests per second of the API in two processes beside one."""

from collections import defaultdict
from contextlib import ExitStack
from typing import Final

from eventlog.security.vault import Vault
from tests.benchmarks.app_fixture import make_shop
from tests.benchmarks.callers import Callers
from tests.benchmarks.environment import Child, Stage
from tests.benchmarks.load import Plan
from tests.benchmarks.messages import Kind, Shop
from tests.benchmarks.report import Report, say
from tests.benchmarks.summary_statistics import Figures, medians, ratio
from tests.benchmarks.workload import Effort

_CALLERS: Final = 32
_EXPECTED: Final[dict[Kind, int]] = {"refused": 400, "webhooks": 200}
_PROCESSES: Final = (1, 2)


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
        servers = {
            processes: stack.enter_context(
                stage.serving(
                    "service",
                    environment=ours | {"BILLHOOK_PROCESSES": str(processes)},
                    ready_path="/readyz",
                )
            )
            for processes in _PROCESSES
        }
        callers = stack.enter_context(Callers())
        run = _Run(stage, shop, callers, effort, report)
        return {kind: run.compare(servers, kind) for kind in _EXPECTED}


class _Run:
    """Turns of one and two processes, under the same load."""

    def __init__(
        self, stage: Stage, shop: Shop, callers: Callers, effort: Effort, report: Report
    ) -> None:
        self._stage = stage
        self._shop = shop
        self._callers = callers
        self._effort = effort
        self._report = report

    def compare(self, servers: dict[int, Child], kind: Kind) -> dict[str, object]:
        """Measure one kind of request."""
        rounds: defaultdict[int, list[Figures]] = defaultdict(list)
        for _ in range(self._effort.ack_rounds):
            for processes, server in servers.items():
                rounds[processes].append(self._turn(server, kind))
        one, two = ([turn["per_second"] for turn in rounds[number]] for number in _PROCESSES)
        gain = ratio(two, one)
        say(f"{kind}: two processes do {gain} x of one")
        return {str(number): medians(turns) for number, turns in rounds.items()} | {
            "two_to_one": gain
        }

    def _turn(self, server: Child, kind: Kind) -> Figures:
        plan = Plan(
            port=server.port,
            kind=kind,
            shop=self._shop,
            callers=_CALLERS,
            seconds=self._effort.ack_s,
            warm_up_s=self._effort.warm_up_s,
            expected=_EXPECTED[kind],
        )
        server_s, database_s = server.cpu_s(), self._stage.database_cpu_s()
        result = self._callers.carry_out(plan)
        per_request = 1000 / max(result.acked, 1)
        for what, number in result.wrong.items():
            self._report.fail(f"scale, {kind}: {what}: {number} times")
        return {
            "per_second": result.per_second,
            "p50_ms": result.p50_ms,
            "p99_ms": result.p99_ms,
            "server_cpu_ms": (server.cpu_s() - server_s) * per_request,
            "postgresql_cpu_ms": (self._stage.database_cpu_s() - database_s) * per_request,
            "client_cpu": result.client_cpu,
        }
