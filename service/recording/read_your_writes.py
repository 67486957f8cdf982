"""Reads that must not be older than what the caller has already seen."""

from datetime import datetime
from uuid import UUID

from service.http.caller import Caller
from service.http.errors import NotFound, ReadModelBehind
from service.http.responses import POSITION
from service.recording.context import RecordingContext
from service.recording.streams import Folded


async def wait_until_folded(
    context: RecordingContext, position: int, *, projection: str = "invoices"
) -> None:
    """Wait until the read model has reached a position. Raises ReadModelBehind."""
    if position == 0:
        return
    wait_s = context.settings.min_position_wait_s
    if not await context.read_model.wait_for(projection, position, wait_s):
        raise ReadModelBehind


async def find_invoice(
    context: RecordingContext, caller: Caller, invoice_id: UUID, *, min_position: int
) -> Folded:
    """Find an invoice, from its stream where the read model is behind. Raises NotFound."""
    # Asked before the row is read: a position that comes after it says nothing of the row.
    if await is_folded(context, min_position):
        row = await context.read_model.get_invoice(caller.app.app_id, invoice_id)
        if row is not None and caller.owns(row.view.app_id, row.view.tenant_id):
            return Folded(row.view, row.position)
    return await fold_invoice(context, caller, invoice_id)


async def fold_invoice(
    context: RecordingContext, caller: Caller, invoice_id: UUID, *, as_of: datetime | None = None
) -> Folded:
    """Fold an invoice from its stream, up to now or as it was known at a moment.

    What is another's is read no further than what does not exist, so that time tells nothing.
    Raises NotFound, also before it was asked for.
    """
    owner = await context.streams.owner(invoice_id)
    if owner is None or not caller.owns(owner[0], owner[1] or caller.tenant_id):
        raise NotFound
    folded = await context.streams.invoice(invoice_id, as_of=as_of)
    if folded is None or not caller.owns(folded.view.app_id, folded.view.tenant_id):
        raise NotFound
    return folded


async def is_folded(
    context: RecordingContext, position: int, *, projection: str = "invoices"
) -> bool:
    """Return whether the read model has reached a position."""
    return position == 0 or await context.read_model.position(projection) >= position


# After a write to who may do what: answered once every reader of it can know.


async def wait_for_access(context: RecordingContext, *streams: UUID) -> dict[str, str]:
    """Wait until `access` has passed the newest event of these streams; gives the headers.

    From then on, every process knows it within the time that its cache lives.
    Raises ReadModelBehind: what was written is written, and the same request says so again.
    """
    position = 0
    for stream in streams:
        for newest in await context.log.stream_async(stream, newest_first=True, limit=1):
            position = max(position, newest.position)
    wait_s = context.settings.min_position_wait_s
    if not await context.read_model.wait_for("access", position, wait_s):
        raise ReadModelBehind
    await context.access.look()
    return {POSITION: str(position)}
