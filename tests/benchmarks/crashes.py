"""Measure how late an invoice is paid when a process is killed in the middle of its charge."""

import random
import signal
import tempfile
import time
from collections.abc import Callable
from http import HTTPStatus
from itertools import product
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import psutil

from tests.benchmarks.environment import Stage
from tests.benchmarks.report import Report, say
from tests.benchmarks.summary_statistics import rounded
from tests.benchmarks.workload import Effort
from tests.support.system import Caller, System

_VICTIMS: Final = {
    "worker": ("workers", "run"),
    "background": ("workers", "background"),
    "api": ("-m", "service"),
}
_FAULTS: Final[dict[str, Callable[[Any], object]]] = {
    "none": lambda _: None,
    "refused": lambda admin: admin.add_fault("refuse_before"),
    "answer_lost": lambda admin: admin.add_fault("lose_answer"),
    "status_500": lambda admin: admin.add_fault("status", status=500),
    "status_429": lambda admin: admin.add_fault("status", status=429),
}
_CALL_MS: Final = 100
# Six calls of that time, so that most processes are killed between two of them or in one.
_LATEST_KILL_S: Final = 0.8
_MOST_S: Final = 12.0
_GIVE_UP_S: Final = 120.0
_POLL_S: Final = 0.05
_SEED: Final = 7


def measure(_: Stage, effort: Effort, report: Report) -> dict[str, object]:
    """Kill each process at random times, also with a provider fault at the next call."""
    found: dict[str, list[float]] = {victim: [] for victim in _VICTIMS}
    chance = random.Random(_SEED)  # noqa: S311 - chooses times
    with (
        tempfile.TemporaryDirectory(prefix="billhook-crashes-") as folder,
        System(Path(folder)) as system,
        system.account() as account,
        system.caller() as caller,
    ):
        tenant_id = caller.add_tenant(account.add_customer())
        account.admin.set_latency(_CALL_MS)
        charge = _Charge(caller, tenant_id)
        charge.seconds_until_paid()  # warms up connections and caches
        for number, victim in product(range(effort.crashes), _VICTIMS):
            fault = list(_FAULTS)[number % len(_FAULTS)]

            def kill(victim: str = victim, fault: str = fault) -> None:
                _FAULTS[fault](account.admin)
                system.child(*_VICTIMS[victim]).send_signal(signal.SIGKILL)

            took_s = charge.seconds_until_paid(after_s=chance.uniform(0, _LATEST_KILL_S), do=kill)
            found[victim].append(took_s)
            say(f"{victim}, {fault}: paid after {took_s:.1f} s")
            if took_s > _MOST_S:
                report.fail(f"{victim} killed, {fault}: paid after {took_s:.1f} s")
            account.admin.drop_faults()
            charge.await_quiet(system)
        charges = len(account.charged())
    if charges != charge.requested:
        report.fail(f"{charge.requested} invoices were charged {charges} times")
    return {
        "killed": sum(map(len, found.values())),
        "charges": charges,
        "until_paid_s": {victim: _summary(times_s) for victim, times_s in found.items()},
        "most_s": rounded(max(map(max, found.values()))),
    }


def _summary(times_s: list[float]) -> dict[str, float]:
    ordered = sorted(times_s)
    return {"p50": rounded(ordered[len(ordered) // 2]), "most": rounded(ordered[-1])}


class _Charge:
    """A caller that repeats a request under its key until it is accepted, and looks for it."""

    def __init__(self, caller: Caller, tenant_id: str) -> None:
        self._caller = caller
        self._tenant_id = tenant_id
        self.requested = 0

    def seconds_until_paid(
        self, *, after_s: float = 0, do: Callable[[], object] = lambda: None
    ) -> float:
        """Request an invoice, do something so many seconds later; seconds until it is paid."""
        key, started_s, done = str(uuid4()), time.monotonic(), False
        invoice_id = None
        self.requested += 1
        while time.monotonic() < started_s + _GIVE_UP_S:
            if not done and time.monotonic() >= started_s + after_s:
                do()
                done = True
            try:
                invoice_id = invoice_id or self._post(key)
                if done and invoice_id and self._caller.invoice(invoice_id)["status"] == "paid":
                    return time.monotonic() - started_s
            except (httpx.TransportError, AssertionError):
                pass  # the API is down, or answers 503
            time.sleep(_POLL_S)
        raise RuntimeError(f"not paid within {_GIVE_UP_S} s")

    def _post(self, key: str) -> str | None:
        answer = self._caller.post_invoice(self._tenant_id, key=key, prefer="respond-async")
        if answer.status_code not in {HTTPStatus.OK, HTTPStatus.ACCEPTED}:
            return None
        return str(answer.json()["items"][0]["id"])

    def await_quiet(self, system: System) -> None:
        """Wait until every process is there again and a further charge needs no repetition."""
        for words in _VICTIMS.values():
            assert system.child(*words).status() != psutil.STATUS_ZOMBIE
        self.seconds_until_paid()
