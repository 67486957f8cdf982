"""Deliveries that were refused, kept for operators: the newest of each connection.

No part of the log: anybody may have sent them. What was sent is not kept, only its hash and size.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

import orjson
import psycopg
from psycopg.types.json import Jsonb
from psycopg_pool import PoolClosed, PoolTimeout

from eventlog.database.connect import pool
from projections.engine.errors import ReadModelUnavailable

KEPT: Final = 1_000
_CONNECT_WITHIN_S: Final = 5.0

# One process at a time: then no two trim the same rows, and what is kept is counted right.
_ALONE: Final = "SELECT pg_advisory_xact_lock(hashtextextended('billhook refused deliveries', 0))"
_ADD: Final[LiteralString] = """
    INSERT INTO inbox.refused
    SELECT * FROM jsonb_populate_recordset(NULL::inbox.refused, %s) ON CONFLICT DO NOTHING
"""
_TRIM: Final[LiteralString] = """
    DELETE FROM inbox.refused AS old USING unnest(%s::uuid[]) AS grown (id)
    WHERE old.connection_id = grown.id AND (old.received_at, old.id) <= (
        SELECT known.received_at, known.id FROM inbox.refused AS known
        WHERE known.connection_id = grown.id
        ORDER BY known.received_at DESC, known.id DESC OFFSET %s LIMIT 1
    )
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedDelivery:
    """A delivery that was not believed or could not be read; `reason` says why, in a word.

    `size_bytes`: of a body that was too long, what was announced, if anything. `remote`: loopback,
    private or public, of whoever was connected to us. Nobody proved who they are: `content_type`
    and `user_agent` are what they said.
    """

    id: UUID
    app_id: UUID
    connection_id: UUID
    connection: str
    provider: str
    mode: str
    received_at: datetime
    reason: str
    size_bytes: int | None
    body_sha256: str | None
    content_type: str | None
    user_agent: str | None
    remote: str


class RejectedDeliveries:
    """Writes refused deliveries down; connects when there is something to write."""

    def __init__(self, dsn: str) -> None:
        """Connect nothing yet; use `open`."""
        self._pool = pool(dsn, application_name="billhook refused", min_size=0, max_size=1)

    async def open(self) -> None:
        """Let a session be opened when it is needed."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Hang up."""
        await self._pool.close()

    async def keep(self, refused: Sequence[RejectedDelivery]) -> None:
        """Add them, and forget the oldest beyond what is kept. Twice is the same as once.

        Raises ReadModelUnavailable.
        """
        rows = Jsonb([asdict(one) for one in refused], dumps=orjson.dumps)
        grown = list({one.connection_id for one in refused})
        try:
            async with (
                self._pool.connection(timeout=_CONNECT_WITHIN_S) as connection,
                connection.transaction(),
            ):
                await connection.execute(_ALONE)
                await connection.execute(_ADD, [rows])
                await connection.execute(_TRIM, [grown, KEPT])
        except (psycopg.Error, PoolTimeout, PoolClosed) as error:
            raise ReadModelUnavailable(type(error).__name__) from None
