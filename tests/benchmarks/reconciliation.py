"""Measure an audit of a large account beside callers, and days of dropped webhooks."""

import json
import os
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

import psutil

from cli.local.files import saved_settings
from eventlog import persistence
from eventlog.log import Log
from projections.work.open_items import OpenItems
from tests.benchmarks.audit_process import NICENESS, AuditProcess
from tests.benchmarks.bulk_history import fill
from tests.benchmarks.bulkheads import PostLoad
from tests.benchmarks.environment import Stage
from tests.benchmarks.report import Report, say
from tests.benchmarks.summary_statistics import percentiles, rounded
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
from workers.providers.reconciliation_budget import SHARE
from workers.runtime import open_billing

_RATES: Final = ("BILLHOOK_STRIPE_TEST_CALLS_PER_S", "BILLHOOK_STRIPE_ENDPOINT_CALLS_PER_S")
_MOST_CALLERS_RATIO: Final = 1.1
_MOST_GROWTH_MB: Final = 30
_MOST_POSTS: Final = 1_000


# Two would use up the two cores that the figures are measured on, also without an audit.
_CALLERS: Final = 1


def measure_audit(_: Stage, effort: Effort, report: Report) -> dict[str, object]:
    """Measure an audit of a large account, and what it does to callers."""
    objects = 2_000 if effort.rounds == QUICK.rounds else effort.audit_objects
    return _audit(effort, report, objects=objects)


def measure_days(stage: Stage, effort: Effort, _: Report) -> dict[str, object]:
    """Run days of both providers: many with some webhooks dropped, a large one with all."""
    seeds, payments = (2, 20) if effort.rounds == QUICK.rounds else (50, 2_000)
    found: dict[str, object] = {}
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
    """Audit an account while callers post invoices: by turns beside it, and while it is stopped."""
    with (
        tempfile.TemporaryDirectory(prefix="billhook-audit-") as folder,
        System(Path(folder)) as system,
        system.account() as account,
        system.caller() as caller,
        ExitStack() as stack,
    ):
        made = fill(system, account, objects=objects)
        provider = stack.enter_context(_copied_provider(system, Path(folder)))
        environment = _environment(system, provider, calls_per_s=effort.audit_calls_per_s)
        load = PostLoad(system, caller, requests=effort.requests, callers=_CALLERS)
        load.times_s()  # warms up connections and caches
        arguments = ["--app", system.demo["app_slug"], "--connection", "stripe-1", "--json"]
        with AuditProcess(environment, [*arguments, "--from", _start()]) as audit:
            alone, beside = _by_turns(audit, load)
            finished = audit.finished()
    quiet, loaded = percentiles(alone), percentiles(beside)
    # A page of 100, and one call for each open invoice and each refund.
    calls = sum(finished["checked"].values()) / 100 + made["failed"] + made["refunded"]
    ratio = rounded(loaded["p95_ms"] / quiet["p95_ms"])
    found = {
        "objects": sum(finished["checked"].values()),
        "found": sum(finished["found"].values()),
        "seconds": round(audit.ran_s),
        "objects_per_s": rounded(sum(finished["checked"].values()) / audit.ran_s),
        "calls_per_s": rounded(calls / audit.ran_s),
        "calls_per_s_allowed": effort.audit_calls_per_s // SHARE,
        "processor_ms_per_object": rounded(audit.cpu_s * 1000 / sum(finished["checked"].values())),
        "memory_mb_first_quarter": rounded(audit.early_mb),
        "memory_mb_most": rounded(audit.most_mb),
        "callers_posts": [len(alone), len(beside)],
        "callers_alone": quiet,
        "callers_beside": loaded,
        "callers_p95_ratio": ratio,
    }
    say(json.dumps(found))
    _check_limits(report, audit, callers_ratio=ratio)
    return found


def _environment(system: System, provider: str, *, calls_per_s: int) -> dict[str, str]:
    """Return the settings of an audit's process, which calls the copied provider."""
    saved = {**os.environ, **saved_settings(system.data_dir)}
    rates = dict.fromkeys(_RATES, str(calls_per_s))
    return saved | rates | {"BILLHOOK_STRIPE_API_BASE": provider}


def _check_limits(report: Report, audit: AuditProcess, *, callers_ratio: float) -> None:
    if audit.most_mb - audit.early_mb > _MOST_GROWTH_MB:
        report.fail(f"the audit grew from {audit.early_mb:.0f} to {audit.most_mb:.0f} MB")
    if callers_ratio > _MOST_CALLERS_RATIO:
        report.fail(f"callers' p95 is {callers_ratio} times its quiet value beside an audit")


@contextmanager
def _copied_provider(system: System, folder: Path) -> Iterator[str]:
    """Run a second sandbox with a copy of the first one's objects; its URL.

    A provider answers an audit and callers side by side; one sandbox would answer them in turn.
    """
    copy = folder / "copied-provider"
    copy.mkdir()
    with (
        closing(sqlite3.connect(system.data_dir / "sandbox.sqlite")) as source,
        closing(sqlite3.connect(copy / "sandbox.sqlite")) as target,
    ):
        source.backup(target)
    with SandboxProcess(folder=copy) as provider:
        psutil.Process(provider.pid).nice(NICENESS)
        yield provider.url


def _by_turns(audit: AuditProcess, load: PostLoad) -> tuple[list[float], list[float]]:
    """Post beside the audit, and while it is stopped, by turns; return the seconds of both.

    After enough posts it runs on without callers.
    """
    alone: list[float] = []
    beside: list[float] = []
    while audit.is_running() and len(alone) < _MOST_POSTS:
        beside += load.times_s()
        with audit.stopped():
            alone += load.times_s()
    return alone, beside


def _start() -> str:
    """Return the first day of the audit: some days before the history."""
    return (datetime.now(UTC) - timedelta(days=400)).date().isoformat()
