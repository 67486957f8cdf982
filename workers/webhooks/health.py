"""Check the webhook endpoints of all Stripe connections, and record each change of their state.

A check lists the account's endpoints; nothing is written at the provider. Connections without a
webhook secret expect no webhooks, and Mollie has no endpoints: each payment carries its own URL.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from eventsourcing.persistence import IntegrityError

from domain.apps.connection import Connection
from domain.billing import Billing
from domain.core import ids
from domain.core.errors import StaleWrite
from domain.gateway.errors import GatewayError
from domain.inbox.webhook_health import EndpointState, WebhookHealth
from eventlog import persistence
from eventlog.errors import LogUnavailable, VaultError
from eventlog.follow.leader import LOST_CONNECTION, LeaderSessions, Leadership
from eventlog.log import Log
from eventlog.security.vault import Vault
from projections.access.queries import connections_in_use
from projections.inbox.delivery_evidence import (
    NO_EVIDENCE,
    DeliveryEvidence,
    delivery_evidence,
)
from projections.work.checkpoints import Checkpoints
from projections.work.sessions import WorkUnavailable
from workers.errors import OperatorError
from workers.polling.run import connection_in_use
from workers.runtime import open_billing, open_vault, utc_now
from workers.settings import Settings
from workers.webhooks.registration import WebhookRegistration

NAME: Final = "webhook_health"
EVERY: Final = timedelta(minutes=10)
ACTOR: Final = "reconciliation"

_log = structlog.get_logger("billhook.webhook_health")


@dataclass(frozen=True, kw_only=True)
class HealthDeps:
    """Dependencies of the check."""

    billing: Billing
    vault: Vault
    checkpoints: Checkpoints
    api_base: str
    now: Callable[[], datetime]
    evidence: Callable[[Connection], DeliveryEvidence] = lambda _: NO_EVIDENCE


def check_endpoints(connections: Iterable[Connection], deps: HealthDeps) -> int:
    """Check the connections' endpoints; return how many are not healthy.

    A provider that cannot be asked leaves the known state. Raises LogUnavailable, WorkUnavailable.
    """
    unhealthy = 0
    for connection in connections:
        if connection.provider != "stripe" or not connection.sealed_webhook_secrets:
            continue
        try:
            seen = registration_of(connection, deps).state()
        except (GatewayError, VaultError) as error:
            _log.warning(
                "webhook_health.not_checked",
                connection=connection.name,
                app=str(connection.app_id),
                error=type(error).__name__,
            )
            continue
        record_state(connection, seen, deps)
        unhealthy += bool(seen.problems)
    return unhealthy


def registration_of(connection: Connection, deps: HealthDeps) -> WebhookRegistration:
    """Return the registration of a connection's endpoint. Raises OperatorError for Mollie."""
    return WebhookRegistration(
        connection,
        billing=deps.billing,
        vault=deps.vault,
        api_base=deps.api_base,
        now=deps.now,
        evidence=deps.evidence(connection),
    )


def evidence_of(connection: Connection, *, dsn: str) -> DeliveryEvidence:
    """Return what the deliveries since the connection's last change say. Raises LogUnavailable."""
    return delivery_evidence(dsn, connection.connection_id, since=connection.modified_on)


def record_state(connection: Connection, seen: EndpointState, deps: HealthDeps) -> None:
    """Record a state that differs from the one before, and the time of the check."""
    occurred_at = deps.now()

    def observe() -> WebhookHealth:
        return WebhookHealth.observe(
            seen,
            app_id=connection.app_id,
            connection=connection.name,
            connection_id=connection.connection_id,
            provider=connection.provider,
            mode=connection.mode,
            actor=ACTOR,
            occurred_at=occurred_at,
        )

    deps.billing.create_or_change(
        WebhookHealth,
        ids.for_webhook_health(connection.connection_id),
        observe,
        lambda known: known.update(seen, actor=ACTOR, occurred_at=occurred_at),
    )
    deps.checkpoints.save(f"{NAME}:{connection.connection_id}", {"state": seen.state})


async def keep_checking(
    settings: Settings,
    stop: asyncio.Event,
    *,
    every: timedelta = EVERY,
    sessions: LeaderSessions | None = None,
) -> None:
    """Check all connections until `stop`, one process at a time."""

    async def lead() -> None:
        while True:
            try:
                unhealthy = await asyncio.to_thread(check_all, settings)
            except (LogUnavailable, WorkUnavailable, StaleWrite, IntegrityError) as error:
                _log.warning("webhook_health.unavailable", error=type(error).__name__)
            except (OperatorError, *LOST_CONNECTION):
                raise
            except Exception:  # noqa: BLE001 - the process may run other roles, which it would end
                _log.exception("webhook_health.failed")
            else:
                _log.info("webhook_health.checked", unhealthy=unhealthy)
            await asyncio.sleep(every.total_seconds())

    await Leadership(settings.database_url, NAME, sessions=sessions).run(lead, stop=stop)


def check_all(settings: Settings) -> int:
    """Check the endpoints of all connections in use; return how many are not healthy."""
    with ExitStack() as stack:
        log = Log.open(settings.database_url, application_name="billhook webhook health")
        stack.callback(log.close)
        billing = open_billing(log, name=NAME)
        stack.callback(persistence.register, NAME, None)
        checkpoints = Checkpoints(settings.database_url)
        checkpoints.open()
        stack.callback(checkpoints.close)
        deps = HealthDeps(
            billing=billing,
            vault=open_vault(settings),
            checkpoints=checkpoints,
            api_base=settings.stripe_api_base,
            now=utc_now,
            evidence=lambda one: evidence_of(one, dsn=settings.database_url),
        )
        return check_endpoints(_connections(settings, billing), deps)


def _connections(settings: Settings, billing: Billing) -> Iterable[Connection]:
    for known in connections_in_use(settings.database_url):
        try:
            yield connection_in_use(billing, known.app_id, known.name)
        except OperatorError:
            continue  # it was deleted a moment ago
