"""Every projection there is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg.rows import TupleRow

from eventlog.follow.handler import Handle, RowsHandler
from projections.access import projector as access_projector
from projections.catalogue import projector as catalogue_projector
from projections.engine.errors import UnknownProjection
from projections.engine.fill import Fill
from projections.engine.tables import Table
from projections.inbox import projector as inbox_projector
from projections.invoices import bulk_load, ordinals, tenant_emails
from projections.invoices import projector as invoices_projector
from projections.reconciliation import projector as reconciliation_projector
from projections.reconciliation import webhooks
from projections.subscriptions import projector as subscriptions_projector
from projections.tenants import projector as tenants_projector

Connection = psycopg.Connection[TupleRow]


@dataclass(frozen=True)
class Derived:
    """Tables that a rebuild makes of others (`of`) once these have indexes, the first one first.

    `parts` returns what is to be done next, each by any session, before the rest of them are
    indexed.
    """

    tables: tuple[str, ...]
    of: tuple[str, ...]
    parts: Callable[[Connection, str], Sequence[Callable[[Connection], None]]]


@dataclass(frozen=True)
class Projection:
    """Topics of a projection, and the handler that writes rows of a generation (a schema)."""

    name: str
    topics: tuple[str, ...]
    handler: Callable[[str], Handle | RowsHandler]
    tables: tuple[Table, ...]
    fill: Fill | None = None
    """Fills empty tables from a part of the log, faster than the handler would."""
    derived: Derived | None = None
    deferred: tuple[str, ...] = ()
    """Topics that no reader waits for: they are folded together with the events after them."""
    defer_s: float = 0.05
    between_deferred_s: float = 0.25
    batch: int = 500
    """Most events that are folded in one transaction."""
    is_busy: bool = False
    """Its follower has a session of its own; the others of a process take turns on one."""


_ALL: Final = (
    Projection(
        access_projector.NAME,
        access_projector.TOPICS,
        access_projector.handler,
        (access_projector.APPS, access_projector.API_KEYS, access_projector.CONNECTIONS),
    ),
    Projection(
        catalogue_projector.NAME,
        catalogue_projector.TOPICS,
        catalogue_projector.handler,
        (catalogue_projector.PRICES, catalogue_projector.TAX_RATES),
    ),
    Projection(
        inbox_projector.NAME,
        inbox_projector.TOPICS,
        inbox_projector.handler,
        (inbox_projector.DELIVERIES,),
        deferred=inbox_projector.TOPICS,
        defer_s=0.25,
        # A webhook's receipt and its application, some 0.3 s later, are one row.
        between_deferred_s=1.0,
    ),
    Projection(
        reconciliation_projector.NAME,
        reconciliation_projector.TOPICS,
        reconciliation_projector.handler,
        (reconciliation_projector.DRIFT,),
    ),
    Projection(
        tenant_emails.NAME,
        tenant_emails.TOPICS,
        tenant_emails.handler,
        (tenant_emails.EMAIL_TERMS,),
    ),
    Projection(
        invoices_projector.NAME,
        invoices_projector.TOPICS,
        invoices_projector.handler,
        invoices_projector.TABLES,
        bulk_load.fill,
        derived=Derived(ordinals.TABLES, of=ordinals.MADE_OF, parts=ordinals.bits_of_blocks),
        deferred=invoices_projector.DEFERRED,
        defer_s=0.2,
        batch=invoices_projector.BATCH,
        is_busy=True,
    ),
    Projection(
        subscriptions_projector.NAME,
        subscriptions_projector.TOPICS,
        subscriptions_projector.handler,
        subscriptions_projector.TABLES,
    ),
    Projection(
        tenants_projector.NAME,
        tenants_projector.TOPICS,
        tenants_projector.handler,
        (tenants_projector.TENANTS,),
    ),
    Projection(
        webhooks.NAME,
        webhooks.TOPICS,
        webhooks.handler,
        (webhooks.HEALTH, webhooks.SOURCES),
        deferred=webhooks.TOPICS,
        defer_s=1.0,
    ),
)

PROJECTIONS: Final = {projection.name: projection for projection in _ALL}


def find(name: str) -> Projection:
    """Return a projection. Raises UnknownProjection."""
    try:
        return PROJECTIONS[name]
    except KeyError:
        raise UnknownProjection(name) from None
