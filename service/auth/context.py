from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from starlette.requests import Request

from projections.access.queries import AccessQueries
from service.auth.access_cache import AccessCache
from service.auth.failed_lookups import FailedLookups
from service.auth.rate_limit import RateLimiter


@dataclass(frozen=True, kw_only=True)
class AuthContext:
    """Dependencies of authentication."""

    access: AccessCache
    access_rows: AccessQueries
    """The uncached rows of the access projection."""
    rates: RateLimiter
    """Requests of one key, or of one tenant's tokens."""
    app_rates: RateLimiter
    """Requests of one app, whatever its keys."""
    failures: FailedLookups
    open_secret: Callable[[str, str], str]
    """Decrypts a secret sealed for a context; caches what it decrypted."""
    seal_secret: Callable[[str, str], str]
    """Encrypts a secret for a context; `open_secret` decrypts it."""
    now: Callable[[], datetime]


def context_of(request: Request) -> AuthContext:
    """Return the auth context of the application that serves the request."""
    return cast("AuthContext", request.app.state.context.auth)
