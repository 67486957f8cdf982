"""`python -m tests.benchmarks.load`: callers in a process of their own.

A plan a line on standard input, a result a line on standard output. Each caller has a connection
that stays open and sends its next request as soon as it has its answer. What it sends is written
while the answer to the one before is awaited, so that a caller is never what is waited for.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import cast

import httptools
import uvloop

from tests.benchmarks.messages import Kind, Shop, writer

HOST = "127.0.0.1"
_ANSWER_TIMEOUT_S = 20.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Plan of a load: messages, target and duration. Callers take the hosts by turns."""

    port: int
    hosts: Sequence[str] = (HOST,)
    kind: Kind
    shop: Shop
    callers: int
    seconds: float
    warm_up_s: float
    expected: int


@dataclass(frozen=True, kw_only=True)
class Result:
    """Result of a plan: `acked` counts every expected answer, the rest the window alone."""

    acked: int
    wrong: dict[str, int]
    per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    client_cpu: float
    """The share of a core that this process took; near 1, and it was what was measured."""


@dataclass
class _Tally:
    """Counters that all callers share."""

    expected: int
    window_from_s: float = 0
    until_s: float = 0
    acked: int = 0
    wrong: Counter[str] = field(default_factory=Counter)
    latencies_s: list[float] = field(default_factory=list)

    def answered(self, status: int, *, sent_s: float) -> bool:
        """Count an answer; False when it was the last that its caller may get."""
        now_s = time.perf_counter()
        if status != self.expected:
            self.wrong[str(status)] += 1
            return False
        self.acked += 1
        if self.window_from_s <= now_s < self.until_s:
            self.latencies_s.append(now_s - sent_s)
        return now_s < self.until_s


class _Caller(asyncio.Protocol):
    """A connection. A wrong answer ends it, because a benchmark of errors measures nothing."""

    def __init__(self, write: Callable[[], bytes], tally: _Tally) -> None:
        self._write = write
        self._tally = tally
        self._next = write()
        self._sent_s = 0.0
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def send(self) -> None:
        """Send what is ready, then make the next ready."""
        self._sent_s = time.perf_counter()
        self._transport.write(self._next)
        self._next = self._write()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Go on, or end; httptools calls it."""
        if self._tally.answered(self._parser.get_status_code(), sent_s=self._sent_s):
            self.send()
        else:
            self.end()

    def connection_lost(self, _: Exception | None) -> None:
        if not self.ended.done():
            self._tally.wrong["connection lost"] += 1
            self.ended.set_result(None)

    def end(self) -> None:
        """Hang up."""
        if not self.ended.done():
            self.ended.set_result(None)
            self._transport.close()


async def carry_out(plan: Plan) -> Result:
    """Send until the time is over, and take in every answer that is still due then."""
    tally = _Tally(plan.expected)
    write = writer(plan.kind, plan.shop)
    loop = asyncio.get_running_loop()
    callers = []
    for number in range(plan.callers):
        host = plan.hosts[number % len(plan.hosts)]
        made = await loop.create_connection(lambda: _Caller(write, tally), host, plan.port)
        callers.append(made[1])
    cpu_s, started_s = time.process_time(), time.perf_counter()
    tally.window_from_s = started_s + plan.warm_up_s
    tally.until_s = tally.window_from_s + plan.seconds
    for caller in callers:
        caller.send()
    _, late = await asyncio.wait(
        [caller.ended for caller in callers],
        timeout=plan.warm_up_s + plan.seconds + _ANSWER_TIMEOUT_S,
    )
    tally.wrong["no answer"] += len(late)
    client_cpu = (time.process_time() - cpu_s) / (time.perf_counter() - started_s)
    for caller in callers:
        caller.end()
    return _result(tally, seconds=plan.seconds, client_cpu=client_cpu)


def _result(tally: _Tally, *, seconds: float, client_cpu: float) -> Result:
    ordered = sorted(tally.latencies_s) or [0.0]
    p50_ms, p95_ms, p99_ms = (
        round(ordered[int((len(ordered) - 1) * share)] * 1000, 3) for share in (0.5, 0.95, 0.99)
    )
    return Result(
        acked=tally.acked,
        wrong={what: number for what, number in tally.wrong.items() if number},
        per_second=round(len(tally.latencies_s) / seconds, 1),
        p50_ms=p50_ms,
        p95_ms=p95_ms,
        p99_ms=p99_ms,
        client_cpu=round(client_cpu, 3),
    )


def main() -> None:
    """Carry out one plan after the other until the input ends."""
    for line in sys.stdin:
        given = json.loads(line)
        plan = Plan(**given | {"shop": Shop(**given["shop"])})
        result = uvloop.run(carry_out(plan))
        sys.stdout.write(json.dumps(asdict(result)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
