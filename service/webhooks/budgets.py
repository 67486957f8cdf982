"""Limit the signed deliveries of each connection: their number per minute and their bytes per day.

A connection that sends more than that would fill the log, and keep the events of all apps waiting.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Final
from uuid import UUID

import structlog
from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

from projections.access.queries import ConnectionRow
from service.http.errors import DeliveriesOverBytes, DeliveriesOverRate
from service.operations.metrics import Metrics

_log = structlog.get_logger("billhook.service")

_LOG_EVERY_S: Final = 60.0


class DeliveryBudgets:
    """Counts what each connection has delivered to this process.

    Only deliveries with a valid signature are counted, so that nobody else uses up a budget. A
    delivery over a budget is refused before it is stored; providers send it again for days.
    """

    def __init__(self, metrics: Metrics, *, per_minute: int, bytes_per_day: int) -> None:
        self._metrics = metrics
        self._per_minute = RateLimitItemPerMinute(per_minute)
        self._bytes_per_day = RateLimitItemPerDay(bytes_per_day)
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._rejected: Counter[str] = Counter()
        self._logged_at_s = -_LOG_EVERY_S

    async def admit(self, connection: ConnectionRow, *, size_bytes: int) -> None:
        """Count a delivery. Raises DeliveriesOverRate and DeliveriesOverBytes."""
        key = connection.connection_id
        if not await self._fits(self._per_minute, key, cost=1):
            self._record_rejected(connection)
            raise DeliveriesOverRate
        if not await self._fits(self._bytes_per_day, key, cost=size_bytes):
            self._record_rejected(connection)
            raise DeliveriesOverBytes
        await self._limiter.hit(self._per_minute, str(key))
        await self._limiter.hit(self._bytes_per_day, str(key), cost=size_bytes)

    async def _fits(self, item: RateLimitItem, key: UUID, *, cost: int) -> bool:
        return await self._limiter.test(item, str(key), cost=cost)

    def _record_rejected(self, connection: ConnectionRow) -> None:
        """Count a refused delivery; log a count per connection once a minute."""
        self._metrics.record_delivery(connection.provider, "over_budget")
        self._rejected[connection.name] += 1
        now_s = time.monotonic()
        if now_s - self._logged_at_s >= _LOG_EVERY_S:
            _log.warning("deliveries.over_budget", rejected=dict(self._rejected))
            self._logged_at_s = now_s
            self._rejected.clear()
