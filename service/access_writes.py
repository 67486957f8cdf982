"""After a write to who may do what: answered once every reader of it can know."""

from uuid import UUID

from service.answers import POSITION
from service.context import Context
from service.errors import ReadModelBehind


async def wait_for_access(context: Context, *streams: UUID) -> dict[str, str]:
    """Wait until `access` has passed the newest event of these streams; gives the headers.

    From then on, every process knows it within the time that its cache lives.
    Raises ReadModelBehind: what was written is written, and the same request says so again.
    """
    position = 0
    for stream in streams:
        for newest in await context.log.stream_async(stream, newest_first=True, limit=1):
            position = max(position, newest.position)
    wait_s = context.settings.min_position_wait_s
    if not await context.invoices.wait_for("access", position, wait_s):
        raise ReadModelBehind
    await context.access.look()
    return {POSITION: str(position)}
