"""Invoices and their timelines: the fold of each invoice's stream, as rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import orjson
from psycopg.sql import SQL

from domain.events import INVOICE_TOPICS
from domain.invoice_events import InvoiceEvent
from domain.invoice_view import InvoiceView, fold
from domain.provider_event import ProviderEventApplied
from eventlog.codec import Codec
from eventlog.follower import Cursor, Handle
from eventlog.reading import Recorded
from projections.errors import VersionGap
from projections.timeline import HIDDEN, effects_of, facts_of
from projections.view_codec import from_json, to_json
from projections.writing import Row, Table, insert, upsert

NAME: Final = "invoices"
TOPICS: Final = (*INVOICE_TOPICS, ProviderEventApplied.TOPIC)

INVOICES: Final = Table(
    "invoices",
    key=("invoice_id",),
    columns=(
        "invoice_id",
        "app_id",
        "tenant_id",
        "provider",
        "mode",
        "type",
        "status",
        "currency",
        "total_minor",
        "user_id",
        "customer",
        "subscription_id",
        "created_at",
        "paid_at",
        "version",
        "position",
        "view",
    ),
)
TIMELINE: Final = Table(
    "timeline",
    key=("invoice_id", "position"),
    columns=("invoice_id", "position", "type", "at", "by", "data"),
)


@dataclass(slots=True)
class Folded:
    """An invoice, and how far its stream has been folded."""

    view: InvoiceView | None = None
    version: int = 0
    position: int = 0

    def take(self, event: InvoiceEvent, *, position: int) -> None:
        """Take one event in. Raises VersionGap unless it is the stream's next."""
        if event.originator_version != self.version + 1:
            raise VersionGap(
                event.originator_id, folded=self.version, offered=event.originator_version
            )
        self.view = fold(self.view, event)
        self.version = event.originator_version
        self.position = position


def handler(schema: str) -> Handle:
    """Return what folds batches into one generation's tables."""
    codec = Codec()

    async def handle(cursor: Cursor, batch: Sequence[Recorded]) -> None:
        """Load the concerned rows, fold in memory, write: three statements a batch."""
        events = [(recorded.position, codec.decode(recorded)) for recorded in batch]
        folded = await _load(cursor, _streams_that_go_on(batch), schema=schema)
        timeline: list[Row] = []
        for position, event in events:
            match event:
                case InvoiceEvent():
                    invoice = folded.setdefault(event.originator_id, Folded())
                    invoice.take(event, position=position)
                    timeline.extend(entry_of(event, position=position))
                case ProviderEventApplied():
                    timeline.extend(entries_of(event, position=position))
                case _:
                    raise AssertionError(f"{type(event).__name__} was not asked for")
        await upsert(cursor, INVOICES, rows_of(folded.values()), schema=schema)
        await insert(cursor, TIMELINE, timeline, schema=schema)

    return handle


def rows_of(invoices: Iterable[Folded]) -> list[Row]:
    """Return the rows of invoices, in the order of INVOICES.columns."""
    return [_row(invoice, invoice.view) for invoice in invoices if invoice.view is not None]


def _row(invoice: Folded, view: InvoiceView) -> Row:
    return {
        "invoice_id": view.id,
        "app_id": view.app_id,
        "tenant_id": view.tenant_id,
        "provider": view.provider,
        "mode": view.mode,
        "type": view.type,
        "status": view.status,
        "currency": view.currency,
        "total_minor": view.total_minor,
        "user_id": view.user_id,
        "customer": view.customer,
        "subscription_id": view.subscription_id,
        "created_at": view.created_at,
        "paid_at": view.paid_at,
        "version": invoice.version,
        "position": invoice.position,
        "view": to_json(view),
    }


def entry_of(event: InvoiceEvent, *, position: int) -> list[Row]:
    """Return an event's row on the timeline, if it has one, in the order of TIMELINE.columns."""
    if event.TOPIC in HIDDEN:
        return []
    return [
        {
            "invoice_id": event.originator_id,
            "position": position,
            "type": event.TOPIC,
            "at": event.timestamp,
            "by": event.by,
            "data": orjson.dumps(facts_of(event)),
        }
    ]


def entries_of(event: ProviderEventApplied, *, position: int) -> list[Row]:
    """Return the rows of a provider event that no event tells of, one for each invoice named."""
    return [
        {
            "invoice_id": invoice_id,
            "position": position,
            "type": event.TOPIC,
            "at": event.timestamp,
            "by": event.by,
            "data": orjson.dumps(
                {
                    "providerType": event.type,
                    "providerEventId": event.provider_event_id,
                    "effects": effects,
                }
            ),
        }
        for invoice_id, effects in effects_of(event).items()
    ]


def _streams_that_go_on(batch: Sequence[Recorded]) -> list[UUID]:
    """Name the invoices that began before this batch."""
    first_seen: dict[UUID, int] = {}
    for recorded in batch:
        if recorded.topic != ProviderEventApplied.TOPIC:
            first_seen.setdefault(UUID(str(recorded.originator_id)), recorded.originator_version)
    return [stream for stream, version in first_seen.items() if version > 1]


async def _load(cursor: Cursor, invoice_ids: Sequence[UUID], *, schema: str) -> dict[UUID, Folded]:
    if not invoice_ids:
        return {}
    query = SQL(
        "SELECT invoice_id, version, position, view::text FROM {invoices}"
        " WHERE invoice_id = ANY(%s)"
    ).format(invoices=INVOICES.within(schema))
    await cursor.execute(query, [list(invoice_ids)])
    return {
        invoice_id: Folded(view=from_json(view), version=version, position=position)
        for invoice_id, version, position, view in await cursor.fetchall()
    }
