"""Limit the signed deliveries of each connection: their number per minute and their bytes per day.

A connection that sends more than that would fill the log, and keep the events of all apps waiting.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Final

import structlog

from projections.access.queries import ConnectionRow
from service.http.errors import DeliveriesOverBytes, DeliveriesOverRate
from service.http.fixed_windows import FixedWindows
from service.operations.metrics import Metrics

_log = structlog.get_logger("billhook.service")

_MINUTE_S: Final = 60
_DAY_S: Final = 24 * 60 * _MINUTE_S
_LOG_EVERY_S: Final = 60.0


class DeliveryBudgets:
    """Counts what each connection has delivered to this process.

    Only deliveries with a valid signature are counted, so that nobody else uses up a budget. A
    delivery over a budget is refused before it is stored; providers send it again for days.
    """

    def __init__(self, metrics: Metrics, *, per_minute: int, bytes_per_day: int) -> None:
        self._metrics = metrics
        self._per_minute = FixedWindows(per_minute, period_s=_MINUTE_S)
        self._bytes_per_day = FixedWindows(bytes_per_day, period_s=_DAY_S)
        self._rejected: Counter[str] = Counter()
        self._logged_at_s = -_LOG_EVERY_S

    def admit(self, connection: ConnectionRow, *, size_bytes: int) -> None:
        """Count a delivery. Raises DeliveriesOverRate and DeliveriesOverBytes."""
        if not self.fits(connection, size_bytes=size_bytes):
            self._record_rejected(connection)
            if self._per_minute.fits(connection.connection_id):
                raise DeliveriesOverBytes
            raise DeliveriesOverRate
        self.count(connection, size_bytes=size_bytes)

    def fits(self, connection: ConnectionRow, *, size_bytes: int) -> bool:
        """Return whether a delivery would be admitted; count nothing."""
        key = connection.connection_id
        return self._per_minute.fits(key) and self._bytes_per_day.fits(key, cost=size_bytes)

    def count(self, connection: ConnectionRow, *, size_bytes: int) -> None:
        """Count a delivery that fits."""
        key = connection.connection_id
        self._per_minute.count(key)
        self._bytes_per_day.count(key, cost=size_bytes)

    def give_back(self, connection: ConnectionRow, *, size_bytes: int) -> None:
        """Undo the count of a delivery that was not stored."""
        key = connection.connection_id
        self._per_minute.give_back(key)
        self._bytes_per_day.give_back(key, cost=size_bytes)

    def _record_rejected(self, connection: ConnectionRow) -> None:
        """Count a refused delivery; log a count per connection once a minute."""
        self._metrics.record_delivery(connection.provider, "over_budget")
        self._rejected[connection.name] += 1
        now_s = time.monotonic()
        if now_s - self._logged_at_s >= _LOG_EVERY_S:
            _log.warning("deliveries.over_budget", rejected=dict(self._rejected))
            self._logged_at_s = now_s
            self._rejected.clear()
