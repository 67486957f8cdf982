"""Fill the tables of invoices from the log, stream by stream, while they have no index yet."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Final, LiteralString, NamedTuple, cast
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
from projections.engine.copy_rows import copy, packed
from projections.engine.fill import OnEvents, Part
from projections.invoices.accumulate import (
    InvoiceAccumulator,
    SumDeltas,
)
from projections.invoices.invoice_rows import INVOICES, packed_invoice
from projections.invoices.projector import additions
from projections.invoices.search_term_rows import SEARCH_TERMS, packed_search_terms
from projections.invoices.timeline import TENANT_TOPICS
from projections.invoices.timeline_rows import (
    TIMELINE,
    entries_of,
    packed_entry_of,
    tenant_entry_of,
)

_CHUNK_ROWS: Final = 10_000
_MOST_TALLIES: Final = 20_000
_READ_AT_ONCE: Final = 2_000
# For all rows of a part rather than for the first ones soon, and with room to sort them.
_READING: Final[LiteralString] = "SET cursor_tuple_fraction = 1; SET work_mem = '32MB'"
# One process at a time: two that add to the same sums in another order would wait for each other.
_ADD_ALONE: Final[LiteralString] = (
    "SELECT pg_advisory_xact_lock(hashtextextended('billhook rebuild sums', 0))"
)
_EVENTS: Final[LiteralString] = (
    "SELECT originator_id, originator_version, topic, state, position FROM eventlog.events"
    " WHERE position <= %s AND topic = ANY(%s) AND originator_id BETWEEN %s AND %s"
)
# Stream by stream, so that each invoice is written once and only one is in memory.
_BY_STREAM: Final[LiteralString] = _EVENTS + " ORDER BY originator_id, originator_version"


@dataclass
class _Chunk:
    """Rows on their way into the tables."""

    writer: psycopg.Connection[TupleRow]
    schema: str
    invoices: list[bytes] = field(default_factory=list)
    timeline: list[bytes] = field(default_factory=list)
    terms: list[bytes] = field(default_factory=list)
    deltas: SumDeltas = field(default_factory=SumDeltas)

    def take(self, invoice: InvoiceAccumulator) -> None:
        self.invoices.append(packed_invoice(invoice))
        if terms := packed_search_terms(invoice):
            self.terms.append(terms)
        self.deltas.take(invoice)

    def add_entry(self, entry: bytes) -> None:
        if entry:
            self.timeline.append(entry)

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
        with self.writer.transaction():
            self.writer.execute(_ADD_ALONE)
            for query, parameters in additions(self.deltas, schema=self.schema):
                self.writer.execute(query, parameters)
        self.deltas.clear()


def fill(part: Part, on_events: OnEvents) -> None:
    """Fold the streams of a part into tables without indexes."""
    with (
        connect(part.dsn, application_name="billhook rebuild read", autocommit=False) as reader,
        connect(part.dsn, application_name="billhook rebuild write") as writer,
    ):
        writer.execute("SET synchronous_commit = off")
        reader.execute(_READING)
        log = _Reader(reader, part, on_events)
        chunk = _Chunk(writer, part.schema)
        _fill_invoices(log, chunk)
        _fill_subscriptions(log, chunk)
        _fill_other_events(log, chunk)
        chunk.write_rows()
        chunk.write_tallies()


class _Stored(NamedTuple):
    """A stored event with its position, made in less time than a RecordedEvent."""

    originator_id: UUID
    originator_version: int
    topic: str
    state: bytes
    position: int


@dataclass
class _Reader:
    """Reads the events of a part through a cursor of the server: the log need not fit in memory."""

    connection: psycopg.Connection[TupleRow]
    part: Part
    on_events: OnEvents

    def read(self, query: LiteralString, *, topics: Collection[str]) -> Iterator[_Stored]:
        """Yield the events of these topics; report them by the thousand."""
        part = self.part
        with (
            self.connection.transaction(),
            self.connection.cursor("events", row_factory=args_row(_Stored)) as cursor,
        ):
            cursor.itersize = _READ_AT_ONCE
            values = [part.up_to_position, list(topics), part.first, part.last]
            cursor.execute(query, values, binary=True)
            while events := cursor.fetchmany(_READ_AT_ONCE):
                yield from events
                self.on_events(len(events))


def _fill_invoices(log: _Reader, chunk: _Chunk) -> None:
    codec = Codec()
    events = log.read(_BY_STREAM, topics=INVOICE_TOPICS)
    for _, stream in groupby(events, key=attrgetter("originator_id")):
        invoice = InvoiceAccumulator()
        for recorded in stream:
            event = cast("InvoiceEvent", codec.decode_row(recorded))  # its topic says so
            invoice.take(event, position=recorded.position)
            chunk.add_entry(
                packed_entry_of(event, app_id=invoice.app_id, position=recorded.position)
            )
        chunk.take(invoice)
        chunk.write_if_full()


def _fill_subscriptions(log: _Reader, chunk: _Chunk) -> None:
    codec = Codec()
    apps: dict[UUID, UUID] = {}
    for recorded in log.read(_BY_STREAM, topics=SUBSCRIPTION_TOPICS):
        event = cast("SubscriptionEvent", codec.decode_row(recorded))  # its topic says so
        if isinstance(event, SubscriptionStarted):
            apps = {event.originator_id: event.app_id}  # the streams come one after the other
        app_id = apps[event.originator_id]
        chunk.add_entry(packed_entry_of(event, app_id=app_id, position=recorded.position))
        chunk.write_if_full()


def _fill_other_events(log: _Reader, chunk: _Chunk) -> None:
    codec = Codec()
    topics = [ProviderEventApplied.TOPIC, *TENANT_TOPICS]
    for recorded in log.read(_EVENTS, topics=topics):
        match codec.decode_row(recorded):
            case ProviderEventApplied() as event:
                chunk.timeline += map(packed, entries_of(event, position=recorded.position))
            case TenantEvent() as event:
                chunk.timeline += map(packed, tenant_entry_of(event, position=recorded.position))
        chunk.write_if_full()
