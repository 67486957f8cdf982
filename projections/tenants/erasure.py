"""Find and delete what is stored of a tenant beside the log: provider objects and payloads.

Bodies of a tenant are stored under its stream. Webhook payloads, and objects that were recorded
before their tenant was known, are stored under none: they are found by what they are about.
A payload that no invoice and no subscription is known of, such as a page's for a payment method,
is found by the customer that it names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, LiteralString
from uuid import UUID

from psycopg.rows import class_row

from eventlog.bodies import unpack
from eventlog.errors import BodyDamaged
from projections.work.sessions import SessionPool

# Each statement is answered long before a session counts as silent.
_BATCH: Final = 1_000
_DELIVERIES: Final = 10_000
_PAYLOADS: Final = 100

_FIND: Final[LiteralString] = """
    SELECT invoice_id AS id, provider_object_id AS object FROM read.invoices
    WHERE app_id = %(app)s AND tenant_id = %(tenant)s
    UNION ALL
    SELECT subscription_id, provider_subscription_id FROM read.subscriptions
    WHERE app_id = %(app)s AND tenant_id = %(tenant)s
"""
_PAGE: Final[LiteralString] = """
    WITH page AS MATERIALIZED (
        SELECT * FROM read.deliveries
        WHERE app_id = %(app)s AND (received_at, id) > (%(after_time)s, %(after_id)s)
        ORDER BY received_at, id LIMIT %(rows)s
    )
    SELECT received_at, id, body, state IN ('received', 'parked') AS is_waiting,
        object_id IN (SELECT unnest(%(objects)s::text[]))
        OR invoice_id::text IN (SELECT unnest(%(streams)s::text[]))
        OR EXISTS (
            SELECT FROM jsonb_array_elements(effects) AS made
            WHERE coalesce(made ->> 'invoice', made ->> 'subscription')
                IN (SELECT unnest(%(streams)s::text[]))
        ) AS is_about,
        NOT EXISTS (
            SELECT FROM jsonb_array_elements(effects) AS made
            WHERE made ? 'invoice' OR made ? 'subscription'
        ) AS is_unattributed
    FROM page ORDER BY received_at, id
"""
_READ_UNOWNED: Final[LiteralString] = """
    SELECT sha256, bytes FROM eventlog.bodies
    WHERE tenant IS NULL AND sha256 IN (SELECT unnest(%s::bytea[]))
"""
_DELETE_OWNED: Final[LiteralString] = """
    DELETE FROM eventlog.bodies WHERE tenant = %(owner)s AND sha256 IN (
        SELECT sha256 FROM eventlog.bodies WHERE tenant = %(owner)s LIMIT %(rows)s
    )
"""
_DELETE_UNOWNED: Final[LiteralString] = """
    DELETE FROM eventlog.bodies WHERE tenant IS NULL AND sha256 IN (SELECT unnest(%s::bytea[]))
"""


@dataclass(frozen=True, kw_only=True)
class TenantObject:
    """A stream of a tenant's invoice or subscription, and the provider's id of it."""

    id: UUID
    object: str | None


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A webhook. `body`: its payload's sha256; `is_waiting`: it is still to be applied.

    `is_unattributed`: no invoice or subscription is known that it is about.
    """

    received_at: datetime
    id: UUID
    body: str
    is_waiting: bool
    is_about: bool
    is_unattributed: bool


class TenantBodies:
    """What is stored of tenants. Each call may raise WorkUnavailable, and may be repeated."""

    def __init__(self, dsn: str) -> None:
        """Use `open` before the first call."""
        self._sessions = SessionPool(dsn, application_name="billhook erasure", max_size=1)

    def open(self) -> None:
        """Allow sessions to be opened on demand."""
        self._sessions.open()

    def close(self) -> None:
        """Close the sessions."""
        self._sessions.close()

    def objects(self, app_id: UUID, tenant_id: UUID) -> list[TenantObject]:
        """Find the tenant's invoices and subscriptions in the read model."""
        with self._sessions.session() as session:
            cursor = session.cursor(row_factory=class_row(TenantObject))
            return cursor.execute(_FIND, {"app": app_id, "tenant": tenant_id}).fetchall()

    def deliveries(
        self,
        app_id: UUID,
        *,
        streams: Sequence[UUID],
        objects: Sequence[str],
        customers: Sequence[str],
    ) -> Iterator[Delivery]:
        """Find the app's webhooks about these streams, or about the provider's objects of the ids.

        All webhooks of the app are read, some thousand in a statement, and the payloads of those
        that are about no known invoice or subscription.
        """
        last: Delivery | None = None
        while True:
            parameters = {
                "app": app_id,
                "streams": [str(stream) for stream in streams],
                "objects": [*objects, *customers],
                "after_time": datetime.min.replace(tzinfo=UTC)
                if last is None
                else last.received_at,
                "after_id": UUID(int=0) if last is None else last.id,
                "rows": _DELIVERIES,
            }
            with self._sessions.session() as session:
                cursor = session.cursor(row_factory=class_row(Delivery))
                page = cursor.execute(_PAGE, parameters).fetchall()
            unknown = [one.body for one in page if one.is_unattributed and not one.is_about]
            naming = self._naming(customers, unknown)
            yield from (one for one in page if one.is_about or one.body in naming)
            if len(page) < _DELIVERIES:
                return
            last = page[-1]

    def _naming(self, customers: Sequence[str], sha256s: Sequence[str]) -> set[str]:
        """Return the hashes of the payloads that have a customer's id as one of their values."""
        quoted = [f'"{customer}"'.encode() for customer in customers]
        naming = set()
        for start in range(0, len(sha256s) if quoted else 0, _PAYLOADS):
            hashes = [bytes.fromhex(sha256) for sha256 in sha256s[start : start + _PAYLOADS]]
            with self._sessions.session() as session:
                stored = session.execute(_READ_UNOWNED, [hashes]).fetchall()
            for sha256, packed in stored:
                with suppress(BodyDamaged):
                    payload = unpack(packed, sha256=sha256)
                    if any(one in payload for one in quoted):
                        naming.add(sha256.hex())
        return naming

    def delete_owned(self, owner: UUID) -> int:
        """Delete the bodies that are stored under a tenant's stream; return their number."""
        deleted = 0
        while True:
            with self._sessions.session() as session:
                done = session.execute(_DELETE_OWNED, {"owner": owner, "rows": _BATCH}).rowcount
            deleted += done
            if done < _BATCH:
                return deleted

    def delete_unowned(self, sha256s: Sequence[str]) -> int:
        """Delete bodies that are stored under no tenant, by their hashes; return their number."""
        deleted = 0
        for start in range(0, len(sha256s), _BATCH):
            hashes = [bytes.fromhex(sha256) for sha256 in sha256s[start : start + _BATCH]]
            with self._sessions.session() as session:
                deleted += session.execute(_DELETE_UNOWNED, [hashes]).rowcount
        return deleted
