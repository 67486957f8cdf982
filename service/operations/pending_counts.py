"""Counts that wait in memory for a moment before they are written where all processes count."""

import asyncio
from bisect import bisect_left
from collections import Counter as Numbers
from collections.abc import Sequence
from typing import Final

from prometheus_client import Counter, Histogram

_FLUSH_AFTER_S: Final = 0.25


class BulkHistogram(Histogram):
    """A histogram that observes many amounts in one go."""

    def observe_all(self, amounts: Sequence[float]) -> None:
        """Observe each amount, as `observe` does."""
        self._sum.inc(sum(amounts))
        indexes = [bisect_left(self._upper_bounds, amount) for amount in amounts]
        for index, number in Numbers(indexes).items():
            self._buckets[index].inc(number)


class PendingCounts:
    """Adds up counts for a quarter of a second: a write to the file of each takes a microsecond."""

    def __init__(self) -> None:
        self._counters: dict[Counter, float] = {}
        self._amounts: dict[BulkHistogram, list[float]] = {}
        self._is_flush_due = False

    def count(self, counter: Counter, number: float = 1) -> None:
        """Increase a counter."""
        self._counters[counter] = self._counters.get(counter, 0) + number
        if not self._is_flush_due:
            self._flush_later()

    def observe(self, histogram: BulkHistogram, amount: float) -> None:
        """Observe an amount."""
        amounts = self._amounts.get(histogram)
        if amounts is None:
            amounts = self._amounts[histogram] = []
        amounts.append(amount)
        if not self._is_flush_due:
            self._flush_later()

    def flush(self) -> None:
        """Write all counts that wait."""
        self._is_flush_due = False
        counters, self._counters = self._counters, {}
        amounts, self._amounts = self._amounts, {}
        for counter, number in counters.items():
            counter.inc(number)
        for histogram, observed in amounts.items():
            histogram.observe_all(observed)

    def _flush_later(self) -> None:
        try:
            asyncio.get_running_loop().call_later(_FLUSH_AFTER_S, self.flush)
        except RuntimeError:  # without a loop
            self.flush()
        else:
            self._is_flush_due = True
