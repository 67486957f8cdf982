"""Every projection there is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from eventlog.follower import Handle
from projections import (
    access,
    catalogue,
    deliveries,
    emails,
    invoice_fill,
    invoices,
    subscriptions,
    tenants,
)
from projections.errors import UnknownProjection
from projections.writing import Table


@dataclass(frozen=True)
class Projection:
    """What is read from the log, and how it becomes rows of a generation (a schema)."""

    name: str
    topics: tuple[str, ...]
    handler: Callable[[str], Handle]
    tables: tuple[Table, ...]
    fill: Callable[[str, str, int], None] | None = None
    """Fills empty tables (dsn, schema) up to a position, faster than the handler would."""


_ALL: Final = (
    Projection(
        access.NAME,
        access.TOPICS,
        access.handler,
        (access.APPS, access.API_KEYS, access.CONNECTIONS),
    ),
    Projection(
        catalogue.NAME,
        catalogue.TOPICS,
        catalogue.handler,
        (catalogue.PRICES, catalogue.TAX_RATES),
    ),
    Projection(deliveries.NAME, deliveries.TOPICS, deliveries.handler, (deliveries.DELIVERIES,)),
    Projection(emails.NAME, emails.TOPICS, emails.handler, (emails.EMAIL_WORDS,)),
    Projection(
        invoices.NAME,
        invoices.TOPICS,
        invoices.handler,
        invoices.TABLES,
        invoice_fill.fill,
    ),
    Projection(
        subscriptions.NAME, subscriptions.TOPICS, subscriptions.handler, subscriptions.TABLES
    ),
    Projection(tenants.NAME, tenants.TOPICS, tenants.handler, (tenants.TENANTS,)),
)

PROJECTIONS: Final = {projection.name: projection for projection in _ALL}


def find(name: str) -> Projection:
    """Return a projection. Raises UnknownProjection."""
    try:
        return PROJECTIONS[name]
    except KeyError:
        raise UnknownProjection(name) from None
