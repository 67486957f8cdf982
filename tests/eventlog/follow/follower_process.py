"""A follower in a process of its own, for tests that kill it: DSN, name."""

import asyncio
import sys
from collections.abc import Sequence

from eventlog.follow.follower import Follower
from eventlog.follow.handler import Cursor
from eventlog.reading import RecordedEvent


async def _insert(cursor: Cursor, batch: Sequence[RecordedEvent]) -> None:
    for event in batch:
        await cursor.execute("INSERT INTO seen VALUES (%s)", [event.position])


if __name__ == "__main__":
    follower = Follower(sys.argv[1], sys.argv[2], _insert, batch=10)
    asyncio.run(follower.run(asyncio.Event()))
