"""Runs tests with a recording sandbox, then holds all that was said against the contracts.

    python -m tests.contract.validate --specs FOLDER [pytest arguments…]

``FOLDER`` holds the providers' contract files; nothing of it belongs to this project. Requests that
were answered with 4xx were mostly meant to be wrong: they are counted apart and not held against
the parameters' schema. Ends with 1 if anything does not fit, or if the tests failed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.contract.mollie_spec import MollieContract
from tests.contract.operation import Contract
from tests.contract.stripe_spec import StripeContract

Json = dict[str, Any]

EXAMPLES = 12

CONTRACTS: dict[str, Callable[[Path], Contract]] = {
    "stripe": StripeContract,
    "mollie": MollieContract,
}


@dataclass
class Report:
    """Counts of checked messages, and the violations found."""

    counts: Counter[str] = field(default_factory=Counter)
    good: Counter[str] = field(default_factory=Counter)
    bad: Counter[str] = field(default_factory=Counter)
    violations: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def blame(self, what: str, faults: Iterable[str], message: Json) -> None:
        """Keeps violations, each kind with one message as an example."""
        for fault in faults:
            self.counts["violations"] += 1
            self.violations[f"{what}: {fault}"].append(json.dumps(message)[:300])


def check(contract: Contract, messages: Iterable[Json]) -> Report:
    """Holds every message against the contract."""
    report = Report()
    for message in messages:
        if "webhook" in message:
            report.counts["events"] += 1
            event = message["webhook"]
            faults = contract.faults_of_event(event)
            report.blame(f"event {event.get('type')}", faults, event)
        else:
            _check_exchange(contract, report, message)
    return report


def _check_exchange(contract: Contract, report: Report, message: Json) -> None:
    operation = contract.operation(message["method"], message["path"])
    if message["status"] >= 400:
        report.counts["error answers"] += 1
        report.counts["requests meant to be wrong"] += 1
        if operation is not None:
            report.bad[operation.name] += 1
        name = operation.name if operation else f"{message['method']} {message['path']}"
        report.blame(f"error of {name}", contract.faults_of_error(message["body"]), message)
        return
    if operation is None:
        report.blame("answered", [f"no operation {message['method']} {message['path']}"], message)
        return
    report.good[operation.name] += 1
    report.counts["requests"] += 1
    report.counts["answers"] += 1
    faults = contract.faults_of_request(operation, message["form"])
    report.blame(f"request {operation.name}", faults, message)
    faults = contract.faults_of_answer(operation, message["body"])
    report.blame(f"answer {operation.name}", faults, message)


def provider_of(message: Json) -> str:
    """Return the provider whose contract applies to a recorded message."""
    if "webhook" in message:
        return "mollie" if message["webhook"].get("resource") == "event" else "stripe"
    return "mollie" if message["path"].startswith("/v2/") else "stripe"


def show(provider: str, report: Report) -> None:
    """Prints the report of one provider."""
    covered = sorted(report.good.keys() | report.bad.keys())
    lines = [f"== {provider}", f"operations covered: {len(covered)}"]
    lines += [
        f"  {name}: {report.good[name]} successes, {report.bad[name]} errors" for name in covered
    ]
    checked = sum(
        report.counts[kind] for kind in ("requests", "answers", "error answers", "events")
    )
    lines.append(f"messages checked: {checked}")
    lines += [f"  {kind}: {number}" for kind, number in sorted(report.counts.items())]
    for label, seen in (("success", report.good), ("error", report.bad)):
        lacking = [name for name in covered if not seen[name]]
        lines.append(f"operations without one {label}: {len(lacking)}")
        lines += [f"  {name}" for name in lacking]
    lines.append(f"violations: {report.counts['violations']}")
    for kind, examples in list(report.violations.items())[:EXAMPLES]:
        lines += [f"  {len(examples)} times {kind}", f"      {examples[0]}"]
    sys.stdout.write("\n".join(lines) + "\n")


def _run_tests(arguments: list[str], record: Path) -> int:
    environment = os.environ | {"BILLHOOK_SANDBOX_RECORD": str(record)}
    command = [sys.executable, "-m", "pytest", *(arguments or ["tests"])]
    return subprocess.run(command, env=environment, check=False).returncode


def _messages(record: Path) -> Iterator[Json]:
    with record.open() as lines:
        for line in lines:
            yield json.loads(line)


def main() -> int:
    """Runs, checks and prints. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--specs", type=Path, required=True, help="folder of the contract files")
    parser.add_argument("--record", type=Path, help="check this recording and run no tests")
    options, arguments = parser.parse_known_args()
    violations = 0
    with tempfile.TemporaryDirectory() as folder:
        record, failed = options.record, 0
        if record is None:
            record = Path(folder) / "record.jsonl"
            failed = _run_tests(arguments, record)
            record.touch()
        for provider, contract_of in CONTRACTS.items():
            messages = (item for item in _messages(record) if provider_of(item) == provider)
            report = check(contract_of(options.specs), messages)
            violations += report.counts["violations"]
            show(provider, report)
    if failed:
        sys.stdout.write(f"the tests ended with {failed}\n")
    return 1 if failed or violations else 0


if __name__ == "__main__":
    sys.exit(main())
