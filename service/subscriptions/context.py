from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from starlette.requests import Request

from projections.access.queries import AccessQueries
from projections.subscriptions.queries import SubscriptionQueries
from service.auth.access_cache import AccessCache
from service.operations.readiness import Readiness
from service.recording.context import RecordingContext
from service.settings import Settings
from service.tenants.registry import KnownTenants


@dataclass(frozen=True, kw_only=True)
class SubscriptionsContext:
    """Dependencies of the subscription endpoints."""

    settings: Settings
    access: AccessCache
    access_rows: AccessQueries
    recording: RecordingContext
    known_tenants: KnownTenants
    readiness: Readiness
    queries: SubscriptionQueries
    now: Callable[[], datetime]


def context_of(request: Request) -> SubscriptionsContext:
    """Return the subscriptions context of the application that serves the request."""
    return cast("SubscriptionsContext", request.app.state.context.subscriptions)
