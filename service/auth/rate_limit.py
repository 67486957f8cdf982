"""Rate limits of callers."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

from service.http.errors import RateLimited


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimitStatus:
    """A caller's limit, and what remains of it in this minute."""

    limit: int
    remaining: int
    reset_s: int
    admitted: bool

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the RateLimit headers of the IETF draft."""
        return {
            "ratelimit-limit": str(self.limit),
            "ratelimit-remaining": str(self.remaining),
            "ratelimit-reset": str(self.reset_s),
        }

    def require(self) -> None:
        """Raise RateLimited if the limit is exceeded."""
        if not self.admitted:
            raise RateLimited(self.reset_s)


class RateLimiter:
    """Counts requests per caller and minute, in this process: each process allows as many.

    The queue's Redis is the workers' own, so that the API goes on answering without it.
    """

    def __init__(self, *, per_minute: int) -> None:
        self._item = RateLimitItemPerMinute(per_minute)
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    async def count(self, caller: str) -> RateLimitStatus:
        """Count one request of a caller."""
        admitted = await self._limiter.hit(self._item, caller)
        window = await self._limiter.get_window_stats(self._item, caller)
        return RateLimitStatus(
            limit=self._item.amount,
            remaining=max(window.remaining, 0),
            reset_s=max(math.ceil(window.reset_time - time.time()), 1),
            admitted=admitted,
        )
