"""Find why the events of a partition of the log are still needed."""

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow

from domain.invoices import status
from eventlog.gaps import Range

Connection = psycopg.Connection[TupleRow]

_REBUILDS: Final = "SELECT projection FROM read.generations WHERE state = 'building' ORDER BY 1"
# Each living subscription of Mollie has a job for checks, open from its start on. What it reads,
# the subscription's stream, is kept.
_JOBS: Final = (
    "SELECT key FROM work.jobs WHERE actor <> 'check_subscription' AND opened_at <="
    " (SELECT recorded_at FROM eventlog.events WHERE position = %s) ORDER BY opened_at LIMIT 3"
)
_IS_YOUNG: Final = (
    "SELECT FROM eventlog.events WHERE recorded_at > clock_timestamp() - make_interval(days => %s)"
    " AND position = %s"
)
_IN_USE: Final = (
    "SELECT invoice_id FROM read.invoices WHERE status <> ALL(%s)"
    " UNION ALL SELECT id FROM read.deliveries WHERE state <> 'applied'"
    " UNION ALL SELECT id FROM read.drift WHERE resolved_at IS NULL"
    " UNION ALL SELECT subject FROM work.open_items"
)
_ENDED: Final = (status.PAID, status.VOID, status.CANCELED, status.EXPIRED, status.REJECTED)


def uses_of(connection: Connection, partition: Range, *, days: int) -> Sequence[str]:
    """Return the rebuilds that run, and jobs that have been open since the range's last event.

    `days`: how far back audits read; an event that is younger is in use, too.
    """
    rebuilt = connection.execute(_REBUILDS).fetchall()
    jobs = connection.execute(_JOBS, [partition.last]).fetchall()
    reasons = [f"{name} is being rebuilt" for (name,) in rebuilt]
    reasons += [f"job {key} is not finished" for (key,) in jobs]
    if connection.execute(_IS_YOUNG, [days, partition.last]).fetchone() is not None:
        reasons.append(f"audits read the last {days} days")
    return reasons


def streams_in_use(connection: Connection) -> Iterable[UUID]:
    """Return what is read again: what has not ended, and what has an open dispute or refund."""
    return [stream for (stream,) in connection.execute(_IN_USE, [list(_ENDED)])]
