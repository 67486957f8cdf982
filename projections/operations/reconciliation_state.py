"""Read the state of reconciliation: unresolved drift, its parts' progress, webhook endpoints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg.sql import SQL, Literal

from projections.engine.pool import ReadPool, open_pool

AUDIT_INTERVAL: Final = "audit_interval"
"""The checkpoint in which the scheduler states its setting, as `seconds`."""
AUDIT_EVERY_S: Final = 24 * 3600
AUDIT_LATE_S: Final = 2 * 3600
"""Time for an audit to be late and to last."""
SHARE_DAYS: Final = 7


@dataclass(frozen=True, kw_only=True)
class ConnectionState:
    """Reconciliation of one connection that is in use.

    `catch_up_lag_s`: age of the newest event that was looked for; None for a provider without a
    list of events, or before the first time. `audit_age_s`: since an audit last made progress; None
    before the first. `in_use_s`: since the connection was made or set anew after its deletion.
    `audit_every_s`: the scheduler's interval of audits.
    `health` and `problems`: of the webhook endpoint; None before the first check, and where it has
    none. `delivered`, `found`: events of the last 7 days that a webhook brought, and that
    reconciliation found first. `last_delivered_at`: the newest webhook of that time.
    """

    app_id: UUID
    connection: str
    connection_id: UUID
    provider: str
    mode: str
    catch_up_lag_s: float | None
    audit_age_s: float | None
    in_use_s: float
    audit_every_s: float
    unresolved: int
    oldest_unresolved_s: float
    health: str | None
    problems: Sequence[str]
    health_changed_at: datetime | None
    health_checked_at: datetime | None
    delivered: int
    found: int
    last_delivered_at: datetime | None

    @property
    def is_audit_overdue(self) -> bool:
        """Return whether the audit is later than its interval allows."""
        waited_s = self.in_use_s if self.audit_age_s is None else self.audit_age_s
        return waited_s > self.audit_every_s + AUDIT_LATE_S

    @property
    def found_share(self) -> float | None:
        """Return the share of events that reconciliation found first; None without events."""
        events = self.delivered + self.found
        return self.found / events if events else None


# Connections are few; each part is an index's first rows, or rows that are few.
_QUERY: Final = SQL(
    """
WITH connection AS (
    SELECT connection_id, app_id, name, provider, mode, in_use_since
    FROM read.connections WHERE deleted_at IS NULL
), unresolved AS (
    SELECT app_id, connection, count(*) AS rows, min(detected_at) AS detected_at
    FROM read.drift WHERE state = 'open' GROUP BY app_id, connection
), source AS (
    SELECT connection_id, sum(delivered)::bigint AS delivered, sum(found)::bigint AS found,
        max(last_delivered_at) AS last_delivered_at
    FROM read.webhook_sources WHERE day > current_date - {days} GROUP BY connection_id
)
SELECT connection.app_id, connection.name AS connection, connection.connection_id,
    connection.provider, connection.mode,
    extract(epoch FROM clock_timestamp())::float
        - coalesce(
            catch_up.checkpoint->>'reached_s', catch_up.checkpoint->>'read_s'
        )::float AS catch_up_lag_s,
    extract(epoch FROM clock_timestamp() - audit.updated_at)::float AS audit_age_s,
    extract(epoch FROM clock_timestamp() - connection.in_use_since)::float AS in_use_s,
    coalesce(pace.checkpoint->>'seconds', {audit_every})::float AS audit_every_s,
    coalesce(unresolved.rows, 0) AS unresolved,
    coalesce(extract(epoch FROM clock_timestamp() - unresolved.detected_at), 0)::float
        AS oldest_unresolved_s,
    health.state AS health, coalesce(health.problems, '[]') AS problems,
    health.changed_at AS health_changed_at, checked.updated_at AS health_checked_at,
    coalesce(source.delivered, 0) AS delivered, coalesce(source.found, 0) AS found,
    source.last_delivered_at
FROM connection
LEFT JOIN unresolved
    ON unresolved.app_id = connection.app_id AND unresolved.connection = connection.name
LEFT JOIN source USING (connection_id)
LEFT JOIN read.webhook_health AS health USING (connection_id)
LEFT JOIN work.checkpoints AS catch_up ON catch_up.name = 'catch_up:' || connection_id
LEFT JOIN work.checkpoints AS audit ON audit.name = 'audit:' || connection_id
LEFT JOIN work.checkpoints AS pace ON pace.name = {audit_interval}
LEFT JOIN work.checkpoints AS checked ON checked.name = 'webhook_health:' || connection_id
WHERE {filter}
ORDER BY connection.app_id, connection.name
"""
)
_ALL: Final = SQL("true")
_OF_APP: Final = SQL("connection.app_id = %(app_id)s")


@dataclass(frozen=True, kw_only=True)
class ReconciliationState:
    """Reconciliation of the whole installation; ages are 0 where nothing waits.

    `endpoints`: the connections whose webhook endpoint was checked, by (app, connection).
    `found_share`: of all connections' events of the last 7 days; 0 without events.
    """

    unresolved: int
    oldest_unresolved_s: float
    catch_up_lag_s: float
    audits_overdue: int
    audit_every_s: float
    endpoints: Mapping[tuple[str, str], str]
    found_share: float


async def read_connections(pool: ReadPool, app_id: UUID | None = None) -> list[ConnectionState]:
    """Read the state of each connection in use. Raises ReadModelUnavailable."""
    query = _QUERY.format(
        days=SQL(str(SHARE_DAYS)),
        audit_every=Literal(str(AUDIT_EVERY_S)),
        audit_interval=Literal(AUDIT_INTERVAL),
        filter=_ALL if app_id is None else _OF_APP,
    )
    return [ConnectionState(**row) for row in await pool.fetch(query, {"app_id": app_id})]


async def read_connections_once(dsn: str, app_id: UUID | None = None) -> list[ConnectionState]:
    """Read the state with sessions of its own. Raises ReadModelUnavailable."""
    async with await open_pool(dsn, max_size=1) as pool:
        return await read_connections(pool, app_id)


def summarise(connections: Sequence[ConnectionState]) -> ReconciliationState:
    """Add up the connections of an installation."""
    found = sum(one.found for one in connections)
    events = found + sum(one.delivered for one in connections)
    return ReconciliationState(
        unresolved=sum(one.unresolved for one in connections),
        oldest_unresolved_s=max((one.oldest_unresolved_s for one in connections), default=0.0),
        catch_up_lag_s=max((one.catch_up_lag_s or 0.0 for one in connections), default=0.0),
        audits_overdue=sum(one.is_audit_overdue for one in connections),
        audit_every_s=max((one.audit_every_s for one in connections), default=AUDIT_EVERY_S),
        endpoints={_key(one): one.health for one in connections if one.health is not None},
        found_share=found / events if events else 0.0,
    )


def _key(one: ConnectionState) -> tuple[str, str]:
    return str(one.app_id), one.connection
