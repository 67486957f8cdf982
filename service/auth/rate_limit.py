"""Rate limits of callers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from service.http.errors import RateLimited
from service.http.fixed_windows import FixedWindows

_MINUTE_S: Final = 60


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
        self._windows = FixedWindows(per_minute, period_s=_MINUTE_S)

    def count(self, caller: str) -> RateLimitStatus:
        """Count one request of a caller."""
        windows = self._windows
        admitted = windows.count(caller)
        return RateLimitStatus(
            limit=windows.amount,
            remaining=windows.remaining(caller),
            reset_s=windows.reset_s(caller),
            admitted=admitted,
        )
