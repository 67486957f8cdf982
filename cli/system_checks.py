"""Check the running system for `billhook doctor`, with the limits of the alert rules."""

import asyncio
from collections.abc import Iterator
from typing import Final

from domain.inbox.webhook_health import DISABLED, HEALTHY
from projections.engine.errors import ReadModelUnavailable
from projections.engine.health import FollowerState
from projections.operations.reconciliation_state import ReconciliationState
from projections.operations.system_state import SystemState, read_state_once

LARGEST_LAG_S: Final = 30.0
OLDEST_DUE_S: Final = 120.0
LEAST_LOG_ROOM: Final = 0.25
OLDEST_RETRIED_S: Final = 900.0
OLDEST_UNAPPLIED_S: Final = 600.0
OLDEST_DRIFT_S: Final = 3600.0
LARGEST_CATCH_UP_LAG_S: Final = 900.0

# A text, and how to correct it; None where nothing is wrong.
Result = tuple[str, str | None]


def check_system(url: str) -> Iterator[Result]:
    """Check followers, leaders, work and provider events."""
    try:
        state = asyncio.run(read_state_once(url))
    except ReadModelUnavailable as error:
        yield f"the state of the system cannot be read: {error}", "check that PostgreSQL runs"
        return
    yield from results(state)


def results(state: SystemState) -> Iterator[Result]:
    """Compare a state with the limits."""
    if not state.is_writable:
        yield "the database is read-only", "check for a failover or a full disk"
    for follower in state.followers:
        yield _follower(follower)
    missing = sorted(name for name, is_led in state.leaders.items() if not is_led)
    yield (
        f"no process runs: {', '.join(missing)}" if missing else "followers and scheduler run",
        "start the processes of docs/processes.md" if missing else None,
    )
    yield _age("the oldest due job", state.oldest_due_s, OLDEST_DUE_S, "relay, workers and Redis")
    yield _age(
        *("the oldest failing job", state.oldest_retried_s, OLDEST_RETRIED_S),
        "billhook work list for its last error, and the provider",
    )
    yield _age(
        *("the oldest provider event not applied", state.oldest_unapplied_s, OLDEST_UNAPPLIED_S),
        "apply, workers and the provider",
    )
    yield (
        f"{state.captures_due} authorized payments lapse within 48 hours",
        "capture or void them: GET …/invoices shows captureBefore" if state.captures_due else None,
    )
    for kind, jobs in state.gave_up.items():
        yield f"{jobs} jobs of kind {kind} used up their attempts", "see: billhook work list"
    for reason, events in state.dead_letters.items():
        yield f"{events} dead letters: {reason}", "correct the cause and replay the deliveries"
    yield f"{state.skipped_events} events were skipped by operators", None
    yield (
        f"the log has partitions for {state.log_room:.1f} times a partition's events more",
        "run the scheduler, or: billhook migrate" if state.log_room < LEAST_LOG_ROOM else None,
    )
    if state.detached_partitions:
        yield f"{state.detached_partitions} partitions of the log are detached", None
    yield from _reconciliation(state.reconciliation)


def _reconciliation(state: ReconciliationState) -> Iterator[Result]:
    """Compare drift, the progress of reconciliation and webhook endpoints with the limits."""
    age_s, waiting = state.oldest_unresolved_s, "differences from the providers are unresolved"
    yield (
        f"{state.unresolved} {waiting}, the oldest for {age_s:.0f} s",
        "see: billhook reconcile report --state open" if age_s > OLDEST_DRIFT_S else None,
    )
    lag_s = state.catch_up_lag_s
    yield (
        f"the catch-up of provider events is {lag_s:.0f} s behind",
        "see: billhook reconcile status" if lag_s > LARGEST_CATCH_UP_LAG_S else None,
    )
    yield (
        f"{state.audits_overdue} connections have an overdue audit",
        "see: billhook reconcile status" if state.audits_overdue else None,
    )
    for (app, connection), health in state.endpoints.items():
        disabled = f"run: billhook connections enable-webhook {connection} --app {app}"
        other = f"run: billhook connections check {connection} --app {app}"
        yield (
            f"the webhook endpoint of connection {connection} of app {app} is {health}",
            {HEALTHY: None, DISABLED: disabled}.get(health, other),
        )


def _follower(follower: FollowerState) -> Result:
    if follower.failure is not None:
        return (
            f"{follower.name} is stopped by an error: {follower.failure}",
            "upgrade to a version that handles the event, or see: billhook log skip --help",
        )
    lag_s = follower.lag_ms / 1000
    return (
        f"{follower.name} is {follower.lag_events} events and {lag_s:.0f} s behind",
        "check its process and the database's load" if lag_s > LARGEST_LAG_S else None,
    )


def _age(what: str, age_s: float, limit_s: float, remedy: str) -> Result:
    return f"{what} has waited for {age_s:.0f} s", f"check {remedy}" if age_s > limit_s else None
