"""Events on which a follower's handler raises: retried for ever, unless an operator skips them."""

import asyncio
import logging

from eventlog.follow.leader import HEARTBEAT_S, LeaderSession, pause
from eventlog.follow.positions import forget_failure, is_skipped, move, record_failure
from eventlog.follow.progress import Progress
from eventlog.process.backoff import backoff_s
from eventlog.process.describe_error import describe

_log = logging.getLogger(__name__)

_FIRST_RETRY_S = 0.25
_LONGEST_RETRY_S = 30.0


async def retry_or_skip(
    session: LeaderSession,
    name: str,
    progress: Progress,
    position: int,
    *,
    error: Exception,
    stop: asyncio.Event,
) -> None:
    """Record that an event cannot be handled, and wait; go past it if it is to be skipped."""
    async with session.turn:
        if await is_skipped(session.connection, name, position):
            await _skip(session, name, progress, position)
            return
        progress.failures = await record_failure(
            session.connection, name, position=position, error=error
        )
    _log.error("follower %s cannot get past position %d: %s", name, position, describe(error))
    await _rest(session, name, progress, position, stop=stop)


async def _skip(session: LeaderSession, name: str, progress: Progress, position: int) -> None:
    """Go past an event that the handler raises on and that an operator decided to skip.

    The caller has the session's turn.
    """
    async with session.connection.transaction(), session.connection.cursor() as cursor:
        await move(cursor, name, old=progress.stored, new=position)
        await forget_failure(cursor, name)
    _log.warning("follower %s skips position %d, as an operator decided", name, position)
    progress.stored = progress.seen = position
    progress.failures = 0


async def _rest(
    session: LeaderSession, name: str, progress: Progress, position: int, *, stop: asyncio.Event
) -> None:
    """Wait before the next attempt, longer each time; end early once a skip is recorded."""
    loop = asyncio.get_running_loop()
    pause_s = backoff_s(progress.failures - 1, first_s=_FIRST_RETRY_S, longest_s=_LONGEST_RETRY_S)
    until_s = loop.time() + pause_s
    while not stop.is_set() and (left_s := until_s - loop.time()) > 0:
        # The query keeps the leader's session alive, too.
        async with session.turn:
            if await is_skipped(session.connection, name, position):
                return
        await pause(min(left_s, HEARTBEAT_S), stop=stop)
