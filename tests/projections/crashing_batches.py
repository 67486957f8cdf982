"""Fold a log in random batches, some of which crash before they are committed."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from eventlog.database.connect import connect_async
from eventlog.database.statements import execute_together
from eventlog.follow.handler import Cursor, RowsHandler
from eventlog.reading import RecordedEvent

Batches = Sequence[tuple[Sequence[RecordedEvent], bool]]
Handler = Callable[[Cursor, Sequence[RecordedEvent]], Awaitable[Any]]


async def project(database: str, batches: Batches, *, handler: Callable[[], Handler]) -> None:
    """Fold batches, each in its transaction; those marked crash once before they are committed."""
    connection = await connect_async(database, application_name="test")
    async with connection:
        handle = handler()
        for batch, crashes in batches:
            for dies in (True, False) if crashes else (False,):
                async with (
                    connection.transaction(force_rollback=dies),
                    connection.cursor() as cursor,
                ):
                    await _write(cursor, batch, handle)
                if dies:
                    handle = handler()  # a restart remembers nothing


async def _write(cursor: Cursor, batch: Sequence[RecordedEvent], handle: Handler) -> None:
    """Write rows as a follower does: by one statement where the handler needs no more."""
    writes = await handle.fold(cursor, batch) if isinstance(handle, RowsHandler) else None
    if writes is None:
        await handle(cursor, batch)
    else:
        await execute_together(cursor, writes.statements)


def split(log: list[RecordedEvent], boundaries: random.Random) -> Batches:
    """Cut a log into batches of 1 to 6 events; a fifth of them crash."""
    batches, rest = [], log
    while rest:
        size = boundaries.randint(1, 6)
        batches.append((rest[:size], boundaries.random() < 0.2))
        rest = rest[size:]
    return batches
