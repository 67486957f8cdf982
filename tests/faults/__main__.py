"""`python -m tests.faults`: inject each fault into a running system and print the recovery."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import psutil

from cli.local.postgres import EmbeddedPostgres
from tests.faults.callers import ChargingCaller, has_leaders
from tests.faults.injections import Fault, faults
from tests.support.processes import children_of
from tests.support.system import System

_DEADLINE_S: Final = 180.0


@dataclass(frozen=True, kw_only=True)
class Row:
    """Result of one fault. `recovered_s`: from its start, or its end where it was lifted."""

    part: str
    kind: str
    fault: str
    seen: dict[str, int]
    recovered_s: float | None
    ledger_matches: bool

    @property
    def is_good(self) -> bool:
        """Return whether the system recovered without a person and the ledger matches."""
        return self.recovered_s is not None and self.ledger_matches


def main(arguments: Sequence[str]) -> int:
    """Run the chosen faults; returns 1 if any row is bad."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--only", help="parts or faults, as in: relay,PostgreSQL:read-only")
    parser.add_argument("--json", type=Path, help="write the rows to this file, too")
    chosen = parser.parse_args(arguments)
    planned = [fault for fault in faults() if _is_chosen(fault, chosen.only)]
    if not planned:
        parser.error(f"no fault is named {chosen.only}")
    rows = []
    for row in _run(planned):
        rows.append(row)
        print(f"{row.part}:{row.kind}: {row.recovered_s} s, {row.seen}", file=sys.stderr)  # noqa: T201
    print(_table(rows))  # noqa: T201 - the command's answer
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    return 0 if all(row.is_good for row in rows) else 1


def _is_chosen(fault: Fault, only: str | None) -> bool:
    return only is None or bool({fault.part, fault.name} & set(only.split(",")))


def _run(planned: Sequence[Fault]) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="billhook-faults-") as name:
        folder = Path(name)
        try:
            with System(folder, metrics_max_age_s=0) as system:
                for fault in planned:
                    yield _observe(fault, system)
        finally:
            EmbeddedPostgres(folder / "data").remove()


def _observe(fault: Fault, system: System) -> Row:
    with system.account() as account, system.caller() as caller:
        charging = ChargingCaller(caller, account)
        _until_quiet(charging, system)
        charging.seen.clear()
        before = _pids(system)
        lift = fault.inject(system)
        started_s = time.monotonic()
        while time.monotonic() - started_s < fault.lasts_s:
            charging.charge()
        lift()
        lifted_s = time.monotonic()
        recovered_s = _wait_for_recovery(fault, charging, system, since_s=lifted_s, before=before)
        charging.finish()
        return Row(
            part=fault.part,
            kind=fault.kind,
            fault=fault.description,
            seen=charging.seen,
            recovered_s=recovered_s,
            ledger_matches=charging.ledger_matches(),
        )


def _until_quiet(charging: ChargingCaller, system: System) -> None:
    deadline_s = time.monotonic() + _DEADLINE_S
    while not (charging.charge() and has_leaders(system)):
        assert time.monotonic() < deadline_s, "the system does not work before the fault"


def _wait_for_recovery(
    fault: Fault,
    charging: ChargingCaller,
    system: System,
    *,
    since_s: float,
    before: frozenset[int],
) -> float | None:
    """Return the seconds until a charge is paid and readable, and everything runs again."""
    must_restart = fault.kind in {"kill", "hang"} and not fault.lasts_s
    while time.monotonic() - since_s < _DEADLINE_S:
        # A hanging process is a part that does not run until it is replaced.
        replaced = not must_restart or not _is_missing(system, before, fault)
        if charging.charge() and replaced and has_leaders(system):
            return round(time.monotonic() - since_s, 1)
    return None


def _is_missing(system: System, before: frozenset[int], fault: Fault) -> bool:
    """Return whether fewer processes run than before, those that hang left out."""
    if fault.part in {"PostgreSQL", "Redis"}:
        return False
    running = [
        process
        for process in children_of(system.data_dir)
        if process.status() not in {psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE}
    ]
    return len(running) < len(before)


def _pids(system: System) -> frozenset[int]:
    return frozenset(process.pid for process in children_of(system.data_dir))


def _table(rows: Sequence[Row]) -> str:
    lines = [
        "| part | fault | callers see | recovered after | ledger = read model |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        seen = ", ".join(f"{count} x {what}" for what, count in sorted(row.seen.items()))
        recovered = "not in 180 s" if row.recovered_s is None else f"{row.recovered_s:.1f} s"
        lines.append(
            f"| {row.part} | {row.kind}: {row.fault} | {seen} | {recovered}"
            f" | {'yes' if row.ledger_matches else 'NO'} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
