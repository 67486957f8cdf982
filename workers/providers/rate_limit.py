"""Rate limits of provider calls, shared by all processes through Redis.

A moving window per name, by the callers' clocks: processes whose clocks are a tenth of a second
apart may be a tenth over. Then, and while Redis is away, the provider's own 429 rules.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

import structlog
from limits import RateLimitItemPerSecond
from limits.errors import StorageError
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter

from domain.gateway.errors import GatewayUnavailable
from workers.providers.reconciliation_budget import is_budgeted, pause_s, with_budget

_log = structlog.get_logger("billhook.rates")

_PREFIX: Final = "billhook:rates"
_REDIS_TIMEOUT_S: Final = 0.25
_SHORTEST_WAIT_S: Final = 0.005
# Callers that are postponed together retry spread over as long again.
_COMEBACK_S: Final = 1.0
# A job that has made calls waits longer: if postponed, it would repeat them all.
_ONCE_BEGUN_S: Final = 6.0
_QUIET_S: Final = 60.0
_SKIP_S: Final = 1.0


class ProviderRateLimits:
    """Waits for rate limits. `patience_s`: how long a job's first call may wait in its thread.

    `give_way`: called before each call of reconciliation; it waits while callers need the machine.
    """

    def __init__(
        self, redis_url: str, *, patience_s: float, give_way: Callable[[], None] = lambda: None
    ) -> None:
        self._give_way = give_way
        storage = RedisStorage(
            redis_url,
            key_prefix=_PREFIX,
            wrap_exceptions=True,
            socket_connect_timeout=_REDIS_TIMEOUT_S,
            socket_timeout=_REDIS_TIMEOUT_S,
        )
        self._limiter = MovingWindowRateLimiter(storage)
        self._patience_s = patience_s
        self._run = threading.local()
        self._lock = threading.Lock()
        self._skip_until_s = 0.0
        self._quiet_until_s = 0.0

    def start_job(self) -> None:
        """Mark the start of a job in this thread: its first call may be postponed soon."""
        self._run.begun = False

    def acquire(self, per_second: Mapping[str, int]) -> None:
        """Wait until each name has a call left this second; a rate of 0 is no limit.

        Calls of reconciliation give way to callers, and have a lower rate besides, which they wait
        for first.

        Raises GatewayUnavailable, uncounted, where that takes longer than our patience.
        """
        if is_budgeted():
            self._give_way()
            per_second = with_budget(per_second)
        begun = getattr(self._run, "begun", False)
        deadline_s = time.monotonic() + (_ONCE_BEGUN_S if begun else self._patience_s)
        for name, calls in per_second.items():
            if calls:
                self._await_one(name, RateLimitItemPerSecond(calls), deadline_s=deadline_s)
        self._run.begun = True
        if is_budgeted() and time.monotonic() < self._skip_until_s:
            # Without Redis the provider's own limit rules, and callers need the whole of it.
            time.sleep(pause_s(per_second))

    def _await_one(self, name: str, item: RateLimitItemPerSecond, *, deadline_s: float) -> None:
        while time.monotonic() >= self._skip_until_s:
            try:
                if self._limiter.hit(item, name):
                    return
                free_at = self._limiter.get_window_stats(item, name).reset_time
            except StorageError as error:
                self._skip_limits(error)
                return
            wait_s = max(free_at - time.time(), _SHORTEST_WAIT_S)
            if time.monotonic() + wait_s > deadline_s:
                raise GatewayUnavailable(
                    "our own rate limit",
                    retry_after_s=_COMEBACK_S * (1 + random.random()),  # noqa: S311 - spreads, hides nothing
                    counted=False,
                )
            time.sleep(wait_s)

    def _skip_limits(self, error: StorageError) -> None:
        """Skip the limits for a moment, and log that at most once a minute."""
        now_s = time.monotonic()
        with self._lock:
            self._skip_until_s = now_s + _SKIP_S
            if now_s < self._quiet_until_s:
                return
            self._quiet_until_s = now_s + _QUIET_S
        _log.warning("rates.redis_unavailable", error=type(error.storage_error).__name__)
