"""Project invoices: the fold of each stream, its search terms, and what it adds to sums.

The timeline has what happened to the app's invoices, subscriptions and tenants.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import nullcontext
from functools import lru_cache
from typing import Final
from uuid import UUID

from psycopg.sql import SQL

from domain.events import INVOICE_TOPICS, SUBSCRIPTION_TOPICS
from domain.inbox.provider_event import ProviderEventApplied
from domain.invoices.events import (
    InvoiceEvent,
    InvoiceIssued,
    ProviderInvoiceCreated,
    ProviderStateConfirmed,
    StepStarted,
)
from domain.subscriptions.events import SubscriptionEvent, SubscriptionStarted
from domain.tenants.events import (
    TenantEvent,
)
from eventlog.codec import Codec
from eventlog.database.statements import Statement, execute_together
from eventlog.follow.handler import Cursor, RowsHandler, Writes
from eventlog.reading import RecordedEvent
from projections.engine.tables import (
    Row,
    adding,
    inserting,
    inserting_new,
    upserting,
)
from projections.engine.view_codec import from_json
from projections.invoices import ordinals
from projections.invoices.accumulate import (
    DAYS,
    InvoiceAccumulator,
    SumDeltas,
)
from projections.invoices.facets import FACETS
from projections.invoices.invoice_rows import INVOICES, rows_of
from projections.invoices.search_term_rows import SEARCH_TERMS, search_term_rows
from projections.invoices.timeline import TENANT_TOPICS
from projections.invoices.timeline_rows import TIMELINE, entries_of, entry_of, tenant_entry_of
from projections.reports.invoice_sums import SHARES, SUMMED, SUMS, TOTALS

NAME: Final = "invoices"
TOPICS: Final = (
    *INVOICE_TOPICS,
    *SUBSCRIPTION_TOPICS,
    ProviderEventApplied.TOPIC,
    *TENANT_TOPICS,
)
# Events between a request and its outcome, and confirmations of what is known.
DEFERRED: Final = (
    StepStarted.TOPIC,
    ProviderInvoiceCreated.TOPIC,
    InvoiceIssued.TOPIC,
    ProviderStateConfirmed.TOPIC,
    ProviderEventApplied.TOPIC,
)

_INVOICE_TOPICS: Final = frozenset(INVOICE_TOPICS)
_SUBSCRIPTION_TOPICS: Final = frozenset(SUBSCRIPTION_TOPICS)
BATCH: Final = 8_000
# Slices whose invoices, mostly, are too few to be numbered once more.
_FOLDED_WHILE_NUMBERING: Final = 3
TABLES: Final = (INVOICES, TIMELINE, SEARCH_TERMS, FACETS, DAYS, SUMS, TOTALS, SHARES)


def handler(schema: str, *, slice_events: int = 250) -> RowsHandler:
    """Return what folds batches into one generation's tables, larger ones in slices."""
    projecting = _Projecting(schema, slice_events)
    return RowsHandler(projecting.fold, projecting.handle)


class _Projecting:
    """Folds batches, and writes their rows."""

    def __init__(self, schema: str, slice_events: int) -> None:
        self._schema = schema
        self._slice_events = slice_events
        self._codec = Codec()
        self._waiting = ordinals.Waiting()

    async def fold(self, cursor: Cursor, batch: Sequence[RecordedEvent]) -> Writes | None:
        """Return what a small batch writes; None where invoices may have to be numbered as well.

        To number them is a statement of its own, which sees the rows of the others.
        """
        if len(batch) > self._slice_events:
            return None
        folding = await self._loaded(cursor, batch)
        changed = folding.fold(batch, self._codec)
        if not self._waiting.add(changed):
            return None
        deltas = SumDeltas()
        folding.add_to(deltas)
        return Writes(self._writes(folding, changed, deltas))

    async def handle(self, cursor: Cursor, batch: Sequence[RecordedEvent]) -> None:
        """Load the concerned rows, fold in memory, write all tables by one statement.

        A large batch is written in slices: the database writes one while the next is folded.
        """
        known = await self._loaded(cursor, batch)
        deltas = SumDeltas()
        slices = _slices(batch, size=self._slice_events)
        last = len(slices) - 1
        async with cursor.connection.pipeline() if last else nullcontext():
            for index, events in enumerate(slices):
                folding = known.next_slice()
                changed = folding.fold(events, self._codec)
                self._waiting.add(changed)
                folding.add_to(deltas)
                summed = deltas if index == last else None
                writes = self._writes(folding, changed, summed, new_apart=last > 0)
                await execute_together(cursor, writes)
                if index == last - _FOLDED_WHILE_NUMBERING:
                    await self._waiting.number_meanwhile(cursor, schema=self._schema)
        await self._waiting.number(cursor, schema=self._schema)

    async def _loaded(self, cursor: Cursor, batch: Sequence[RecordedEvent]) -> "_Folding":
        accumulated = await _load(cursor, _streams_that_go_on(batch), schema=self._schema)
        apps = await _apps_of(cursor, _subscriptions_that_go_on(batch), schema=self._schema)
        return _Folding(accumulated, apps)

    def _writes(
        self,
        folding: "_Folding",
        changed: Collection[InvoiceAccumulator],
        summed: SumDeltas | None,
        *,
        new_apart: bool = False,
    ) -> list[Statement]:
        schema = self._schema
        new = [one for one in changed if one.is_new] if new_apart else []
        others = [one for one in changed if not one.is_new] if new_apart else changed
        return [
            *folding.writes(schema=schema, new_apart=new_apart),
            *ordinals.tracking(new, schema=schema, are_new=True),
            *ordinals.tracking(others, schema=schema),
            *([] if summed is None else additions(summed, schema=schema)),
        ]


def _slices(batch: Sequence[RecordedEvent], *, size: int) -> list[Sequence[RecordedEvent]]:
    """Divide a batch into slices of whole streams, so that each row is written once."""
    if len(batch) <= size:
        return [batch]
    streams: dict[UUID | str, list[RecordedEvent]] = {}
    for recorded in batch:
        streams.setdefault(recorded.originator_id, []).append(recorded)
    slices: list[Sequence[RecordedEvent]] = []
    events: list[RecordedEvent] = []
    for stream in streams.values():
        events += stream
        if len(events) >= size:
            slices.append(events)
            events = []
    return [*slices, events] if events else slices


class _Folding:
    """Folds events into the rows that they change."""

    def __init__(self, known: Mapping[UUID, InvoiceAccumulator], apps: dict[UUID, UUID]) -> None:
        """Go on from known invoices, and from the apps of known subscriptions."""
        self._known = known
        self._apps = apps
        self._timeline: list[Row] = []
        self._invoices: dict[UUID, InvoiceAccumulator] = {}

    def next_slice(self) -> "_Folding":
        """Go on with other streams."""
        return _Folding(self._known, self._apps)

    def fold(self, events: Iterable[RecordedEvent], codec: Codec) -> list[InvoiceAccumulator]:
        """Apply events; return the invoices that are new or filtered anew."""
        for recorded in events:
            self._take(codec.decode(recorded), position=recorded.position)
        return ordinals.filtered_anew(self._invoices.values())

    def _take(self, event: object, *, position: int) -> None:
        match event:
            case InvoiceEvent():
                invoice = self._invoice(event.originator_id)
                invoice.take(event, position=position)
                self._timeline += entry_of(event, app_id=invoice.app_id, position=position)
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

    def _invoice(self, invoice_id: UUID) -> InvoiceAccumulator:
        invoice = self._invoices.get(invoice_id)
        if invoice is None:
            invoice = self._known.get(invoice_id) or InvoiceAccumulator()
            self._invoices[invoice_id] = invoice
        return invoice

    def add_to(self, deltas: SumDeltas) -> None:
        """Add what the events changed in counts and sums."""
        for invoice in self._invoices.values():
            deltas.take(invoice)

    def writes(self, *, schema: str, new_apart: bool) -> list[Statement]:
        """Return the statements that write invoices, and add what happened to them.

        `new_apart`: new invoices have statements of their own, which need not look for their rows.
        That saves a tenth of an insertion, but small batches would be more different statements,
        too many to be prepared.
        """
        every = self._invoices.values()
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


def additions(deltas: SumDeltas, *, schema: str) -> list[Statement]:
    """Return the statements that add tallies to the counts and sums."""
    tables = [
        (FACETS, deltas.facet_rows(), ("items",)),
        (DAYS, deltas.day_rows(), ("at_provider",)),
        (SUMS, deltas.sum_rows(), SUMMED),
        (TOTALS, deltas.total_rows(), SUMMED),
        (SHARES, deltas.share_rows(), ("items",)),
    ]
    return [adding(table, rows, summed=s, schema=schema) for table, rows, s in tables if rows]


def _streams_that_go_on(batch: Sequence[RecordedEvent]) -> list[UUID]:
    """Name the invoices that began before this batch."""
    first_seen: dict[UUID | str, int] = {}
    for recorded in batch:
        if recorded.topic in _INVOICE_TOPICS:
            first_seen.setdefault(recorded.originator_id, recorded.originator_version)
    return [UUID(str(stream)) for stream, version in first_seen.items() if version > 1]


def _subscriptions_that_go_on(batch: Sequence[RecordedEvent]) -> set[UUID]:
    """Name the subscriptions that began before this batch."""
    found: dict[UUID | str, bool] = {}
    for recorded in batch:
        if recorded.topic in _SUBSCRIPTION_TOPICS:
            found.setdefault(recorded.originator_id, recorded.topic != SubscriptionStarted.TOPIC)
    return {UUID(str(stream)) for stream, goes_on in found.items() if goes_on}


async def _apps_of(cursor: Cursor, subjects: Collection[UUID], *, schema: str) -> dict[UUID, UUID]:
    """Return the apps of streams by their first entries on the timeline."""
    if not subjects:
        return {}
    query = SQL(
        "SELECT subject.id, first.app_id FROM unnest(%s::uuid[]) AS subject (id)"
        " JOIN LATERAL (SELECT app_id FROM {timeline} WHERE subject_id = subject.id"
        " ORDER BY position LIMIT 1) AS first ON true"
    ).format(timeline=TIMELINE.within(schema))
    await cursor.execute(query, [list(subjects)])
    return dict(await cursor.fetchall())


async def _load(
    cursor: Cursor, invoice_ids: Sequence[UUID], *, schema: str
) -> dict[UUID, InvoiceAccumulator]:
    if not invoice_ids:
        return {}
    await cursor.execute(_known_query(schema), [list(invoice_ids)])
    return {
        invoice_id: InvoiceAccumulator.loaded(from_json(view), version=version, position=position)
        for invoice_id, version, position, view in await cursor.fetchall()
    }


@lru_cache
def _known_query(schema: str) -> bytes:
    query = SQL(
        "SELECT invoice_id, version, position, view::text FROM {invoices}"
        " WHERE invoice_id = ANY(%s)"
    )
    return query.format(invoices=INVOICES.within(schema)).as_bytes()
