"""Read single streams of the log and fold them, without the read model."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Generic, TypeVar, cast
from uuid import UUID

import orjson

from domain.core import ids
from domain.core.aggregate import AggregateRoot, DomainEvent
from domain.invoices.events import InvoiceEvent, InvoiceImported, InvoiceRequested
from domain.invoices.fold import fold
from domain.invoices.outcome import first_outcome, outcome_of
from domain.invoices.view import InvoiceView
from domain.tenants.events import TenantEvent
from domain.tenants.tenant import Tenant
from eventlog.codec import Codec
from eventlog.log import Log
from eventlog.reading import RecordedEvent
from eventlog.security.safe_json import without_secrets
from service.http.envelope import Json

AnyAggregate = TypeVar("AnyAggregate", bound=AggregateRoot)

_REST_OF_A_MILLISECOND: Final = timedelta(microseconds=999)


View = TypeVar("View")


@dataclass(frozen=True, slots=True)
class Folded(Generic[View]):
    """A view folded up to the event at `position`.

    `event` is that event; None for a row of the read model.
    """

    view: View
    position: int
    event: DomainEvent | None = None


FoldedInvoice = Folded[InvoiceView]


class Streams:
    """Read and fold one stream at a time."""

    def __init__(self, log: Log, codec: Codec) -> None:
        self._log = log
        self._codec = codec

    async def invoice(
        self, invoice_id: UUID, *, as_of: datetime | None = None
    ) -> FoldedInvoice | None:
        """Fold an invoice up to now or to `as_of`; None if it did not exist then.

        Responses have times in milliseconds, so an `as_of` in whole milliseconds includes all
        events of that millisecond.
        """
        if as_of is not None and as_of.microsecond % 1000 == 0:
            as_of += _REST_OF_A_MILLISECOND
        recorded = await self._log.stream_async(invoice_id)
        found: FoldedInvoice | None = None
        for entry, event in zip(recorded, self.invoice_events(recorded), strict=False):
            # Times within a stream never decrease.
            if as_of is not None and event.timestamp > as_of:
                break
            view = fold(None if found is None else found.view, event)
            found = Folded(view, entry.position, event)
        return found

    async def owner(self, invoice_id: UUID) -> tuple[UUID, UUID | None] | None:
        """Return the app and tenant of an invoice's first event; read no other event."""
        first = await self._log.stream_async(invoice_id, limit=1)
        for event in self.invoice_events(first):
            if isinstance(event, InvoiceRequested | InvoiceImported):
                return event.app_id, event.tenant_id
        return None

    async def newest(self, stream: UUID) -> int:
        """Return the position of a stream's newest event; 0 if the stream is empty."""
        found = await self._log.stream_async(stream, newest_first=True, limit=1)
        return found[0].position if found else 0

    def requested(self, recorded: Sequence[RecordedEvent]) -> FoldedInvoice:
        """Fold the first event of an invoice's stream: its request."""
        event = next(self.invoice_events(recorded))
        return Folded(fold(None, event), recorded[0].position, event)

    def first_outcome(self, recorded: Sequence[RecordedEvent]) -> FoldedInvoice | None:
        """Fold an invoice up to its first outcome; None if it has no outcome yet."""
        return self._fold_until(recorded, first_outcome)

    def outcome_of(
        self, recorded: Sequence[RecordedEvent], request_id: UUID
    ) -> FoldedInvoice | None:
        """Fold an invoice up to the event that ended a requested action; None while pending."""
        return self._fold_until(recorded, lambda events: outcome_of(events, request_id))

    def _fold_until(
        self,
        recorded: Sequence[RecordedEvent],
        find: Callable[[Iterable[InvoiceEvent]], InvoiceView | None],
    ) -> FoldedInvoice | None:
        consumed: list[tuple[int, InvoiceEvent]] = []

        def events() -> Iterator[InvoiceEvent]:
            for entry, event in zip(recorded, self.invoice_events(recorded), strict=False):
                consumed.append((entry.position, event))
                yield event

        view = find(events())
        if view is None:
            return None
        position, last = consumed[-1]
        return Folded(view, position, last)

    def invoice_events(self, recorded: Iterable[RecordedEvent]) -> Iterator[InvoiceEvent]:
        """Decode the events of an invoice one by one; other aggregates' streams yield none."""
        for entry in recorded:
            event = self.decoded(entry)
            if not isinstance(event, InvoiceEvent):
                return
            yield event

    def decoded(self, entry: RecordedEvent) -> DomainEvent:
        """Decode a recorded event."""
        return cast("DomainEvent", self._codec.decode(entry))

    async def tenant(self, app_id: UUID, tenant_id: UUID) -> tuple[Tenant, int] | None:
        """Fold a tenant; return it with the position of its newest event."""
        recorded = await self._log.stream_async(ids.for_tenant(app_id, tenant_id))
        tenant = self.tenant_in(recorded)
        return None if tenant is None else (tenant, recorded[-1].position)

    def tenant_in(self, recorded: Iterable[RecordedEvent]) -> Tenant | None:
        """Fold a tenant's stream; None for the stream of another aggregate."""
        tenant: Tenant | None = None
        for entry in recorded:
            event = self.decoded(entry)
            if isinstance(event, TenantEvent):
                tenant = event.mutate(tenant)
        return tenant

    async def aggregate(
        self, stream: UUID, kind: type[AnyAggregate]
    ) -> tuple[AnyAggregate, int] | None:
        """Fold an aggregate of a type; return it with the position of its newest event."""
        recorded = await self._log.stream_async(stream)
        aggregate: object = None
        for entry in recorded:
            aggregate = cast("Any", self.decoded(entry)).mutate(aggregate)
        return (aggregate, recorded[-1].position) if isinstance(aggregate, kind) else None

    async def json_body(self, sha256_hex: str | None) -> Json | None:
        """Return the JSON object stored under a hash, without secrets; None if erased."""
        raw = None if sha256_hex is None else await self._log.body_async(bytes.fromhex(sha256_hex))
        if raw is None:
            return None
        found: Json = without_secrets(orjson.loads(raw))
        return found
