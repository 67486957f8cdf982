"""Audit one connection on demand, in this process."""

from __future__ import annotations

from collections.abc import Callable

from domain.apps.connection import Connection
from workers.providers.reconciliation_budget import reconciliation_budget
from workers.providers.retry import RetryingCaller, Span
from workers.reconciliation.audit_run import AuditCheckpoint, Report
from workers.reconciliation.connection_nets import ConnectionNets
from workers.reconciliation.event_catch_up import SETTLE_S
from workers.reconciliation.inbox import Finding
from workers.reconciliation.shared_parts import open_parts
from workers.settings import Settings

_LOG_NAME = "reconcile"


def audit_connection(
    settings: Settings,
    connection: Connection,
    *,
    start_s: int,
    end_s: int | None,
    found: Callable[[Finding], None],
    progress: Report,
    dry_run: bool,
) -> AuditCheckpoint:
    """Audit the objects created in a period (Unix seconds), or continue a killed audit of it.

    `end_s` None: up to now, or to the time at which the killed audit began. A provider that is in
    trouble is called again for a while. Raises the gateway's errors, LogUnavailable and
    WorkUnavailable; the next call continues then.
    """
    with open_parts(settings, name=_LOG_NAME) as parts, reconciliation_budget():
        nets = ConnectionNets(connection=connection, shared=parts, report=found, dry_run=dry_run)
        nets.require_same_account()
        name = f"audit_on_demand:{connection.connection_id}"
        audit = nets.audit(name=name, progress=progress)
        period = _period(audit.stored(), start_s, end_s, now_s=int(parts.now().timestamp()))
        # After an error the run goes on from its checkpoint.
        return RetryingCaller()(lambda: audit.run(period))


def _period(stored: AuditCheckpoint | None, start_s: int, end_s: int | None, *, now_s: int) -> Span:
    """Return the period; the newest minute is left to webhooks."""
    continues = stored is not None and not stored.finished and stored.start == start_s
    if stored is not None and continues and end_s is None:
        return stored.period
    latest_s = now_s - SETTLE_S
    return Span(start=start_s, end=latest_s if end_s is None else min(end_s, latest_s))
