"""Bounded queries for the dashboard: newest rows, and sums that are kept.

Each reads an index in its order and stops at a cap, so that no page scans an app's invoices.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from psycopg import sql
from psycopg.sql import SQL

from projections.engine.pool import ReadPool
from projections.invoices.event_feed import AppChange
from projections.reports.time_units import (
    DAY_QUARTERS,
    FOREVER,
    RANGES,
    quarter_of,
    range_parameters,
)
from projections.work.breakers import OpenBreaker, fetch_open_breakers

_NAMES: Final = 6
_MOST: Final = 10_000


@dataclass(frozen=True)
class Share:
    """Number of payments with a method, or of declines with a reason."""

    name: str
    items: int


@dataclass(frozen=True)
class Age:
    """Outstanding amount by whole days since the due time; -1: not due yet."""

    from_days: int
    amount_minor: int
    items: int


@dataclass(frozen=True)
class TenantRow:
    """A tenant, with its customer ids by connection."""

    tenant_id: UUID
    contact_body: str | None
    customers: dict[str, str]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class Movement:
    """A payment, refund or dispute as the timeline of its invoice has it."""

    position: int
    invoice_id: UUID
    type: str
    occurred_at: datetime
    actor: str
    data: dict[str, Any]
    currency: str | None
    number: str | None
    mode: str
    provider: str
    customer: str | None
    reserved_minor: int | None


SHARES: Final = SQL(
    """
WITH {ranges}
SELECT name, sum(items)::bigint AS items
FROM ranges AS range JOIN read.invoice_shares AS share
    ON share.app_id = %(app_id)s AND share.kind = %(kind)s AND share.mode = %(mode)s
    AND share.currency = %(currency)s AND share.unit = range.unit
    AND share.number >= range.first AND share.number < range."end"
GROUP BY name HAVING sum(items) > 0 ORDER BY items DESC, name
"""
).format(ranges=RANGES)
AGES: Final = SQL(
    """
WITH {ranges}
SELECT range.tag AS from_days, sum(part.amount_minor)::bigint AS amount_minor,
    sum(part.items)::bigint AS items
FROM read.invoice_totals AS kept CROSS JOIN ranges AS range CROSS JOIN LATERAL (
    SELECT sum(amount_minor) AS amount_minor, sum(items)::bigint AS items
    FROM read.invoice_sums
    WHERE app_id = kept.app_id AND kind = kept.kind
        AND mode = kept.mode AND currency = kept.currency
        AND provider = kept.provider AND connection = kept.connection
        AND unit = range.unit AND number >= range.first AND number < range."end"
) AS part
WHERE kept.app_id = %(app_id)s AND kept.kind = 'outstanding'
    AND kept.mode = %(mode)s AND kept.currency = %(currency)s
GROUP BY 1 HAVING sum(part.items) <> 0 ORDER BY 1
"""
).format(ranges=RANGES)
_DELIVERIES: Final = SQL(
    "SELECT state AS name, count(*) AS items FROM (SELECT state FROM read.deliveries"
    " WHERE app_id = %(app_id)s AND received_at > %(since)s"
    " ORDER BY received_at DESC, id DESC LIMIT %(most)s) AS newest GROUP BY 1 ORDER BY 1"
)
_REJECTED: Final = SQL(
    "SELECT count(*) AS items FROM (SELECT FROM inbox.rejected_deliveries"
    " WHERE app_id = %(app_id)s AND received_at > %(since)s"
    " ORDER BY received_at DESC LIMIT %(most)s) AS newest"
)
_QUEUES: Final = SQL(
    "SELECT CASE WHEN gave_up_at IS NOT NULL THEN 'gave up' ELSE queue END AS name,"
    " count(*) AS items FROM (SELECT queue, gave_up_at FROM work.jobs WHERE app = %(app_id)s"
    " ORDER BY id LIMIT %(most)s) AS jobs GROUP BY 1 ORDER BY 1"
)
_TENANTS: Final = SQL(
    "SELECT tenant_id, contact_body, customers, created_at, updated_at FROM read.tenants"
    " WHERE app_id = %(app_id)s AND tenant_id > %(after)s ORDER BY tenant_id LIMIT %(rows)s"
)
_TENANT: Final = SQL(
    "SELECT tenant_id, contact_body, customers, created_at, updated_at FROM read.tenants"
    " WHERE app_id = %(app_id)s AND tenant_id = %(tenant_id)s"
)
_CONTACTS: Final = SQL(
    "SELECT tenant_id, contact_body FROM read.tenants"
    " WHERE app_id = %(app_id)s AND tenant_id = ANY(%(tenant_ids)s)"
)
_MOVEMENTS: Final = SQL(
    "SELECT entry.position, subject_id AS invoice_id, entry.type, entry.occurred_at, entry.actor,"
    " entry.data, invoice.currency, invoice.view ->> 'number' AS number, invoice.mode,"
    " invoice.provider, invoice.customer,"
    " (SELECT (refund ->> 'amount_minor')::bigint"
    "  FROM jsonb_array_elements(invoice.view -> 'refunds') AS refund"
    "  WHERE refund ->> 'id' = entry.data ->> 'refundId' LIMIT 1) AS reserved_minor"
    " FROM (SELECT * FROM ({found}) AS found ORDER BY position DESC LIMIT %(rows)s) AS entry"
    " JOIN read.invoices AS invoice ON invoice.invoice_id = entry.subject_id"
    " ORDER BY entry.position DESC"
)
# Types as literals, each with a select of its own, so that each reads an index in its order.
_OF_TYPE: Final = SQL(
    "(SELECT * FROM read.timeline WHERE app_id = %(app_id)s AND type = {type}"
    " AND position < %(before)s ORDER BY position DESC LIMIT %(rows)s)"
)
# `kind` names what the entry is about.
_NEWEST_CHANGES: Final = SQL(
    "SELECT position, kind, subject_id, type, occurred_at, actor, data FROM read.timeline"
    " WHERE app_id = %(app_id)s ORDER BY position DESC, subject_id LIMIT %(rows)s"
)


# Entries of one event have one position, and are never divided between two pages.
_LOG: Final = SQL(
    "SELECT position, kind, subject_id, type, occurred_at, actor, data FROM read.timeline"
    " WHERE app_id = %(app_id)s AND position < %(before)s AND {of_subject}"
    " ORDER BY position DESC FETCH FIRST %(rows)s ROWS WITH TIES"
)
_KIND: Final = SQL(
    "SELECT kind FROM read.timeline WHERE subject_id = %(subject_id)s AND app_id = %(app_id)s"
    " ORDER BY position LIMIT 1"
)


class DashboardQueries:
    """Queries of the dashboard alone. Each may raise ReadModelUnavailable."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool

    async def shares(
        self,
        app_id: UUID,
        mode: str,
        currency: str,
        kind: Literal["collected", "refused"],
        *,
        first: datetime,
        end: datetime,
    ) -> list[Share]:
        """Count a period's payments by method (collected), or its declines by reason (refused).

        The most frequent names, and all others together. Both times begin a quarter of an hour;
        `end` is not included.
        """
        books = {"app_id": app_id, "mode": mode, "currency": currency, "kind": kind}
        ranges = range_parameters([(0, quarter_of(first), quarter_of(end))])
        found = await self._pool.fetch(SHARES, books | ranges)
        shares = [Share(**row) for row in found]
        rest = sum(share.items for share in shares[_NAMES:])
        return shares[:_NAMES] + ([Share("other", rest)] if rest else [])

    async def ages(self, app_id: UUID, mode: str, currency: str, *, now: datetime) -> list[Age]:
        """Sum what is outstanding by its age."""
        known = {"app_id": app_id, "mode": mode, "currency": currency}
        return [Age(**row) for row in await self._pool.fetch(AGES, known | age_ranges(now))]

    async def delivery_states(self, app_id: UUID, *, since: datetime) -> dict[str, int]:
        """Count the newest deliveries since a moment by state; `failed` were rejected."""
        known = {"app_id": app_id, "since": since, "most": _MOST}
        found = await self._pool.fetch(_DELIVERIES, known)
        states = {row["name"]: int(row["items"]) for row in found}
        rejected = await self._pool.fetch(_REJECTED, known)
        return states | {"failed": int(rejected[0]["items"])}

    async def open_breakers(self, app_id: UUID) -> dict[str, OpenBreaker]:
        """Return the open breakers of an app by connection."""
        found = await fetch_open_breakers(self._pool)
        return {one.connection: one for one in found if one.app == app_id}

    async def queue_depths(self, app_id: UUID) -> dict[str, int]:
        """Count an app's open jobs by queue, and those that gave up."""
        known = {"app_id": app_id, "most": _MOST}
        found = await self._pool.fetch(_QUEUES, known)
        return {row["name"]: int(row["items"]) for row in found}

    async def tenants(self, app_id: UUID, *, after: UUID, rows: int) -> list[TenantRow]:
        """List tenants in the order of their ids, from one on."""
        known = {"app_id": app_id, "after": after, "rows": rows}
        return [TenantRow(**row) for row in await self._pool.fetch(_TENANTS, known)]

    async def tenant(self, app_id: UUID, tenant_id: UUID) -> TenantRow | None:
        """Find a tenant."""
        found = await self._pool.fetch(_TENANT, {"app_id": app_id, "tenant_id": tenant_id})
        return TenantRow(**found[0]) if found else None

    async def contact_bodies(self, app_id: UUID, tenant_ids: list[UUID]) -> dict[UUID, str]:
        """Find the hashes of tenants' contact bodies."""
        found = await self._pool.fetch(_CONTACTS, {"app_id": app_id, "tenant_ids": tenant_ids})
        return {row["tenant_id"]: row["contact_body"] for row in found if row["contact_body"]}

    async def movements(
        self, app_id: UUID, types: tuple[str, ...], *, before: int, rows: int
    ) -> list[Movement]:
        """List timeline entries of some types, newest first, from before a position."""
        known = {"app_id": app_id, "before": before, "rows": rows}
        found = SQL(" UNION ALL ").join(_OF_TYPE.format(type=sql.Literal(one)) for one in types)
        query = _MOVEMENTS.format(found=found)
        return [Movement(**row) for row in await self._pool.fetch(query, known)]

    async def log_entries(
        self, app_id: UUID, *, before: int, subject_id: UUID | None, rows: int
    ) -> list[AppChange]:
        """List an app's entries before a position, newest first, also of one subject alone."""
        known = {"app_id": app_id, "before": before, "subject_id": subject_id, "rows": rows}
        query = _LOG.format(
            of_subject=SQL("true" if subject_id is None else "subject_id = %(subject_id)s")
        )
        return [AppChange(**row) for row in await self._pool.fetch(query, known)]

    async def kind_of(self, app_id: UUID, subject_id: UUID) -> str | None:
        """Return whether an id is an app's invoice, subscription or tenant; None if it is none."""
        found = await self._pool.fetch(_KIND, {"app_id": app_id, "subject_id": subject_id})
        return str(found[0]["kind"]) if found else None

    async def newest_changes(self, app_id: UUID, *, rows: int) -> list[AppChange]:
        """List the newest timeline entries of an app."""
        known = {"app_id": app_id, "rows": rows}
        return [AppChange(**row) for row in await self._pool.fetch(_NEWEST_CHANGES, known)]


def age_ranges(now: datetime) -> dict[str, list[Any]]:
    """Return the ranges of AGES: what is due in the quarter of `now` is 0 days overdue."""
    end = quarter_of(now) + 1
    begins = [end - days * DAY_QUARTERS for days in (30, 60, 90)]
    return range_parameters(
        [
            (-1, end, FOREVER),
            (0, begins[0], end),
            (30, begins[1], begins[0]),
            (60, begins[2], begins[1]),
            (90, -FOREVER, begins[2]),
        ]
    )
