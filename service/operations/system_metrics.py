"""Gauges of the whole system, read from the database: followers, work, provider events."""

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from domain.inbox.webhook_health import HEALTHY
from projections.operations.reconciliation_state import ReconciliationState
from projections.operations.system_state import SystemState


def system_metrics(state: SystemState | None) -> bytes:
    """Write the state in Prometheus's text format; None where the database does not answer."""
    registry = CollectorRegistry()
    registry.register(_System(state))
    return generate_latest(registry)


class _System(Collector):
    """Gauges of one state."""

    def __init__(self, state: SystemState | None) -> None:
        self._state = state

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return all gauges; only `billhook_system_state_known` where there is no state."""
        yield GaugeMetricFamily(
            "billhook_system_state_known",
            "1 where the database answered; otherwise the gauges of followers and work are absent.",
            value=int(self._state is not None),
        )
        if self._state is not None:
            yield GaugeMetricFamily(
                "billhook_database_writable",
                "1 where the database accepts writes.",
                value=int(self._state.is_writable),
            )
            yield from _follower_gauges(self._state)
            yield from _work_gauges(self._state)
            yield from _reconciliation_gauges(self._state.reconciliation)


def _follower_gauges(state: SystemState) -> Iterable[GaugeMetricFamily]:
    position = _by_follower("position", "Position in the log.")
    lag_events = _by_follower("lag_events", "Events behind the log's head.")
    lag_s = _by_follower("lag_seconds", "Age of the oldest event that is not handled.")
    stopped = _by_follower("stopped", "1 where the follower cannot handle an event.")
    for follower in state.followers:
        position.add_metric([follower.name], follower.position)
        lag_events.add_metric([follower.name], follower.lag_events)
        lag_s.add_metric([follower.name], follower.lag_ms / 1000)
        stopped.add_metric([follower.name], 0 if follower.failure is None else 1)
    text = "1 where a process holds the lock of the leader; followers and `schedule`."
    yield from (position, lag_events, lag_s, stopped)
    yield _labelled("billhook_leader_present", text, "name", state.leaders)


def _work_gauges(state: SystemState) -> Iterable[GaugeMetricFamily]:
    for name, text, value in (
        ("work_oldest_due_seconds", "Age of the oldest due job.", state.oldest_due_s),
        (
            "work_oldest_retried_seconds",
            "Time since the request of the oldest job that failed and is being retried.",
            state.oldest_retried_s,
        ),
        (
            "provider_events_oldest_unapplied_seconds",
            "Age of the oldest provider event that is neither applied nor a dead letter.",
            state.oldest_unapplied_s,
        ),
        (
            "captures_due",
            "Authorized payments that the provider releases within 48 hours unless captured.",
            state.captures_due,
        ),
        (
            "skipped_events",
            "Events skipped by operators.",
            state.skipped_events,
        ),
        (
            "log_partition_room",
            "Positions for which the log has a partition already, in partitions.",
            state.log_room,
        ),
        (
            "log_detached_partitions",
            "Partitions of the log that are detached.",
            state.detached_partitions,
        ),
    ):
        yield GaugeMetricFamily(f"billhook_{name}", text, value=value)
    text = "Jobs that used up their attempts and wait for an operator."
    yield _labelled("billhook_work_gave_up", text, "kind", state.gave_up)
    text = "Provider events that could not be applied and wait for an operator."
    yield _labelled("billhook_dead_letters", text, "reason", state.dead_letters)
    yield _breaker_gauge(state)


def _breaker_gauge(state: SystemState) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(
        "billhook_connection_breaker_open",
        "Time-outs in a row of a connection that is called by probes only.",
        labels=["app", "connection"],
    )
    for breaker in state.open_breakers:
        gauge.add_metric([str(breaker.app), breaker.connection], breaker.timeouts)
    return gauge


def _reconciliation_gauges(state: ReconciliationState) -> Iterable[GaugeMetricFamily]:
    for name, text, value in (
        (
            "drift_unresolved",
            "Differences from the providers that are not resolved.",
            state.unresolved,
        ),
        (
            "drift_oldest_unresolved_seconds",
            "Time since the oldest unresolved difference was detected.",
            state.oldest_unresolved_s,
        ),
        (
            "reconciliation_catch_up_lag_seconds",
            "Age of the newest provider event that was looked for; the connection furthest behind.",
            state.catch_up_lag_s,
        ),
        (
            "reconciliation_audits_overdue",
            "Connections whose audit has made no progress for its interval and two hours.",
            state.audits_overdue,
        ),
        (
            "reconciliation_audit_interval_seconds",
            "Interval of audits, as the scheduler is set.",
            state.audit_every_s,
        ),
        (
            "webhook_found_share",
            "Share of the last 7 days' provider events that reconciliation found before a webhook.",
            state.found_share,
        ),
    ):
        yield GaugeMetricFamily(f"billhook_{name}", text, value=value)
    yield _unhealthy_endpoints(state)


def _unhealthy_endpoints(state: ReconciliationState) -> GaugeMetricFamily:
    endpoints = GaugeMetricFamily(
        "billhook_webhook_endpoint_unhealthy",
        "1 for each connection whose webhook endpoint does not deliver all events, by its state.",
        labels=["app", "connection", "state"],
    )
    for (app, connection), known in state.endpoints.items():
        if known != HEALTHY:
            endpoints.add_metric([app, connection, known], 1)
    return endpoints


def _by_follower(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"billhook_follower_{name}", text, labels=["follower"])


def _labelled(
    name: str, text: str, label: str, values: Mapping[str, int | bool]
) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        gauge.add_metric([key], int(value))
    return gauge
