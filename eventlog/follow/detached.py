"""Keep a follower from passing a detached partition of the log."""

import asyncio
import logging
from typing import Final

from eventlog.errors import EventsDetached
from eventlog.follow.leader import HEARTBEAT_S, Connection, LeaderSession, pause
from eventlog.follow.positions import forget_failure, record_failure
from eventlog.gaps import Range, first_detached

_log = logging.getLogger(__name__)

_REPORT_EVERY_S: Final = 30.0


async def wait_until_attached(
    session: LeaderSession, name: str, *, after: int, stop: asyncio.Event
) -> None:
    """Return once no partition after a position is detached, or `stop` is set.

    Meanwhile the follower fails at the first event that it cannot read. Later it need not look
    again: a partition that a follower has not passed cannot be detached.
    """
    connection = session.connection
    async with session.turn:
        detached = await first_detached(connection, after=after)
    if detached is None:
        return
    loop = asyncio.get_running_loop()
    reported_at_s = -_REPORT_EVERY_S
    while detached is not None and not stop.is_set():
        if loop.time() - reported_at_s >= _REPORT_EVERY_S:
            async with session.turn:
                await _report(connection, name, after=after, detached=detached)
            reported_at_s = loop.time()
        await pause(HEARTBEAT_S, stop=stop)
        async with session.turn:
            detached = await first_detached(connection, after=after)
    if detached is None:
        async with session.turn, connection.transaction(), connection.cursor() as cursor:
            await forget_failure(cursor, name)


async def _report(connection: Connection, name: str, *, after: int, detached: Range) -> None:
    error = EventsDetached(*detached)
    position = max(after + 1, detached.first)
    await record_failure(connection, name, position=position, error=error)
    _log.error("follower %s cannot get past position %d: %s", name, position, error)
