"""Reads that include the caller's own writes."""

from datetime import datetime
from uuid import UUID

from eventlog.errors import HistoryDetached
from service.http.caller import Caller
from service.http.errors import NotFound, ReadModelBehind
from service.http.responses import POSITION
from service.recording.context import RecordingContext
from service.recording.streams import Folded, FoldedInvoice


async def wait_until_folded(
    context: RecordingContext, position: int, *, projection: str = "invoices"
) -> None:
    """Wait until a projection has reached a position. Raises ReadModelBehind."""
    if position == 0:
        return
    wait_s = context.settings.min_position_wait_s
    if not await context.read_model.wait_for(projection, position, wait_s):
        raise ReadModelBehind


async def find_invoice(
    context: RecordingContext, caller: Caller, invoice_id: UUID
) -> FoldedInvoice:
    """Find a caller's invoice, never behind the log. Raises NotFound.

    The row of the read model is used if it has the stream's newest event; otherwise the stream is
    folded.
    """
    row = await context.read_model.get_invoice(caller.app.app_id, invoice_id)
    if (
        row is not None
        and caller.owns(row.view.app_id, row.view.tenant_id)
        and await is_newest(context, invoice_id, row.position)
    ):
        return Folded(row.view, row.position)
    return await fold_invoice(context, caller, invoice_id)


async def fold_invoice(
    context: RecordingContext, caller: Caller, invoice_id: UUID, *, as_of: datetime | None = None
) -> FoldedInvoice:
    """Fold a caller's invoice from its stream, up to now or up to `as_of`.

    Of another caller's invoice only the first event is read, so that the duration of the response
    does not reveal that it exists. Raises NotFound, also if it did not exist at `as_of`.
    """
    owner = await owner_of(context, caller, invoice_id)
    if owner is None or not caller.owns(owner[0], owner[1] or caller.tenant_id):
        raise NotFound
    folded = await context.streams.invoice(invoice_id, as_of=as_of)
    if folded is None or not caller.owns(folded.view.app_id, folded.view.tenant_id):
        raise NotFound
    return folded


async def owner_of(
    context: RecordingContext, caller: Caller, invoice_id: UUID
) -> tuple[UUID, UUID | None] | None:
    """Return the app and tenant of an invoice's first event; None if there is no such invoice.

    Raises HistoryDetached for a caller's invoice; another one's does not exist for the caller.
    """
    try:
        return await context.streams.owner(invoice_id)
    except HistoryDetached:
        row = await context.read_model.get_invoice(caller.app.app_id, invoice_id)
        if row is not None and caller.owns(row.view.app_id, row.view.tenant_id):
            raise
        return None


async def is_newest(context: RecordingContext, stream: UUID, position: int) -> bool:
    """Return whether a stream has no event after a position: one probe of the log's index.

    Call it after the row was read: events recorded in between count.
    """
    return await context.streams.newest(stream) <= position


async def wait_for_access(context: RecordingContext, *streams: UUID) -> dict[str, str]:
    """Wait until `access` has passed the newest event of these streams; return the headers.

    Every process then applies a change of keys or connections within the lifetime of its cache.
    Raises ReadModelBehind. The change is recorded even then; repeating the request is safe.
    """
    position = max([await context.streams.newest(stream) for stream in streams])
    wait_s = context.settings.min_position_wait_s
    if not await context.read_model.wait_for("access", position, wait_s):
        raise ReadModelBehind
    await context.access.look()
    return {POSITION: str(position)}
