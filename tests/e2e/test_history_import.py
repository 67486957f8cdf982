"""Moving in with a long history: killed twice on the way, its sums are the ledger's in the end.

`make test-all` has 800 invoices; BILLHOOK_TEST_HISTORY=10000 says how many otherwise (with `-s`
for the figures).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import psycopg
import pytest

from cli.local.files import saved_settings
from tests.support.processes import ending_with_tests
from tests.support.stripe_account import Account
from tests.support.system import Caller, Json, System, eventually

INVOICES = int(os.environ.get("BILLHOOK_TEST_HISTORY", "800"))
AT_ONCE = 200
DAY_S = 86400
PER_ROUND_S = 60


def make_history(account: Account) -> Json:
    """Three years of invoices, made in parts, each with a time of its own."""
    now = int(account.admin.clock()["now"])
    parts = range(0, INVOICES, AT_ONCE)
    length = 3 * 365 * DAY_S // len(parts)
    made: Counter[str] = Counter()
    for number, _ in enumerate(parts):
        until = now - DAY_S - number * length
        given = {"since": until - length, "until": until, "seed": number, "customers": 25}
        made.update(account.admin.make_history(AT_ONCE, **given))
    return dict(made)


class Import:
    """`billhook import stripe --json` as an operator runs it."""

    def __init__(self, system: System) -> None:
        demo = system.demo
        since = (datetime.now(UTC) - timedelta(days=4 * 365)).date().isoformat()
        command = ["import", "stripe", "--app", demo["app_slug"], "--since", since, "--json"]
        command += ["--connection", demo["stripe_connection"]]
        self._process = subprocess.Popen(
            ending_with_tests([sys.executable, "-m", "cli", *command]),
            env={**os.environ, "BILLHOOK_DATA_DIR": str(system.data_dir)},
            stdout=subprocess.PIPE,
            text=True,
        )

    def line(self) -> Json:
        """Wait for the next line that it says; {} at its end."""
        assert self._process.stdout is not None
        read = self._process.stdout.readline()
        document: Json = json.loads(read) if read else {}
        return document

    def killed_at(self, invoices: int) -> None:
        """Run the import up to this point, then SIGKILL it and its children."""
        while taken(self.line()) < invoices:
            pass
        for process in [*psutil.Process(self._process.pid).children(recursive=True)]:
            process.send_signal(signal.SIGKILL)
        self._process.kill()
        self._close()

    def finished(self) -> Json:
        """Run the import to its end; return its last line."""
        last: Json = {}
        while line := self.line():
            last = line
        assert self._close() == 0
        assert last["event"] == "finished"
        return last

    def _close(self) -> int:
        assert self._process.stdout is not None
        self._process.stdout.close()
        return self._process.wait(120)


def taken(line: Json) -> int:
    assert line, "it ended before it was killed"
    return sum(line.get("counts", {}).get("invoices", {}).values())


def events_in_log(system: System) -> int:
    with psycopg.connect(saved_settings(system.data_dir)["BILLHOOK_DATABASE_URL"]) as session:
        row = session.execute("SELECT count(*) FROM eventlog.events").fetchone()
        assert row is not None
        return int(row[0])


def reported(caller: Caller) -> Json:
    answer = caller.get("/reports/summary")
    euro: list[Json] = [books for books in answer["items"] if books["currency"] == "eur"]
    return euro[0]


def listed_by_003(caller: Caller) -> int:
    answer = caller.http.get(
        "/admin/api/invoices",
        params={"page": 1, "limit": 1},
        headers={"Api-Key": caller.demo["admin_key"]},
    )
    if answer.status_code == 503:  # the read model is busy with what came in
        return 0
    assert answer.status_code == 200, answer.text
    return int(answer.json()["count"])


@pytest.fixture
def own_system(tmp_path: Path) -> System:
    return System(tmp_path)


@pytest.mark.extended
def test_a_history_that_was_killed_twice_on_the_way_adds_up_to_the_ledger(
    own_system: System,
) -> None:
    with own_system as system, system.account() as account, system.caller() as caller:
        made = make_history(account)
        account.admin.forget_requests()
        began_s = time.monotonic()
        Import(system).killed_at(INVOICES // 4)
        Import(system).killed_at(INVOICES // 2)
        last = Import(system).finished()
        took_s = time.monotonic() - began_s
        assert {request["method"] for request in account.admin.requests()} == {"GET"}
        calls = len(account.admin.requests())
        eventually(lambda: listed_by_003(caller) == INVOICES, timeout_s=120)
        ledger = sums_of(account)
        summary = reported(caller)
        before = events_in_log(system)
        again = Import(system).finished()
        print(  # noqa: T201 - the figures that the command's page asks for
            f"\n{INVOICES} invoices, {calls} calls, {took_s:.1f} s with two kills; "
            f"{again['seconds']} s once more; {before} events; {ledger}; {last['counts']}"
        )
        assert summary["collectedMinor"] == ledger["charge"]
        assert summary["refundedMinor"] == ledger["refund"]
        assert made["net_amount"] == ledger["charge"] - ledger["refund"]
        assert again["counts"]["invoices"] == {"known": INVOICES}
        assert events_in_log(system) == before


def sums_of(account: Account) -> Counter[str]:
    sums: Counter[str] = Counter()
    for entry in account.admin.ledger()["entries"]:
        sums[entry["kind"]] += entry["amount"]
    return sums
