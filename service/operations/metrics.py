"""Metrics of the service's processes."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from projections.engine.health import FollowerState
from projections.work.breakers import OpenBreaker

_FAST_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_EVENTS = (1, 2, 3, 5, 10, 20)
_NOT_SERVED = frozenset({HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})


class Metrics:
    """Metrics of this process or, with `folder`, of all its worker processes."""

    def __init__(self, *, folder: Path | None) -> None:
        self._folder = folder
        self._registry = registry = CollectorRegistry()
        self.requests = Counter(
            "billhook_requests", "Answers.", ["method", "route", "status"], registry=registry
        )
        self.latency_s = Histogram(
            "billhook_request_seconds",
            "Time to the answer, waiting included.",
            ["method", "route"],
            buckets=_FAST_S,
            registry=registry,
        )
        self.appended = Counter(
            "billhook_appended_events", "Events recorded by this service.", registry=registry
        )
        self.append_s = Histogram(
            "billhook_append_seconds",
            "Time until an append was durable.",
            buckets=_FAST_S,
            registry=registry,
        )
        self.append_events = Histogram(
            "billhook_append_events", "Events per append.", buckets=_EVENTS, registry=registry
        )
        self.waits_s = Histogram(
            "billhook_wait_seconds",
            "Time that callers waited for an outcome.",
            ["ended"],
            buckets=_FAST_S,
            registry=registry,
        )
        self.webhooks = Counter(
            "billhook_webhooks", "Deliveries.", ["provider", "result"], registry=registry
        )

        # The library looks up labels under a lock; cache the labelled metrics here.
        self._responses: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._deliveries: dict[tuple[str, str], Counter] = {}

    def record_answer(self, method: str, route: str, status: int, *, seconds: float) -> None:
        """Count a response. Unserved methods are one label value: callers can invent any number."""
        if status in _NOT_SERVED:
            method = "other"
        found = self._responses.get((method, route, status))
        if found is None:
            found = self._responses[method, route, status] = (
                self.requests.labels(method, route, str(status)),
                self.latency_s.labels(method, route),
            )
        counted, timed = found
        counted.inc()
        timed.observe(seconds)

    def record_delivery(self, provider: str, result: str) -> None:
        """Count a webhook and what became of it."""
        found = self._deliveries.get((provider, result))
        if found is None:
            found = self._deliveries[provider, result] = self.webhooks.labels(provider, result)
        found.inc()

    def record_append(self, *, events: int, seconds: float) -> None:
        """Count an append of ours that is durable."""
        self.append_s.observe(seconds)
        self.append_events.observe(events)
        self.appended.inc(events)

    def exposition(
        self,
        followers: Iterable[FollowerState],
        *,
        gave_up: int | None = None,
        breakers: Iterable[OpenBreaker] = (),
    ) -> bytes:
        """Return all metrics in Prometheus's text format, with the current gauges.

        `gave_up`: how much work waits for an operator; None where that is not known.
        """
        return self._registered() + generate_latest(
            _now(followers, gave_up=gave_up, breakers=breakers)
        )

    def _registered(self) -> bytes:
        if self._folder is None:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together, path=str(self._folder))  # type: ignore[no-untyped-call]
        return generate_latest(together)


class _Followers(Collector):
    """Gauges of the followers, which run in other processes; read when they are collected."""

    def __init__(self, states: Iterable[FollowerState]) -> None:
        self._states = list(states)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return a gauge per value, labelled by follower."""
        position = _gauge("position", "Place in the log.")
        lag_events = _gauge("lag_events", "Events behind the log's head.")
        lag_s = _gauge("lag_seconds", "Age of the oldest event not folded.")
        stopped = _gauge("stopped", "1 where an event can't be got past.")
        for state in self._states:
            position.add_metric([state.name], state.position)
            lag_events.add_metric([state.name], state.lag_events)
            lag_s.add_metric([state.name], state.lag_ms / 1000)
            stopped.add_metric([state.name], 0 if state.failure is None else 1)
        return [position, lag_events, lag_s, stopped]


class _GaveUp(Collector):
    """Gauge of the work that waits for an operator."""

    def __init__(self, count: int) -> None:
        self._count = count

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return the gauge."""
        text = "Work that used up its tries and waits for an operator."
        return [GaugeMetricFamily("billhook_work_gave_up", text, value=self._count)]


class _Breakers(Collector):
    """Gauge of the connections with an open circuit breaker."""

    def __init__(self, breakers: Iterable[OpenBreaker]) -> None:
        self._breakers = list(breakers)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return the gauge."""
        open_ones = GaugeMetricFamily(
            "billhook_connection_breaker_open",
            "Time-outs in a row of a connection that is called by probes only.",
            labels=["app", "connection"],
        )
        for breaker in self._breakers:
            open_ones.add_metric([str(breaker.app), breaker.connection], breaker.timeouts)
        return [open_ones]


def _gauge(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"billhook_follower_{name}", text, labels=["follower"])


def _now(
    states: Iterable[FollowerState], *, gave_up: int | None, breakers: Iterable[OpenBreaker]
) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_Followers(states))
    registry.register(_Breakers(breakers))
    if gave_up is not None:
        registry.register(_GaveUp(gave_up))
    return registry


_PREFIX: Final = "billhook-metrics-"
_LOCK: Final = "lock"
_OLD_ENOUGH_S: Final = 60  # younger folders may not be locked yet


@contextmanager
def metrics_folder(parent: Path | None = None) -> Iterator[Path]:
    """Create a folder for this process, and delete the folders of processes that were killed."""
    parent = parent or Path(tempfile.gettempdir())
    for folder in parent.glob(f"{_PREFIX}*"):
        if _is_left_behind(folder):
            shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=parent) as made:
        descriptor = os.open(Path(made) / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield Path(made)
        finally:
            os.close(descriptor)


def _is_left_behind(folder: Path) -> bool:
    """Return whether the folder's lock is free: the kernel releases it with its process."""
    try:
        if time.time() - folder.stat().st_mtime < _OLD_ENOUGH_S:
            return False
        descriptor = os.open(folder / _LOCK, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(descriptor)
