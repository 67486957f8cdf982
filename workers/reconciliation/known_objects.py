"""Load the aggregates of a page of provider objects, in one query each page."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final, Protocol
from uuid import UUID

from domain.core.aggregate import AggregateRoot
from eventlog.codec import Codec
from eventlog.reading import RecordedEvent
from projections.reconciliation.provider_objects import ProviderObjectQueries
from workers.provider_objects.import_object import ProviderAccount

Known = dict[UUID, AggregateRoot]
_CODEC: Final = Codec()


class Streams(Protocol):
    """The log's streams."""

    def streams(self, streams: Collection[UUID]) -> dict[UUID, list[RecordedEvent]]:
        """Read whole streams in one query; a stream without events has an empty list."""


class KnownObjects:
    """The aggregates of one connection. Every method may raise LogUnavailable, WorkUnavailable."""

    def __init__(
        self, account: ProviderAccount, log: Streams, by_object: ProviderObjectQueries
    ) -> None:
        self.account = account
        self._log = log
        self._by_object = by_object

    def load(self, ids: Iterable[UUID]) -> Known:
        """Load the aggregates that exist. Each is a copy, which a dry decision may change."""
        return load(self._log, ids)

    def invoices_of(self, object_ids: Collection[str]) -> dict[str, UUID]:
        """Return our invoices' ids by the provider's ids of their objects.

        An invoice that the read model has not yet is found if it was imported.
        """
        account = self.account
        named = self._by_object.find(account.app_id, account.connection, object_ids)
        return {one: named.get(one, account.id_of(one)) for one in object_ids}

    def invoices_of_payments(self, payment_ids: Collection[str]) -> dict[str, UUID]:
        """Return our invoices' ids by the ids of their payments, which an invoice has several of.

        Otherwise as `invoices_of`.
        """
        account = self.account
        newest = self._by_object.find(account.app_id, account.connection, payment_ids)
        rest = [one for one in payment_ids if one not in newest]
        if not rest:
            return newest
        earlier = self._by_object.find_earlier(account.app_id, account.connection, rest)
        return {one: account.id_of(one) for one in rest} | earlier | newest


def load(log: Streams, ids: Iterable[UUID]) -> Known:
    """Load the aggregates of the streams that exist, in one query."""
    wanted = set(ids)
    found = log.streams(wanted) if wanted else {}
    folded = {stream: _fold(events) for stream, events in found.items()}
    return {stream: one for stream, one in folded.items() if one is not None}


def _fold(events: Iterable[RecordedEvent]) -> AggregateRoot | None:
    aggregate: Any = None
    for recorded in events:
        aggregate = _CODEC.decode(recorded).mutate(aggregate)  # type: ignore[attr-defined]
    return aggregate if isinstance(aggregate, AggregateRoot) else None
