"""Reads that must not be older than what the caller has already seen."""

from datetime import datetime
from uuid import UUID

from service.context import Context
from service.errors import Missing, ReadModelBehind
from service.streams import Folded


async def wait_until_folded(context: Context, position: int) -> None:
    """Wait until the read model has reached a position. Raises ReadModelBehind."""
    if position == 0:
        return
    wait_s = context.settings.min_position_wait_s
    if not await context.invoices.wait_for("invoices", position, wait_s):
        raise ReadModelBehind


async def find_invoice(
    context: Context, app_id: UUID, invoice_id: UUID, *, min_position: int
) -> Folded:
    """Find an invoice, from its stream where the read model is behind. Raises Missing."""
    # Asked before the row is read: a position that comes after it says nothing of the row.
    if await _is_folded(context, min_position):
        row = await context.invoices.get_invoice(app_id, invoice_id)
        if row is not None:
            return Folded(row.view, row.position)
    folded = await context.streams.invoice(invoice_id)
    if folded is None or folded.view.app_id != app_id:
        raise Missing
    return folded


async def find_invoice_as_of(
    context: Context, app_id: UUID, invoice_id: UUID, moment: datetime
) -> Folded:
    """Find an invoice as it was known at a moment. Raises Missing before it was asked for."""
    folded = await context.streams.invoice(invoice_id, as_of=moment)
    if folded is None or folded.view.app_id != app_id:
        raise Missing
    return folded


async def _is_folded(context: Context, position: int) -> bool:
    return position == 0 or await context.invoices.position("invoices") >= position
