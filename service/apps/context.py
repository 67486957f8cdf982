from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from starlette.requests import Request

from projections.operations.reconciliation_state import ConnectionState
from service.auth.context import AuthContext
from service.recording.context import RecordingContext
from service.recording.provider_lookup import ProviderLookups
from service.settings import Settings


@dataclass(frozen=True, kw_only=True)
class AppsContext:
    """Dependencies of the endpoints for the app, its keys and connections."""

    settings: Settings
    auth: AuthContext
    recording: RecordingContext
    provider_lookups: ProviderLookups
    connection_states: Callable[[UUID], Awaitable[list[ConnectionState]]]
    now: Callable[[], datetime]


def context_of(request: Request) -> AppsContext:
    """Return the apps context of the application that serves the request."""
    return cast("AppsContext", request.app.state.context.apps)
