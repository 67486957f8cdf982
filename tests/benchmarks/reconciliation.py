"""Measure an audit of a large account beside callers, and days of dropped webhooks."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any, Final

import psutil

from cli.local.files import saved_settings
from eventlog import persistence
from eventlog.log import Log
from projections.work.open_items import OpenItems
from tests.benchmarks.bulkheads import PostLoad
from tests.benchmarks.environment import Stage
from tests.benchmarks.report import Report, say
from tests.benchmarks.summary_statistics import Figures, rounded
from tests.benchmarks.workload import QUICK, Effort
from tests.support.mollie_account import MollieAccount
from tests.support.sandbox import SandboxProcess
from tests.support.stripe_account import Account
from tests.support.system import System
from tests.workers.mollie_harness import MollieBench
from tests.workers.reconciliation.nets import open_nets
from tests.workers.reconciliation.open_item_folding import Folding
from tests.workers.reconciliation.storm import MollieStorm, StripeStorm, weather
from tests.workers.stripe_harness import Bench
from workers.runtime import open_billing

_HISTORY: Final = 10_000
# The rates of Stripe's test mode, of which an audit has a fifth.
_RATES: Final = {
    "BILLHOOK_STRIPE_TEST_CALLS_PER_S": "25",
    "BILLHOOK_STRIPE_ENDPOINT_CALLS_PER_S": "25",
}
_MOST_CALLERS_RATIO: Final = 1.1
_MOST_GROWTH_MB: Final = 30


def measure(stage: Stage, effort: Effort, report: Report) -> dict[str, object]:
    """Measure the audit, and run days of both providers with each share of dropped webhooks."""
    is_quick = effort.rounds == QUICK.rounds
    objects, seeds, payments = (2_000, 2, 20) if is_quick else (100_000, 50, 2_000)
    found: dict[str, object] = {"audit": _audit(effort, report, objects=objects)}
    found["seeds"] = dict(
        sum((_day(stage, seed, 12, drop=0.1) for seed in range(seeds)), Counter())
    )
    started_s = time.monotonic()
    found["day"] = dict(_day(stage, seeds, payments // 2, drop=1.0))
    found["day_seconds"] = round(time.monotonic() - started_s)
    return found


# Days of dropped webhooks.


def _day(stage: Stage, seed: int, payments: int, *, drop: float) -> Counter[str]:
    """Run a day at each provider; it raises where something does not heal."""
    numbers: Counter[str] = Counter()
    for provider in ("stripe", "mollie"):
        dsn = stage.database(f"storm_{provider}_{seed}")
        with ExitStack() as stack:
            sandbox = stack.enter_context(SandboxProcess())
            log = Log.open(dsn)
            stack.callback(log.close)
            billing = open_billing(log, name="storm")
            stack.callback(persistence.register, "storm", None)
            items = OpenItems(dsn)
            items.open()
            stack.callback(items.close)
            bench: Bench | MollieBench
            if provider == "stripe":
                bench = Bench(log, billing, stack.enter_context(Account(sandbox.url)))
            else:
                bench = MollieBench(log, billing, stack.enter_context(MollieAccount(sandbox.url)))
            nets = stack.enter_context(open_nets(bench))
            storm = StripeStorm if provider == "stripe" else MollieStorm
            chance = Random(seed)  # noqa: S311 - chooses what happens
            day = weather(storm(nets, Folding(dsn, items), chance, drop), payments)
            say(f"seed {seed}, {provider}: {day}")
            numbers += Counter({f"{provider}_{name}": number for name, number in day.items()})
    return numbers


# The audit.


def _audit(effort: Effort, report: Report, *, objects: int) -> dict[str, object]:
    """Import an account's history, then audit it while callers post invoices."""
    with (
        tempfile.TemporaryDirectory(prefix="billhook-audit-") as folder,
        System(Path(folder)) as system,
        system.account() as account,
        system.caller() as caller,
    ):
        for start in range(0, objects, _HISTORY):
            account.admin.make_history(min(_HISTORY, objects - start), seed=start)
        say(f"{objects} invoices in the account")
        environment = {**os.environ, **saved_settings(system.data_dir), **_RATES}
        arguments = ["--app", system.demo["app_slug"], "--connection", "stripe-1", "--json"]
        imported = {**environment, **dict.fromkeys(_RATES, "0")}
        _command(imported, "import", "stripe", *arguments, "--since", "2000-01-01")
        load = PostLoad(system, caller, requests=effort.requests)
        load.post_all()  # warms up connections and caches
        quiet = load.post_all()
        run = _Run(environment, "reconcile", "run", *arguments, "--from", "2000-01-01")
        beside: list[Figures] = []
        while run.is_running() and len(beside) < effort.rounds:
            beside.append(load.post_all())
        run.wait()
        loaded = min(beside, key=lambda figures: figures["p95_ms"])
    ratio = rounded(loaded["p95_ms"] / quiet["p95_ms"])
    found = {
        "objects": objects,
        "found": sum(run.finished["found"].values()),
        "objects_per_s": rounded(sum(run.finished["checked"].values()) / run.seconds),
        "memory_mb_first_quarter": rounded(run.early_mb),
        "memory_mb_most": rounded(run.most_mb),
        "callers_quiet": quiet,
        "callers_beside": loaded,
        "callers_p95_ratio": ratio,
    }
    say(json.dumps(found))
    if run.most_mb - run.early_mb > _MOST_GROWTH_MB:
        report.fail(f"the audit grew from {run.early_mb:.0f} to {run.most_mb:.0f} MB")
    if ratio > _MOST_CALLERS_RATIO:
        report.fail(f"callers' p95 is {ratio} times its quiet value beside an audit")
    return found


def _command(environment: dict[str, str], *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        env=environment,
        stdout=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}")


class _Run:
    """An audit in a process of its own, whose memory is read after each page."""

    def __init__(self, environment: dict[str, str], *arguments: str) -> None:
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `wait`
        self._started_s = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "cli", *arguments], env=environment, stdout=self._output
        )
        self._samples: list[float] = []
        self.finished: dict[str, Any] = {}
        self.seconds = 0.0

    def is_running(self) -> bool:
        """Return whether it runs; samples its memory."""
        if self._process.poll() is not None:
            return False
        try:
            self._samples.append(psutil.Process(self._process.pid).memory_info().rss / 2**20)
        except psutil.Error:
            return False
        return True

    def wait(self) -> None:
        """Wait for its end, and read its last line."""
        while self.is_running():
            time.sleep(0.2)
        self.seconds = time.monotonic() - self._started_s
        self._output.seek(0)
        lines = self._output.read().splitlines()
        self._output.close()
        if self._process.returncode:
            raise RuntimeError(f"the audit ended with {self._process.returncode}")
        self.finished = json.loads(lines[-1])

    @property
    def early_mb(self) -> float:
        """Return the most memory in the first quarter of the samples."""
        return max(self._samples[: max(len(self._samples) // 4, 1)])

    @property
    def most_mb(self) -> float:
        """Return the most memory."""
        return max(self._samples)
