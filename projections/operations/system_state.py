"""Read the state of the running system: followers, work, provider events."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from psycopg.sql import SQL

from eventlog.follow.leader import LEADER_LOCKS, leader_key
from projections.engine.health import STATES, WRITABLE, FollowerState
from projections.engine.pool import ReadPool, open_pool
from projections.operations.reconciliation_state import (
    ReconciliationState,
    read_connections,
    summarise,
)
from projections.work.breakers import OpenBreaker, fetch_open_breakers

# Followers and leaders that run in every installation. `relay` and `apply` have no row before
# they led once; the scheduler has no position.
LEADERS: Final = ("apply", "relay", "schedule")
_MOST_REASONS: Final = 20
OTHER: Final = "other"


@dataclass(frozen=True, kw_only=True)
class SystemState:
    """Ages in seconds are 0 where nothing waits.

    `oldest_due_s`: work that is due, not finished and not given up. `oldest_retried_s`: since when
    the oldest job that failed at least once is open; one that waits for its time has not failed.
    `oldest_unapplied_s`: provider events that are neither applied nor a dead letter.
    `captures_due`: authorized payments that the provider releases within 48 h unless they are
    captured. `leaders`: whether a process holds the leader's lock. `dead_letters`: by the reason
    without its details, the 20 most frequent ones and `other`. `log_room`: positions for which the
    log has a partition already, in partitions; below 0.5 one should have been added.
    """

    is_writable: bool
    followers: tuple[FollowerState, ...]
    leaders: Mapping[str, bool]
    oldest_due_s: float
    oldest_retried_s: float
    oldest_unapplied_s: float
    captures_due: int
    dead_letters: Mapping[str, int]
    gave_up: Mapping[str, int]
    skipped_events: int
    log_room: float
    detached_partitions: int
    open_breakers: tuple[OpenBreaker, ...]
    reconciliation: ReconciliationState


# Each part reads an index's first rows, or rows that are few: open work, dead letters.
_QUERY: Final = SQL(
    """
WITH state AS ({states}), leader AS ({leaders}), dead AS (
    SELECT split_part(coalesce(reason, ''), ':', 1) AS reason, count(*) AS events
    FROM read.deliveries WHERE state = 'dead' GROUP BY 1 ORDER BY 2 DESC, 1
), gave_up AS (
    SELECT split_part(key, ':', 1) AS kind, count(*) AS jobs
    FROM work.jobs WHERE gave_up_at IS NOT NULL GROUP BY 1
)
SELECT
    {writable} AS writable,
    (SELECT coalesce(jsonb_agg(to_jsonb(state)), '[]') FROM state) AS followers,
    (SELECT coalesce(jsonb_agg(leader.key::text), '[]') FROM leader) AS locks,
    coalesce((
        SELECT greatest(extract(epoch FROM clock_timestamp() - due_at), 0)
        FROM work.jobs WHERE gave_up_at IS NULL ORDER BY due_at, id LIMIT 1
    ), 0)::float AS oldest_due_s,
    coalesce((
        SELECT extract(epoch FROM clock_timestamp() - min(opened_at))
        FROM work.jobs WHERE gave_up_at IS NULL AND tries > 0
    ), 0)::float AS oldest_retried_s,
    coalesce((
        SELECT extract(epoch FROM clock_timestamp() - received_at)
        FROM read.deliveries WHERE state IN ('received', 'parked')
        ORDER BY received_at LIMIT 1
    ), 0)::float AS oldest_unapplied_s,
    (SELECT count(*) FROM read.invoices
        WHERE capture_before < clock_timestamp() + interval '48 h') AS captures_due,
    (SELECT coalesce(jsonb_object_agg(reason, events), '{{}}') FROM dead) AS dead_letters,
    (SELECT coalesce(jsonb_object_agg(kind, jobs), '{{}}') FROM gave_up) AS gave_up,
    (SELECT count(*) FROM eventlog.events WHERE topic = 'follower.event_skipped')
        AS skipped_events,
    (SELECT (
            open_last - (SELECT coalesce(max(position), 0) FROM eventlog.events)
            + CASE WHEN to_regclass('eventlog.events_from_' || open_last + 1) IS NULL THEN 0
                ELSE size END
        )::float / size
        FROM eventlog.partitioning) AS log_room,
    (SELECT count(*) FROM eventlog.detached_partitions) AS detached_partitions
"""
).format(states=STATES, leaders=LEADER_LOCKS, writable=WRITABLE)


async def read_state(pool: ReadPool) -> SystemState:
    """Read the state now. Raises ReadModelUnavailable."""
    (row,) = await pool.fetch(_QUERY)
    held = {int(key) for key in row["locks"]}
    followers = tuple(FollowerState(**known) for known in row["followers"])
    locks = {name: name for name in LEADERS} | {known.name: known.lock for known in followers}
    return SystemState(
        is_writable=row["writable"],
        followers=followers,
        leaders={name: leader_key(lock) in held for name, lock in locks.items()},
        oldest_due_s=row["oldest_due_s"],
        oldest_retried_s=row["oldest_retried_s"],
        oldest_unapplied_s=row["oldest_unapplied_s"],
        captures_due=row["captures_due"],
        dead_letters=_most_frequent(row["dead_letters"]),
        gave_up=row["gave_up"],
        skipped_events=row["skipped_events"],
        log_room=row["log_room"],
        detached_partitions=row["detached_partitions"],
        open_breakers=tuple(await fetch_open_breakers(pool)),
        reconciliation=summarise(await read_connections(pool)),
    )


async def read_state_once(dsn: str) -> SystemState:
    """Read the state with sessions of its own. Raises ReadModelUnavailable."""
    async with await open_pool(dsn, max_size=1) as pool:
        return await read_state(pool)


def _most_frequent(counts: Mapping[str, int]) -> Mapping[str, int]:
    """Bound the number of reasons: each becomes a time series."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    kept = dict(ordered[:_MOST_REASONS])
    rest = sum(count for _, count in ordered[_MOST_REASONS:])
    return kept | ({OTHER: kept.get(OTHER, 0) + rest} if rest else {})
