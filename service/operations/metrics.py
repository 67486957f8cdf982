"""Metrics that this service counts."""

from http import HTTPStatus
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from service.operations.pending_counts import BulkHistogram, PendingCounts

_FAST_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_EVENTS = (1, 2, 3, 5, 10, 20)
_NOT_SERVED = frozenset({HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})


class Metrics:
    """The counters of this service; with `folder`, the sums over all its worker processes."""

    def __init__(self, *, folder: Path | None) -> None:
        self._folder = folder
        self._pending = PendingCounts()
        self._registry = registry = CollectorRegistry()
        self.requests = Counter(
            "billhook_requests", "Responses.", ["method", "route", "status"], registry=registry
        )
        self.latency_s = BulkHistogram(
            "billhook_request_seconds",
            "Time until the response, including the wait for an outcome.",
            ["method", "route"],
            buckets=_FAST_S,
            registry=registry,
        )
        self.appended = Counter(
            "billhook_appended_events", "Events recorded by this service.", registry=registry
        )
        self.append_s = BulkHistogram(
            "billhook_append_seconds",
            "Time until an append was durable.",
            buckets=_FAST_S,
            registry=registry,
        )
        self.append_events = BulkHistogram(
            "billhook_append_events", "Events per append.", buckets=_EVENTS, registry=registry
        )
        self.waits_s = BulkHistogram(
            "billhook_wait_seconds",
            "Time that callers waited for an outcome.",
            ["ended"],
            buckets=_FAST_S,
            registry=registry,
        )
        self.webhooks = Counter(
            "billhook_webhooks", "Webhook deliveries.", ["provider", "result"], registry=registry
        )

        # The library finds a child under a lock; each is kept here once it is found.
        self._answers: dict[tuple[str, str, int], tuple[Counter, BulkHistogram]] = {}
        self._deliveries: dict[tuple[str, str], Counter] = {}

    def record_answer(self, method: str, route: str, status: int, *, seconds: float) -> None:
        """Count an answer. Methods that are not served count as one: anybody can make some up."""
        if status in _NOT_SERVED:
            method = "other"
        found = self._answers.get((method, route, status))
        if found is None:
            found = self._answers[method, route, status] = (
                self.requests.labels(method, route, str(status)),
                self.latency_s.labels(method, route),
            )
        counted, timed = found
        self._pending.count(counted)
        self._pending.observe(timed, seconds)

    def record_delivery(self, provider: str, result: str) -> None:
        """Count a webhook and what became of it."""
        found = self._deliveries.get((provider, result))
        if found is None:
            found = self._deliveries[provider, result] = self.webhooks.labels(provider, result)
        self._pending.count(found)

    def record_append(self, *, events: int, seconds: float) -> None:
        """Count an append of ours that is durable."""
        self._pending.observe(self.append_s, seconds)
        self._pending.observe(self.append_events, events)
        self._pending.count(self.appended, events)

    def record_wait(self, ended: str, *, seconds: float) -> None:
        """Count a wait of a caller for an outcome."""
        self._pending.observe(self.waits_s.labels(ended), seconds)

    def flush(self) -> None:
        """Write the counts of the last moment, before they are read or the process ends."""
        self._pending.flush()

    def exposition(self) -> bytes:
        """Write the counts of all worker processes in Prometheus's text format."""
        self.flush()
        return generate_latest(self._registry) if self._folder is None else counts_in(self._folder)


def counts_in(folder: Path) -> bytes:
    """Write what the worker processes that share `folder` counted together."""
    together = CollectorRegistry()
    MultiProcessCollector(together, path=str(folder))  # type: ignore[no-untyped-call]
    return generate_latest(together)
