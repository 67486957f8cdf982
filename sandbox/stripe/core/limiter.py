"""Rate limits per account, off unless set through the admin API.

Accepted calls of the last second of real time are counted (a client's limiter does not follow a
moved clock), in this process; rejected calls do not count. Stripe's limits are 100 calls per second
live, 25 in test mode, and 25 per endpoint.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque

from sandbox.stripe.core.accounts import Account
from sandbox.stripe.core.errors import StripeError, rate_limited

WINDOW_S = 1.0


class Limiter:
    """Counts the calls of the last second, by account and by endpoint."""

    def __init__(self) -> None:
        self._let_through: dict[tuple[str, str], deque[float]] = defaultdict(deque)

    def rejection(self, account: Account, endpoint: str) -> StripeError | None:
        """Counts a call. Returns the error if the call exceeds a limit, else None.

        ``endpoint``: method and path template, such as ``POST /v1/invoices/{invoice}/pay``.
        """
        limits, now = account.state.limits, time.monotonic()
        checks = (
            ((account.id, ""), limits.per_s, "global-rate"),
            ((account.id, endpoint), limits.endpoint_per_s, "endpoint-rate"),
        )
        for key, most, reason in checks:
            if most is not None and self._count(key, now) >= most:
                return rate_limited(reason=reason, retry_after_s=limits.retry_after_s)
        for key, most, _ in checks:
            if most is not None:
                self._let_through[key].append(now)
        return None

    def _count(self, key: tuple[str, str], now: float) -> int:
        calls = self._let_through[key]
        while calls and calls[0] <= now - WINDOW_S:
            calls.popleft()
        return len(calls)
