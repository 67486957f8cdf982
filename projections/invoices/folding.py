"""Fold the streams of a batch into the rows that they change."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, cast
from uuid import UUID

from domain.events import INVOICE_TOPICS
from domain.inbox.provider_event import ProviderEventApplied
from domain.invoices.events import InvoiceEvent
from domain.subscriptions.events import SubscriptionEvent, SubscriptionStarted
from domain.tenants.events import TenantEvent
from eventlog.codec import Codec
from eventlog.database.statements import Statement
from eventlog.reading import RecordedEvent
from projections.engine.tables import Row, inserting, inserting_new, upserting
from projections.invoices import ordinals
from projections.invoices.accumulate import InvoiceAccumulator, SumDeltas
from projections.invoices.invoice_rows import INVOICES, rows_of
from projections.invoices.search_term_rows import SEARCH_TERMS, search_term_rows
from projections.invoices.timeline_rows import TIMELINE, entries_of, entry_of, tenant_entry_of

Stream = Sequence[RecordedEvent]
"""All of a batch's events of one stream, in their order; one at least."""

_INVOICE_TOPICS: Final = frozenset(INVOICE_TOPICS)


def id_of(stream: Stream) -> UUID:
    """Return the id of a stream."""
    return cast("UUID", stream[0].originator_id)  # of a column of ids


def by_stream(batch: Sequence[RecordedEvent]) -> list[Stream]:
    """Divide a batch into streams: each row is loaded, looked up and written once."""
    streams: dict[UUID | str, list[RecordedEvent]] = {}
    for recorded in batch:
        streams.setdefault(recorded.originator_id, []).append(recorded)
    return list(streams.values())


def slices_of(streams: Sequence[Stream], *, size: int) -> list[list[Stream]]:
    """Divide streams into slices of so many events."""
    slices: list[list[Stream]] = []
    room = 0
    for stream in streams:
        if room <= 0:
            slices.append([])
            room = size
        slices[-1].append(stream)
        room -= len(stream)
    return slices


class Folding:
    """Folds events into the rows that they change."""

    def __init__(self, known: Mapping[UUID, InvoiceAccumulator], apps: dict[UUID, UUID]) -> None:
        """Go on from known invoices, and from the apps of known subscriptions."""
        self._known = known
        self._apps = apps
        self._timeline: list[Row] = []
        self._invoices: list[InvoiceAccumulator] = []

    def next_slice(self) -> "Folding":
        """Go on with other streams."""
        return Folding(self._known, self._apps)

    def fold(self, streams: Iterable[Stream], codec: Codec) -> list[InvoiceAccumulator]:
        """Apply the events of whole streams; return the invoices that are new or filtered anew."""
        for stream in streams:
            if stream[0].topic in _INVOICE_TOPICS:
                self._take_invoice(stream, codec)
                continue
            for recorded in stream:
                self._take(codec.decode(recorded), position=recorded.position)
        return ordinals.filtered_anew(self._invoices)

    def _take_invoice(self, stream: Stream, codec: Codec) -> None:
        invoice = self._known.get(id_of(stream)) or InvoiceAccumulator()
        self._invoices.append(invoice)
        for recorded in stream:
            event, position = cast("InvoiceEvent", codec.decode(recorded)), recorded.position
            invoice.take(event, position=position)
            self._timeline += entry_of(event, app_id=invoice.app_id, position=position)

    def _take(self, event: object, *, position: int) -> None:
        match event:
            case SubscriptionEvent():
                if isinstance(event, SubscriptionStarted):
                    self._apps[event.originator_id] = event.app_id
                app_id = self._apps[event.originator_id]
                self._timeline += entry_of(event, app_id=app_id, position=position)
            case ProviderEventApplied():
                self._timeline += entries_of(event, position=position)
            case TenantEvent():
                self._timeline += tenant_entry_of(event, position=position)
            case _:
                raise AssertionError(f"{type(event).__name__} is not an event of this projection")

    def add_to(self, deltas: SumDeltas) -> None:
        """Add what the events changed in counts and sums."""
        for invoice in self._invoices:
            deltas.take(invoice)

    def writes(self, *, schema: str, new_apart: bool) -> list[Statement]:
        """Return the statements that write invoices, and add what happened to them.

        `new_apart`: new invoices have statements of their own, which need not look for their rows.
        That saves a tenth of an insertion, but small batches would be more different statements,
        too many to be prepared.
        """
        every = self._invoices
        new = [one for one in every if one.is_new] if new_apart else []
        others = [one for one in every if not one.is_new] if new_apart else every
        written = (
            (inserting, INVOICES, rows_of(new)),
            (upserting, INVOICES, rows_of(others)),
            (inserting, TIMELINE, self._timeline),
            (inserting, SEARCH_TERMS, search_term_rows(new)),
            (inserting_new, SEARCH_TERMS, search_term_rows(others)),
        )
        return [write(table, rows, schema=schema) for write, table, rows in written if rows]
