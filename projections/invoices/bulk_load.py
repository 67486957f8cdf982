"""Invoices from the whole log at once, into tables that have no index yet."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Final, LiteralString, cast
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow, args_row

from domain.events import INVOICE_TOPICS, SUBSCRIPTION_TOPICS
from domain.inbox.provider_event import ProviderEventApplied
from domain.invoices.events import InvoiceEvent
from domain.subscriptions.events import SubscriptionEvent, SubscriptionStarted
from domain.tenants.events import TenantEvent
from eventlog.codec import Codec
from eventlog.database.connect import connect
from eventlog.reading import RecordedEvent
from projections.engine.tables import Row, copy
from projections.invoices.accumulate import (
    SEARCH_TERMS,
    InvoiceAccumulator,
    SumDeltas,
    search_term_rows,
)
from projections.invoices.projector import INVOICES, additions, rows_of
from projections.invoices.timeline import TENANT_TOPICS
from projections.invoices.timeline_rows import TIMELINE, entries_of, entry_of, tenant_entry_of

_CHUNK_ROWS: Final = 10_000
_MOST_TALLIES: Final = 20_000
_EVENTS: Final[LiteralString] = (
    "SELECT originator_id, originator_version, topic, state, position FROM eventlog.events"
    " WHERE position <= %s AND topic = ANY(%s)"
)
# Stream by stream, so that each invoice is written once and only one is in memory.
_BY_STREAM: Final[LiteralString] = _EVENTS + " ORDER BY originator_id, originator_version"


@dataclass
class _Chunk:
    """Rows on their way into the tables."""

    writer: psycopg.Connection[TupleRow]
    schema: str
    invoices: list[Row] = field(default_factory=list)
    timeline: list[Row] = field(default_factory=list)
    terms: list[Row] = field(default_factory=list)
    deltas: SumDeltas = field(default_factory=SumDeltas)

    def take(self, invoice: InvoiceAccumulator) -> None:
        self.invoices.extend(rows_of([invoice]))
        self.terms.extend(search_term_rows([invoice]))
        self.deltas.take(invoice)
        self.write_if_full()

    def write_if_full(self) -> None:
        if len(self.timeline) >= _CHUNK_ROWS:
            self.write_rows()
        if len(self.deltas) >= _MOST_TALLIES:
            self.write_tallies()

    def write_rows(self) -> None:
        for table, rows in (
            (INVOICES, self.invoices),
            (TIMELINE, self.timeline),
            (SEARCH_TERMS, self.terms),
        ):
            copy(self.writer, table, rows, schema=self.schema)
            rows.clear()

    def write_tallies(self) -> None:
        for query, parameters in additions(self.deltas, schema=self.schema):
            self.writer.execute(query, parameters)
        self.deltas.clear()


def fill(dsn: str, schema: str, up_to_position: int) -> None:
    """Fold the log up to a position into empty tables."""
    with (
        connect(dsn, application_name="billhook rebuild read", autocommit=False) as reader,
        connect(dsn, application_name="billhook rebuild write") as writer,
    ):
        chunk = _Chunk(writer, schema)
        _fill_invoices(reader, chunk, up_to_position)
        _fill_subscriptions(reader, chunk, up_to_position)
        _fill_other_events(reader, chunk, up_to_position)
        chunk.write_rows()
        chunk.write_tallies()


def _fill_invoices(
    reader: psycopg.Connection[TupleRow], chunk: _Chunk, up_to_position: int
) -> None:
    codec = Codec()
    events = _read(reader, _BY_STREAM, up_to_position, topics=INVOICE_TOPICS)
    for _, stream in groupby(events, key=attrgetter("originator_id")):
        invoice = InvoiceAccumulator()
        for recorded in stream:
            event = cast("InvoiceEvent", codec.decode(recorded))  # its topic says so
            invoice.take(event, position=recorded.position)
            entry = entry_of(event, app_id=invoice.app_id, position=recorded.position)
            chunk.timeline.extend(entry)
        chunk.take(invoice)


def _fill_subscriptions(
    reader: psycopg.Connection[TupleRow], chunk: _Chunk, up_to_position: int
) -> None:
    codec = Codec()
    events = _read(reader, _BY_STREAM, up_to_position, topics=SUBSCRIPTION_TOPICS)
    apps: dict[UUID, UUID] = {}
    for recorded in events:
        event = cast("SubscriptionEvent", codec.decode(recorded))  # its topic says so
        if isinstance(event, SubscriptionStarted):
            apps = {event.originator_id: event.app_id}  # the streams come one after the other
        app_id = apps[event.originator_id]
        chunk.timeline.extend(entry_of(event, app_id=app_id, position=recorded.position))
        chunk.write_if_full()


def _fill_other_events(
    reader: psycopg.Connection[TupleRow], chunk: _Chunk, up_to_position: int
) -> None:
    codec = Codec()
    topics = [ProviderEventApplied.TOPIC, *TENANT_TOPICS]
    for recorded in _read(reader, _EVENTS, up_to_position, topics=topics):
        match codec.decode(recorded):
            case ProviderEventApplied() as event:
                chunk.timeline.extend(entries_of(event, position=recorded.position))
            case TenantEvent() as event:
                chunk.timeline.extend(tenant_entry_of(event, position=recorded.position))
        chunk.write_if_full()


def _read(
    reader: psycopg.Connection[TupleRow],
    query: LiteralString,
    up_to_position: int,
    *,
    topics: Collection[str],
) -> Iterator[RecordedEvent]:
    """Read through a cursor of the server, so that the log need not fit into memory."""
    with (
        reader.transaction(),
        reader.cursor("events", row_factory=args_row(RecordedEvent)) as cursor,
    ):
        cursor.itersize = _CHUNK_ROWS
        cursor.execute(query, [up_to_position, list(topics)])
        yield from cursor
