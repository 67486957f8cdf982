"""Fold the log to open items, and check them, as the scheduler does."""

from __future__ import annotations

import asyncio

from eventlog.codec import Codec
from eventlog.database.connect import connect_async
from eventlog.log import Log
from projections.work.open_items import ItemChange, OpenItems, apply_item_changes
from tests.workers.reconciliation.nets import Nets
from workers.reconciliation.item_changes import TOPICS, item_change
from workers.reconciliation.known_objects import load
from workers.reconciliation.open_items import OpenItemCheck, place_items


class Folding:
    """Folds the log on into open items, as the follower does in the scheduler."""

    def __init__(self, database: str, items: OpenItems) -> None:
        self.items = items
        self._database = database
        self._position = 0

    def read_on(self, log: Log) -> None:
        """Fold the events since the last call."""
        found = log.read(self._position, 100_000, TOPICS)
        if found:
            self._position = found[-1].position
            asyncio.run(self._apply([item_change(Codec().decode(one)) for one in found]))

    async def _apply(self, changes: list[ItemChange | None]) -> None:
        connecting = connect_async(self._database, application_name="test")
        async with await connecting as connection, connection.cursor() as cursor:
            await apply_item_changes(cursor, [one for one in changes if one is not None])


def check(nets: Nets, folding: Folding) -> int:
    """Fold the log, and check what is due."""
    bench, items = nets.bench, folding.items
    folding.read_on(bench.log)
    place_items(items, lambda ids: load(bench.log, ids), limit=100)
    due = items.due(bench.connection_id, now=bench.clock(), limit=100)
    checking = OpenItemCheck(
        gateway=bench.gateway,
        compare=nets.compare(),
        inbox=nets.inbox("open_items"),
        items=items,
        now=bench.clock,
    )
    return checking.run(due)
