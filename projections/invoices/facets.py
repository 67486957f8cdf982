"""Group invoices by the filters that have few values, and count each group.

A facet is one combination of those values. An app has some hundreds of facets at most, so that a
list with any of these filters reads the few facets that fit, each from its own range of an index,
and adds up their counts. `facet` numbers a combination by its hash, the same one in every
generation and on every machine.
"""

from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple

import orjson

from domain.invoices import status
from domain.invoices.view import InvoiceView
from projections.engine.tables import Table

_BYTES: Final = 8


class Facet(NamedTuple):
    """A combination of values; `assigned`: to a tenant, `paid`: has a time of payment."""

    provider: str
    connection: str
    mode: str
    type: str
    origin: str
    status: str
    currency: str | None
    at_provider: bool
    assigned: bool
    paid: bool

    @property
    def number(self) -> int:
        """Return the combination's hash as a signed integer of 64 bits."""
        return _number_of(self)


@lru_cache(maxsize=4096)
def _number_of(facet: Facet) -> int:
    hashed = blake2b(orjson.dumps(list(facet)), digest_size=_BYTES).digest()
    return int.from_bytes(hashed, "big", signed=True)


FACETS: Final = Table(
    "invoice_facets",
    key=("app_id", "facet"),
    columns=("app_id", "facet", *Facet._fields, "items", "position"),
)


def facet_of(view: InvoiceView) -> Facet:
    """Return the facet that an invoice belongs to."""
    return _facet(
        (
            view.provider,
            view.connection,
            view.mode,
            view.type,
            view.origin,
            view.status,
            view.currency,
            exists_at_provider(view),
            view.tenant_id is not None,
            view.paid_at is not None,
        )
    )


@lru_cache(maxsize=4096)
def _facet(
    values: tuple[str, str, str, str, str, str, str | None, bool, bool, bool],
) -> Facet:
    """Return the one facet of these values: facets are few, and each event is asked for its own."""
    return Facet(*values)


def exists_at_provider(view: InvoiceView) -> bool:
    """Return whether the provider has the invoice; a draft that was deleted is there no more."""
    if view.provider_object_id is None or view.status == status.REJECTED:
        return False
    return not (view.status == status.CANCELED and view.provider_object_type == "invoice")
