"""Run reconciliation of all connections: one process leads, with threads of its own.

Each connection's parts run one at a time. A connection whose provider is in trouble rests for
longer each time, and while its circuit breaker is open.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

import structlog

from domain.apps.connection import Connection
from domain.core import ids
from domain.gateway.errors import GatewayError, GatewayUnavailable
from eventlog.errors import LogUnavailable
from eventlog.follow.leader import LeaderSessions, Leadership
from eventlog.process.backoff import backoff_s
from projections.operations.reconciliation_state import AUDIT_INTERVAL
from projections.work.sessions import WorkUnavailable
from workers.providers.reconciliation_budget import reconciliation_budget
from workers.providers.retry import Span
from workers.reconciliation.audit_run import AuditCheckpoint, Stopped
from workers.reconciliation.connection_nets import ConnectionNets, SharedParts
from workers.reconciliation.event_catch_up import SETTLE_S
from workers.reconciliation.known_objects import load
from workers.reconciliation.open_items import place_items
from workers.reconciliation.shared_parts import NAME, open_parts
from workers.settings import Settings

_TICK_S: Final = 1.0
_CONNECTIONS_EVERY_S: Final = 10.0
_UNDELIVERED_EVERY_S: Final = 3600.0
_AUDIT_LOOK_EVERY_S: Final = 60.0
_AUDIT_THREADS: Final = 2
_MOST_ITEMS: Final = 500
_MOST_BATCHES: Final = 20
_FIRST_REST_S: Final = 30.0
_LONGEST_REST_S: Final = 900.0
_NICENESS: Final = 10

_log = structlog.get_logger("billhook.reconciliation")


@dataclass
class _Pace:
    """The due times of a connection's parts, by the monotonic clock, and its pause.

    `accepted_key`: the sealed key with which the connection's account was found.
    """

    due_s: dict[str, float] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    failures: int = 0
    rest_until_s: float = 0.0
    accepted_key: str | None = None


@dataclass(frozen=True)
class _Part:
    """A part of reconciliation. `lane`: the threads that run it; one run a lane and connection."""

    name: str
    every_s: float
    lane: str
    run: Callable[[ConnectionNets], int]


class Reconciler:
    """Runs the parts of every connection when they are due. Use `run` as leader only."""

    def __init__(self, parts: SharedParts) -> None:
        settings = parts.settings
        self._shared = parts
        self._parts = (
            _Part("catch_up", settings.reconcile_events_every_s, "news", self._catch_up),
            _Part("open_items", settings.reconcile_open_items_every_s, "news", self._open_items),
            _Part("undelivered", _UNDELIVERED_EVERY_S, "news", _undelivered),
            _Part("audit", _AUDIT_LOOK_EVERY_S, "audits", self._audit),
        )
        self._paces: dict[UUID, _Pace] = {}
        self._pools = {
            "news": _pool("reconcile", settings.reconcile_threads),
            "audits": _pool("audit", _AUDIT_THREADS),
        }

    async def run(self) -> None:
        """Start what is due, until cancelled."""
        connections: list[Connection] = []
        read_s = -_CONNECTIONS_EVERY_S
        await asyncio.to_thread(self.store_audit_interval)
        while True:
            now_s = time.monotonic()
            if now_s - read_s >= _CONNECTIONS_EVERY_S:
                connections, read_s = await asyncio.to_thread(self._connections, connections), now_s
            for connection in connections:
                self.start_due(connection, now_s=now_s)
            await asyncio.sleep(_TICK_S)

    def store_audit_interval(self) -> None:
        """Store the interval of audits, which alerts depend on."""
        every_s = timedelta(hours=self._shared.settings.reconcile_audit_every_h).total_seconds()
        try:
            self._shared.checkpoints.save(AUDIT_INTERVAL, {"seconds": every_s})
        except WorkUnavailable as error:
            _log.warning("reconciliation.unavailable", error=type(error).__name__)

    def close(self) -> None:
        """Wait for the parts that run; they stop after their page."""
        for pool in self._pools.values():
            pool.shutdown(cancel_futures=True)

    def start_due(self, connection: Connection, *, now_s: float) -> None:
        """Start the part of each lane of a connection that is due for the longest time."""
        pace = self._paces.setdefault(connection.connection_id, _Pace())
        if now_s < pace.rest_until_s:
            return
        for part in sorted(self._parts, key=lambda one: pace.due_s.get(one.name, 0.0)):
            if part.lane in pace.running or pace.due_s.get(part.name, 0.0) > now_s:
                continue
            pace.running.add(part.lane)
            pace.due_s[part.name] = now_s + part.every_s
            self._pools[part.lane].submit(self._run_part, part, connection, pace)

    def _run_part(self, part: _Part, connection: Connection, pace: _Pace) -> None:
        """Run a part in a thread; an error lets the connection rest."""
        name = connection.name
        try:
            with reconciliation_budget():
                nets = ConnectionNets(connection=connection, shared=self._shared)
                if pace.accepted_key != connection.sealed_key:
                    nets.require_same_account()
                    pace.accepted_key = connection.sealed_key
                found = part.run(nets)
        except Stopped:
            return
        except (GatewayError, LogUnavailable, WorkUnavailable) as error:
            _rest(pace, part, error)
            reason = f"{type(error).__name__}: {error}"
            _log.warning("reconciliation.rests", part=part.name, connection=name, reason=reason)
        except Exception:  # noqa: BLE001 - one connection's trouble is not the others'
            _log.exception("reconciliation.failed", part=part.name, connection=name)
        else:
            pace.failures = 0
            if found:
                _log.info("reconciliation.found", part=part.name, connection=name, found=found)
        finally:
            pace.running.discard(part.lane)

    def _connections(self, known: list[Connection]) -> list[Connection]:
        """Return the connections in use whose breaker is closed; place new open items, too."""
        shared = self._shared
        try:
            for _ in range(_MOST_BATCHES):
                if self._place_items() < _MOST_ITEMS:
                    break
            used = shared.by_object.connections()
            found = [shared.billing.find(Connection, ids.for_connection(*one)) for one in used]
        except (LogUnavailable, WorkUnavailable) as error:
            _log.warning("reconciliation.unavailable", error=type(error).__name__)
            return known
        except Exception:  # noqa: BLE001 - the process may run other roles, which it would end
            _log.exception("reconciliation.failed", part="connections")
            return known
        return [one for one in found if one is not None and not one.deleted]

    def _place_items(self) -> int:
        shared = self._shared
        return place_items(shared.items, lambda ids_: load(shared.log, ids_), limit=_MOST_ITEMS)

    def _catch_up(self, nets: ConnectionNets) -> int:
        return nets.catch_up(plan_audit=partial(self._plan_audit, nets)).run().entered

    def _plan_audit(self, nets: ConnectionNets, gap: Span) -> None:
        """Have the time audited that the list of events has no longer, with one planned before."""
        connection, name = nets.connection, _gap_name(nets.connection)
        planned = nets.audit(name=name).stored()
        start = gap.start if planned is None or planned.finished else min(planned.start, gap.start)
        missed = AuditCheckpoint(start=start, end=gap.end, phase="invoices")
        self._shared.checkpoints.save(name, asdict(missed))
        _log.warning("reconciliation.gap", connection=connection.name, start=gap.start, end=gap.end)

    def _open_items(self, nets: ConnectionNets) -> int:
        items, connection = self._shared.items, nets.connection.connection_id
        check, entered = nets.open_items(), 0
        while True:
            due = items.due(connection, now=self._shared.now(), limit=_MOST_ITEMS)
            entered += check.run(due)
            if len(due) < _MOST_ITEMS or self._shared.should_stop():
                return entered

    def _audit(self, nets: ConnectionNets) -> int:
        """Run the audit that is due, or one that was interrupted."""
        audit = nets.audit(name=_gap_name(nets.connection))
        missed = audit.stored()
        if missed is not None and not missed.finished:
            return sum(audit.run(missed.period).found.values())
        audit = nets.audit()
        period = self._period(nets.connection, audit.stored())
        return 0 if period is None else sum(audit.run(period).found.values())

    def _period(self, connection: Connection, last: AuditCheckpoint | None) -> Span | None:
        """Return the period to audit; None before it is due."""
        if last is not None and not last.finished:
            return last.period
        settings, now_s = self._shared.settings, int(self._shared.now().timestamp())
        since_s = int(connection.created_on.timestamp()) if last is None else last.end
        if now_s < since_s + timedelta(hours=settings.reconcile_audit_every_h).total_seconds():
            return None
        return Span(start=now_s - settings.reconcile_audit_days * 86400, end=now_s - SETTLE_S)


def _rest(pace: _Pace, part: _Part, error: Exception) -> None:
    """Pause a connection: shortly after a rate limit, else longer after each failure.

    After a rate limit the part goes on from its checkpoint; after a failure others have their turn.
    """
    if isinstance(error, GatewayUnavailable) and not error.counted:
        rest_s = error.retry_after_s or _TICK_S
        pace.due_s[part.name] = 0.0
    else:
        pace.failures += 1
        rest_s = backoff_s(pace.failures, first_s=_FIRST_REST_S, longest_s=_LONGEST_REST_S)
    pace.rest_until_s = time.monotonic() + rest_s


def _undelivered(nets: ConnectionNets) -> int:
    return nets.undelivered().run().entered if nets.connection.provider == "stripe" else 0


def _gap_name(connection: Connection) -> str:
    return f"audit_gap:{connection.connection_id}"


def _pool(name: str, threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix=name, initializer=_yield_to_callers)


def _yield_to_callers() -> None:
    """Lower this thread's priority, where the system has priorities of threads."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


async def run_reconciliation(
    settings: Settings, stop: asyncio.Event, *, sessions: LeaderSessions | None = None
) -> None:
    """Reconcile all connections while leader, until `stop` is set."""
    stopping = threading.Event()
    with open_parts(settings, should_stop=stopping.is_set) as parts:
        reconciler = Reconciler(parts)
        try:
            leadership = Leadership(settings.database_url, NAME, sessions=sessions)
            await leadership.run(reconciler.run, stop=stop)
        finally:
            stopping.set()
            await asyncio.to_thread(reconciler.close)
