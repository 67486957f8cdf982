"""Load the aggregates of a page of provider objects, in one query each page."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final, Protocol
from uuid import UUID

from domain.core.aggregate import AggregateRoot
from eventlog.codec import Codec
from eventlog.reading import RecordedEvent
from projections.invoices.by_provider_object import ProviderObjectQueries
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
        wanted = set(ids)
        if not wanted:
            return {}
        found = self._log.streams(wanted)
        return {
            stream: aggregate
            for stream, events in found.items()
            if (aggregate := _fold(events)) is not None
        }

    def invoices_of(self, object_ids: Collection[str]) -> dict[str, UUID]:
        """Return our invoices' ids by the provider's ids of their objects.

        An invoice that the read model has not yet is found if it was imported.
        """
        account = self.account
        named = self._by_object.find(account.app_id, account.connection, object_ids)
        return {one: named.get(one, account.id_of(one)) for one in object_ids}


def _fold(events: Iterable[RecordedEvent]) -> AggregateRoot | None:
    aggregate: Any = None
    for recorded in events:
        aggregate = _CODEC.decode(recorded).mutate(aggregate)  # type: ignore[attr-defined]
    return aggregate if isinstance(aggregate, AggregateRoot) else None
