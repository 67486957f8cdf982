"""Rejected webhook deliveries, kept for operators: the newest of each connection.

They are not events, because anybody may have sent them. Of the content only hash and size are kept.
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

# One process at a time, so that no two trim the same rows and the number kept is exact.
_ALONE: Final = "SELECT pg_advisory_xact_lock(hashtextextended('billhook rejected deliveries', 0))"
_ADD: Final[LiteralString] = """
    INSERT INTO inbox.rejected_deliveries
    SELECT * FROM jsonb_populate_recordset(NULL::inbox.rejected_deliveries, %s)
    ON CONFLICT DO NOTHING
"""
_TRIM: Final[LiteralString] = """
    DELETE FROM inbox.rejected_deliveries AS old USING unnest(%s::uuid[]) AS grown (id)
    WHERE old.connection_id = grown.id AND (old.received_at, old.id) <= (
        SELECT known.received_at, known.id FROM inbox.rejected_deliveries AS known
        WHERE known.connection_id = grown.id
        ORDER BY known.received_at DESC, known.id DESC OFFSET %s LIMIT 1
    )
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedDelivery:
    """A delivery that failed verification or could not be parsed, with the code of the reason.

    `size_bytes`: for a body over the limit the announced Content-Length, if any. `remote`:
    loopback, private or public, by the peer's address. `content_type` and `user_agent` are
    unverified headers.
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
    """Stores rejected deliveries; connects at the first write."""

    def __init__(self, dsn: str) -> None:
        """Use `open` before the first call."""
        self._pool = pool(
            dsn, application_name="billhook rejected deliveries", min_size=0, max_size=1
        )

    async def open(self) -> None:
        """Allow a session to be opened on demand."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Close the session."""
        await self._pool.close()

    async def add(self, rejected: Sequence[RejectedDelivery]) -> None:
        """Add deliveries and delete the oldest beyond KEPT. Repeating a call changes nothing.

        Raises ReadModelUnavailable.
        """
        rows = Jsonb([asdict(one) for one in rejected], dumps=orjson.dumps)
        grown = list({one.connection_id for one in rejected})
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
