"""Streams of the log, folded where the read model is not asked."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar, cast
from uuid import UUID

import orjson

from domain.core import ids
from domain.core.aggregate import AggregateRoot, DomainEvent
from domain.invoices.events import InvoiceEvent, InvoiceImported, InvoiceRequested
from domain.invoices.fold import fold
from domain.invoices.outcome import first_outcome, outcome_of
from domain.invoices.view import InvoiceView
from domain.tenants.tenant import Tenant, TenantEvent
from eventlog.codec import Codec
from eventlog.log import Log
from eventlog.reading import RecordedEvent
from eventlog.security.safe_json import without_secrets
from service.http.envelope import Json

AnyAggregate = TypeVar("AnyAggregate", bound=AggregateRoot)

_REST_OF_A_MILLISECOND: Final = timedelta(microseconds=999)


@dataclass(frozen=True, slots=True)
class Folded:
    """An invoice, and the position up to which it is folded."""

    view: InvoiceView
    position: int


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of something asked of an invoice: folded up to `fact`, which ended it."""

    folded: Folded
    fact: InvoiceEvent


class Streams:
    """Reads one stream at a time."""

    def __init__(self, log: Log, codec: Codec) -> None:
        self._log = log
        self._codec = codec

    async def invoice(self, invoice_id: UUID, *, as_of: datetime | None = None) -> Folded | None:
        """Fold an invoice up to now, or to a moment; None where there is (or was) none.

        Times are shown with milliseconds, so a moment without more means all of its millisecond.
        """
        if as_of is not None and as_of.microsecond % 1000 == 0:
            as_of += _REST_OF_A_MILLISECOND
        recorded = await self._log.stream_async(invoice_id)
        view: InvoiceView | None = None
        position = 0
        for entry, event in zip(recorded, self.invoice_events(recorded), strict=False):
            # A stream's times never run backwards.
            if as_of is not None and event.timestamp > as_of:
                break
            view, position = fold(view, event), entry.position
        return None if view is None else Folded(view, position)

    async def owner(self, invoice_id: UUID) -> tuple[UUID, UUID | None] | None:
        """Tell for which app and tenant an invoice was begun, from its first event alone."""
        begun = await self._log.stream_async(invoice_id, limit=1)
        for event in self.invoice_events(begun):
            if isinstance(event, InvoiceRequested | InvoiceImported):
                return event.app_id, event.tenant_id
        return None

    async def newest(self, stream: UUID) -> int:
        """Tell the position of a stream's newest event; 0 where it has none."""
        found = await self._log.stream_async(stream, newest_first=True, limit=1)
        return found[0].position if found else 0

    def requested(self, recorded: Sequence[RecordedEvent]) -> Folded:
        """Fold the request alone, the first event of the stream."""
        view = fold(None, next(self.invoice_events(recorded)))
        return Folded(view, recorded[0].position)

    def outcome_in(self, recorded: Sequence[RecordedEvent]) -> Folded | None:
        """Fold up to the first outcome; None while there is none."""
        ended = self._end_in(recorded, first_outcome)
        return None if ended is None else ended.folded

    def end_in(self, recorded: Sequence[RecordedEvent], request_id: UUID) -> Ended | None:
        """Fold up to what came of one asking; None while nothing did."""
        return self._end_in(recorded, lambda events: outcome_of(events, request_id))

    def _end_in(
        self,
        recorded: Sequence[RecordedEvent],
        find: Callable[[Iterable[InvoiceEvent]], InvoiceView | None],
    ) -> Ended | None:
        passed: list[tuple[int, InvoiceEvent]] = []

        def noted() -> Iterator[InvoiceEvent]:
            for entry, event in zip(recorded, self.invoice_events(recorded), strict=False):
                passed.append((entry.position, event))
                yield event

        view = find(noted())
        if view is None:
            return None
        position, fact = passed[-1]
        return Ended(Folded(view, position), fact)

    def invoice_events(self, recorded: Iterable[RecordedEvent]) -> Iterator[InvoiceEvent]:
        """Decode one by one; a stream that is no invoice's has none."""
        for entry in recorded:
            event = self.decoded(entry)
            if not isinstance(event, InvoiceEvent):
                return
            yield event

    def decoded(self, entry: RecordedEvent) -> DomainEvent:
        """Give back the event."""
        return cast("DomainEvent", self._codec.decode(entry.stored()))

    async def tenant(self, app_id: UUID, tenant_id: UUID) -> tuple[Tenant, int] | None:
        """Fold a tenant; gives its last position, too."""
        recorded = await self._log.stream_async(ids.for_tenant(app_id, tenant_id))
        tenant = self.tenant_in(recorded)
        return None if tenant is None else (tenant, recorded[-1].position)

    def tenant_in(self, recorded: Iterable[RecordedEvent]) -> Tenant | None:
        """Fold a tenant's stream; None where it is no tenant's."""
        tenant: Tenant | None = None
        for entry in recorded:
            event = self.decoded(entry)
            if isinstance(event, TenantEvent):
                tenant = event.mutate(tenant)
        return tenant

    async def root(self, stream: UUID, kind: type[AnyAggregate]) -> tuple[AnyAggregate, int] | None:
        """Fold an aggregate of that kind; gives its last position, too."""
        recorded = await self._log.stream_async(stream)
        root: object = None
        for entry in recorded:
            root = cast("Any", self.decoded(entry)).mutate(root)
        return (root, recorded[-1].position) if isinstance(root, kind) else None

    async def json_body(self, sha256_hex: str | None) -> Json | None:
        """Give the JSON object kept under a hash, secrets cut; None where it was erased."""
        raw = None if sha256_hex is None else await self._log.body_async(bytes.fromhex(sha256_hex))
        if raw is None:
            return None
        found: Json = without_secrets(orjson.loads(raw))
        return found
