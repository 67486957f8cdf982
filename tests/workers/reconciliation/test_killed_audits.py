"""An audit whose process is killed by SIGKILL goes on from its checkpoint; drift is listed once."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from datetime import timedelta
from uuid import UUID

import pytest

from tests.support.processes import ending_with_tests
from tests.support.wait_until import until
from tests.workers.history.imports import open_imports
from tests.workers.reconciliation.nets import DAY_S, Nets
from tests.workers.reconciliation.sealed_connection import connect, environment
from tests.workers.reconciliation.test_stripe_audit import statuses, trade
from tests.workers.stripe_harness import Bench
from tests.workers.test_schedule import project

_PAGE = 100
_HANGS_MS = 120_000


def killed(bench: Bench, database: str, path: str, *, skip: int) -> None:
    """Run an audit until a call hangs, and kill its process then."""
    admin = bench.account.admin
    admin.add_fault("delay", ms=_HANGS_MS, method="GET", path=path, skip=skip)
    process = subprocess.Popen(
        command(bench), env=os.environ | environment(database, bench.account.url)
    )
    try:
        asyncio.run(until(lambda: admin.faults() == [] or process.poll() is not None))
        assert process.poll() is None, "it ended before it was killed"
    finally:
        process.kill()
        process.wait()


def command(bench: Bench) -> list[str]:
    start = (bench.clock() - timedelta(days=400)).date().isoformat()
    named = ["--app", str(bench.app_id), "--connection", bench.connection, "--from", start]
    run = [sys.executable, "-m", "cli", "reconcile", "run", *named, "--json"]
    return ending_with_tests(run)


def make_two_pages(nets: Nets, bench: Bench, database: str) -> dict[str, UUID]:
    """Import a page of invoices, make older ones for a second page, and others that differ.

    Returns those that differ, by what happened to them.
    """
    admin = bench.account.admin
    # The process has the machine's clock, and leaves its newest minute to webhooks.
    bench.clock.added -= timedelta(hours=1)
    admin.set_clock(advance_s=-3600)
    admin.make_history(_PAGE, failed=0, refunded=0)
    with open_imports(database) as imports:
        imports.stripe(bench).run(0)
    until_s = nets.now_s() - 366 * DAY_S
    admin.make_history(2, failed=0, refunded=0, since=until_s - DAY_S, until=until_s)
    waiting = bench.request(bench.add_tenant("needs_authentication"))
    bench.charge(waiting)
    known = trade(bench)
    asyncio.run(project(database, bench, until="invoices"))
    return known


def assert_each_difference_is_listed_once(nets: Nets, *, differences: int) -> None:
    listed = nets.drifts()
    assert len(listed) == len(set(listed))
    assert len({subject for subject, *_ in listed}) == differences
    again = nets.audit().run(nets.period(days=500))
    assert sum(again.found.values()) == 0


@pytest.mark.extended
def test_an_audit_killed_in_a_page_and_between_pages_goes_on(
    stripe_nets: Nets, bench: Bench, database: str
) -> None:
    connection, admin = connect(bench), bench.account.admin
    known = make_two_pages(stripe_nets, bench, database)
    name = f"audit_on_demand:{connection.connection_id}"

    # Open invoices are fetched within a page; those that differ before them are entered by then.
    killed(bench, database, "/v1/invoices/in_*", skip=1)
    assert stripe_nets.checkpoints.find(name) is None
    first = {entry.received.object_id for entry in stripe_nets.entries()}
    assert len(first) == 2
    killed(bench, database, "/v1/invoices", skip=1)
    reached = stripe_nets.checkpoints.find(name) or {}
    assert (reached["phase"], reached["checked"]) == ("invoices", {"invoices": _PAGE})
    admin.forget_requests()
    subprocess.run(
        command(bench), env=os.environ | environment(database, bench.account.url), check=True
    )

    read = [one for one in admin.requests() if one["path"] == "/v1/invoices"]
    assert [one["params"]["starting_after"] for one in read] == [reached["after"]]
    done = stripe_nets.checkpoints.find(name) or {}
    assert (done["finished"], done["checked"]["invoices"]) == (True, _PAGE + 2 + 1 + len(known))
    entered = [entry.received.object_id for entry in stripe_nets.entries()]
    assert len(entered) == len(set(entered)) == 6
    stripe_nets.heal()
    assert (statuses(bench, known)["confirmed"], statuses(bench, known)["voided"]) == (
        "paid",
        "void",
    )
    assert_each_difference_is_listed_once(stripe_nets, differences=len(entered))
