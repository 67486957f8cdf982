"""Print the kill table: every flow, killed with SIGKILL at every point, run again after every gap.

`python -m tests.workers.crash_grids.report [flow …]`: the whole table, on a database and a
sandbox of its
own; ends with 1 if a row ended wrongly. `--summary`: only what docs/reliability.md shows of it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from tests.support.postgres import Server
from tests.support.sandbox import SandboxProcess
from tests.support.temporary_postgres import temporary_postgres
from tests.workers.crash_grids.environment import Stand, open_stand
from tests.workers.crash_grids.stripe_invoice_flows import FLOWS, End, Flow
from tests.workers.crash_grids.stripe_invoice_steps import STEPS
from tests.workers.crash_grids.stripe_subscription_flows import SUBSCRIPTION_FLOWS
from tests.workers.crash_grids.stripe_subscription_grid import (
    ROW_GAPS,
    Ending,
    SubscriptionFlow,
    checked_rows,
)
from tests.workers.crash_grids.worker_process import kill_process
from tests.workers.crash_points import STRIPE_GAPS, death_points

_WIDTH = 44


def money(end: End) -> str:
    """Return the payments in the sandbox's ledger."""
    return ", ".join(f"{kind} {amount}" for kind, amount in end.moved) or "nothing"


def summary() -> Iterator[str]:
    """The table in short, as it must be: a line per flow."""
    yield "| flow | rows | status | total | moved, by the sandbox's ledger | charges tried |"
    yield "| --- | --- | --- | --- | --- | --- |"
    yield from _invoices_in_short()
    yield ""
    yield "| flow | rows | invoice | subscription | moved, by the sandbox's ledger | payable |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for flow in SUBSCRIPTION_FLOWS:
        count, ending = len(list(death_points(flow.steps))) * len(ROW_GAPS), flow.end
        yield (
            f"| {flow.name} | {count} | {ending.invoice} | {ending.subscription}"
            f" | {_moved(ending)} | {ending.payable} |"
        )


def _invoices_in_short() -> Iterator[str]:
    for flow in FLOWS:
        count, end = len(list(death_points(STEPS[flow.name]))) * len(STRIPE_GAPS), flow.end
        yield (
            f"| {flow.name} | {count} | {end.status} | {end.total_minor}"
            f" | {money(end)} | {end.attempts} |"
        )


def rows(stand: Stand, flow: Flow) -> Iterator[tuple[str, list[End]]]:
    """Kill one flow's job at each point; tells how it ended after each gap."""
    for point, step in death_points(STEPS[flow.name]):
        ends = [stand.row(flow, point, gap, kill_process) for gap in STRIPE_GAPS.values()]
        yield f"after {point} {step}", ends


def print_table(stand: Stand, flows: Sequence[Flow]) -> int:
    """Print row by row; returns how many ended wrongly."""
    wrong = total = 0
    for flow in flows:
        _print(f"\n{flow.name}: {flow.end.status}, moved: {money(flow.end)}")
        _print(f"  {'killed':<{_WIDTH}}{''.join(f'{gap:<8}' for gap in STRIPE_GAPS)}")
        for name, ends in rows(stand, flow):
            _print(f"  {name:<{_WIDTH}}{''.join(f'{_rendered(end, flow):<8}' for end in ends)}")
            for end in ends:
                total += 1
                if end != flow.end:
                    wrong += 1
                    _print(f"    {end}")
    _print(f"\n{total} rows, {wrong} wrong")
    return wrong


def print_subscriptions(stand: Stand, flows: Sequence[SubscriptionFlow]) -> int:
    """Print row by row; returns how many ended wrongly."""
    wrong = total = 0
    for flow in flows:
        _print(f"\n{flow.name}: {flow.end.subscription}, charged: {_moved(flow.end)}")
        _print(f"  {'killed':<{_WIDTH}}{''.join(f'{gap:<12}' for gap in ROW_GAPS)}")
        for name, ends in checked_rows(stand, flow, kill_process):
            labels = ["right" if right else "WRONG" for right, _ in ends]
            _print(f"  {name:<{_WIDTH}}{''.join(f'{label:<12}' for label in labels)}")
            for right, end in ends:
                total += 1
                if not right:
                    wrong += 1
                    _print(f"    {end}")
    _print(f"\n{total} rows of subscriptions, {wrong} wrong")
    return wrong


def _moved(end: Ending) -> str:
    return ", ".join(map(str, end.moved)) or "nothing"


def _rendered(end: End, flow: Flow) -> str:
    return "right" if end == flow.end else "WRONG"


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(args: Sequence[str]) -> int:
    """Print the table of these flows, or of all; returns the process's exit code."""
    if "--summary" in args:
        for line in summary():
            _print(line)
        return 0
    flows = [flow for flow in FLOWS if not args or flow.name in args]
    subscriptions = [flow for flow in SUBSCRIPTION_FLOWS if not args or flow.name in args]
    with temporary_postgres() as embedded, SandboxProcess() as sandbox:
        server = Server(embedded.dsn("postgres"))
        database = server.dsn(server.migrated_database())
        with open_stand(database, sandbox.url) as stand:
            wrong = print_table(stand, flows) + print_subscriptions(stand, subscriptions)
        server.drop_all()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
