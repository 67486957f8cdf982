"""The background task that sends what is due."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from sqlite3 import Row
from typing import Any, cast

from sandbox.common.background_sender import BackgroundSender
from sandbox.common.webhook_client import WebhookClient


class _Late(BackgroundSender):
    """Has one row, which becomes due between the look at what is and the look at what will be."""

    TIMEOUT_S = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.due: float | None = None
        self.sent = asyncio.Event()

    def due_by(self, moment: float, *, without: Collection[int], limit: int) -> list[Row]:
        due = self.due is not None and self.due <= moment and not self.sent.is_set()
        rows: Any = [{"id": 1, "batch": None}] if due else []
        if self.due is None:
            # By now its time has come, though not by the moment that was asked for.
            self.due = moment + 1e-6
            while time.time() <= self.due:
                pass
        return cast("list[Row]", rows if limit and 1 not in without else [])

    def next_due(self, *, after: float) -> float | None:
        return self.due if self.due and self.due > after else None

    async def send(self, client: WebhookClient, row: Row) -> bool:
        assert (row["id"], isinstance(client, WebhookClient)) == (1, True)
        self.sent.set()
        return False


def test_a_delivery_that_becomes_due_between_two_polls_is_sent_at_once() -> None:
    async def run() -> None:
        sender = _Late()
        running = asyncio.create_task(sender.run())
        await asyncio.wait_for(sender.sent.wait(), 5)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())
