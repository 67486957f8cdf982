"""The relay's effect on the work table, at once: for tests that run no relay."""

import asyncio
from collections.abc import Iterable
from typing import Any

import psycopg

from projections.work.table import apply_changes
from workers.queue.reactions import changes_for


def relay(database: str, events: Iterable[Any]) -> None:
    """Open and close the rows of work that these events open and close."""
    changes = [change for event in events for change in changes_for(event)]

    async def apply() -> None:
        async with await psycopg.AsyncConnection.connect(database) as connection:
            await apply_changes(connection.cursor(), changes)

    asyncio.run(apply())
