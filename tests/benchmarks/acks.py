"""Acknowledgements per second: the service beside a no-op and beside a save() in a thread."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Final

from cli.local.process import wait_until
from domain.events import INVOICE_TOPICS
from eventlog.database.connect import connect
from tests.benchmarks.callers import Callers
from tests.benchmarks.environment import Stage
from tests.benchmarks.load import Plan
from tests.benchmarks.messages import KINDS, Kind, Shop
from tests.benchmarks.report import Report, say
from tests.benchmarks.servers import OK, Contender, contenders
from tests.benchmarks.summary_statistics import Figures, medians, ratio
from tests.benchmarks.workload import CALLERS, Effort

_DRAIN_TIMEOUT_S: Final = 120
_SETTLED: Final = """
SELECT NOT EXISTS (
    SELECT FROM eventlog.events WHERE topic = ANY(%s) AND position > (
        SELECT position FROM read.positions WHERE projection = 'invoices'))
"""


def measure(stage: Stage, effort: Effort, report: Report) -> dict[str, object]:
    """Run the contenders in turns, then compare acknowledged events with recorded ones."""
    with ExitStack() as stack:
        shop, racing = stack.enter_context(contenders(stage, effort))
        callers = stack.enter_context(Callers())
        race = Race(stage, shop, racing, callers, effort)
        found: dict[str, object] = {kind: race.run(kind) for kind in KINDS}
        found["recorded"] = race.compare(report)
        return found


class Race:
    """Rounds in which all contenders bear the same load, one after the other."""

    def __init__(
        self,
        stage: Stage,
        shop: Shop,
        contenders: list[Contender],
        callers: Callers,
        effort: Effort,
    ) -> None:
        self._stage = stage
        self._shop = shop
        self._contenders = contenders
        self._callers = callers
        self._effort = effort
        self._acked: Counter[tuple[str, Kind]] = Counter()
        self._wrong: Counter[str] = Counter()

    def run(self, kind: Kind) -> dict[str, object]:
        """Measure with few callers and many."""
        found: dict[str, object] = {}
        for callers in CALLERS:
            rounds: defaultdict[str, list[Figures]] = defaultdict(list)
            racing = [one for one in self._contenders if kind in one.kinds]
            for _ in range(self._effort.ack_rounds):
                for contender in racing:
                    rounds[contender.name].append(self._turn(contender, kind, callers=callers))
            found[str(callers)] = _compared(rounds)
            say(f"{kind}, {callers} callers, per second: {_summary(rounds)}")
        return found

    def _turn(self, contender: Contender, kind: Kind, *, callers: int) -> Figures:
        plan = Plan(
            port=contender.server.port,
            kind=kind,
            shop=self._shop,
            callers=callers,
            seconds=self._effort.ack_s,
            warm_up_s=self._effort.warm_up_s,
            expected=contender.accepted if kind == "requests" else OK,
        )
        before = self._cpu_s(contender)
        result = self._callers.carry_out(plan)
        cpu_ms = {
            f"{process}_cpu_ms": (cpu_s - before[process]) * 1000 / max(result.acked, 1)
            for process, cpu_s in self._cpu_s(contender).items()
        }
        self._acked[contender.name, kind] += result.acked
        for what, number in result.wrong.items():
            self._wrong[f"{contender.name}, {kind}: {what}"] += number
        self._drain()
        return {
            "per_second": result.per_second,
            "p50_ms": result.p50_ms,
            "p95_ms": result.p95_ms,
            "p99_ms": result.p99_ms,
            "p99_to_p50": result.p99_ms / result.p50_ms if result.p50_ms else 0,
            **cpu_ms,
            "client_cpu": result.client_cpu,
        }

    def _cpu_s(self, contender: Contender) -> dict[str, float]:
        """Return the processor time of each kind of process that works for a contender."""
        used = {"server": contender.server.cpu_s(), "postgresql": self._stage.database_cpu_s()}
        if contender.followers is not None:
            used["projections"] = contender.followers.cpu_s()
        return used

    def _drain(self) -> None:
        """Wait for the projections, so that the next turn does not share their load."""
        dsn = next(one.dsn for one in self._contenders if one.name == "service")
        assert dsn is not None
        with connect(dsn, application_name="benchmark") as connection:

            def settled() -> bool:
                row = connection.execute(_SETTLED, [list(INVOICE_TOPICS)]).fetchone()
                return row is not None and bool(row[0])

            if not wait_until(settled, timeout_s=_DRAIN_TIMEOUT_S):
                raise RuntimeError("the projections do not catch up")

    def compare(self, report: Report) -> dict[str, object]:
        """Count what is recorded; what was acknowledged and is not there is a failure."""
        found: dict[str, object] = {}
        for contender in self._contenders:
            if contender.dsn is None:
                continue
            for kind in contender.kinds:
                acked, recorded = self._acked[contender.name, kind], contender.recorded(kind)
                found[f"{contender.name}_{kind}"] = {"acked": acked, "recorded": recorded}
                if acked != recorded:
                    report.fail(f"{contender.name}: {acked} {kind} acked, {recorded} recorded")
        for what, number in self._wrong.items():
            report.fail(f"{what}: {number} times")
        return found


def _summary(rounds: Mapping[str, list[Figures]]) -> str:
    """Format the medians as one line."""
    rates = {name: medians(figures)["per_second"] for name, figures in rounds.items()}
    return ", ".join(f"{name} {rate:,.0f}" for name, rate in rates.items())


def _compared(rounds: dict[str, list[Figures]]) -> dict[str, object]:
    rates = {name: [one["per_second"] for one in figures] for name, figures in rounds.items()}
    rivals = [name for name in rates if name != "service"]
    ratios = {f"service_to_{name}": ratio(rates["service"], rates[name]) for name in rivals}
    ratios["group_commit_to_eventsourcing"] = ratio(rates["group_commit"], rates["eventsourcing"])
    return {name: medians(figures) for name, figures in rounds.items()} | ratios
