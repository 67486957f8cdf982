"""Project invoices: the fold of each stream, its search terms, and what it adds to sums.

The timeline has what happened to the app's invoices, subscriptions and tenants.
"""

from collections.abc import Collection, Iterable, Sequence
from contextlib import nullcontext
from functools import lru_cache
from typing import Final
from uuid import UUID

from psycopg.sql import SQL

from domain.events import INVOICE_TOPICS, SUBSCRIPTION_TOPICS
from domain.inbox.provider_event import ProviderEventApplied
from domain.invoices.events import (
    InvoiceIssued,
    ProviderInvoiceCreated,
    ProviderStateConfirmed,
    StepStarted,
)
from domain.subscriptions.events import SubscriptionStarted
from eventlog.codec import Codec
from eventlog.database.statements import Statement, execute_together
from eventlog.follow.handler import Cursor, RowsHandler, Writes
from eventlog.reading import RecordedEvent
from projections.engine.tables import (
    adding,
)
from projections.engine.view_codec import from_json
from projections.invoices import ordinals
from projections.invoices.accumulate import (
    DAYS,
    InvoiceAccumulator,
    SumDeltas,
)
from projections.invoices.facets import FACETS
from projections.invoices.folding import Folding, Stream, by_stream, id_of, slices_of
from projections.invoices.invoice_rows import INVOICES
from projections.invoices.search_term_rows import SEARCH_TERMS
from projections.invoices.timeline import TENANT_TOPICS
from projections.invoices.timeline_rows import TIMELINE
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
        streams = by_stream(batch)
        folding = await self._loaded(cursor, streams)
        changed = folding.fold(streams, self._codec)
        if not self._waiting.add(changed):
            return None
        deltas = SumDeltas()
        folding.add_to(deltas)
        return Writes(self._writes(folding, changed, deltas))

    async def handle(self, cursor: Cursor, batch: Sequence[RecordedEvent]) -> None:
        """Load the concerned rows, fold in memory, write all tables by one statement.

        A large batch is written in slices: the database writes one while the next is folded.
        """
        streams = by_stream(batch)
        known = await self._loaded(cursor, streams)
        deltas = SumDeltas()
        slices = slices_of(streams, size=self._slice_events)
        last = len(slices) - 1
        async with cursor.connection.pipeline() if last else nullcontext():
            for index, some in enumerate(slices):
                folding = known.next_slice()
                changed = folding.fold(some, self._codec)
                self._waiting.add(changed)
                folding.add_to(deltas)
                summed = deltas if index == last else None
                writes = self._writes(folding, changed, summed, new_apart=last > 0)
                await execute_together(cursor, writes)
                if index == last - _FOLDED_WHILE_NUMBERING:
                    await self._waiting.number_meanwhile(cursor, schema=self._schema)
        await self._waiting.number(cursor, schema=self._schema)

    async def _loaded(self, cursor: Cursor, streams: Sequence[Stream]) -> Folding:
        accumulated = await _load(cursor, _invoices_that_go_on(streams), schema=self._schema)
        apps = await _apps_of(cursor, _subscriptions_that_go_on(streams), schema=self._schema)
        return Folding(accumulated, apps)

    def _writes(
        self,
        folding: Folding,
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


def _invoices_that_go_on(streams: Iterable[Stream]) -> list[UUID]:
    """Name the invoices that began before this batch."""
    return [
        id_of(stream)
        for stream in streams
        if stream[0].originator_version > 1 and stream[0].topic in _INVOICE_TOPICS
    ]


def _subscriptions_that_go_on(streams: Iterable[Stream]) -> list[UUID]:
    """Name the subscriptions that began before this batch."""
    return [
        id_of(stream)
        for stream in streams
        if stream[0].topic in _SUBSCRIPTION_TOPICS and stream[0].topic != SubscriptionStarted.TOPIC
    ]


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
