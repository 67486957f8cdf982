from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from starlette.requests import Request

from service.auth.context import AuthContext
from service.recording.context import RecordingContext
from service.settings import Settings
from service.tenants.registry import KnownTenants


@dataclass(frozen=True, kw_only=True)
class TenantsContext:
    """Dependencies of the tenant endpoints."""

    settings: Settings
    auth: AuthContext
    recording: RecordingContext
    known_tenants: KnownTenants
    now: Callable[[], datetime]


def context_of(request: Request) -> TenantsContext:
    """Return the tenants context of the application that serves the request."""
    return cast("TenantsContext", request.app.state.context.tenants)
