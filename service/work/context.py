from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from starlette.requests import Request

from projections.work.queries import WorkQueries
from service.recording.context import RecordingContext
from service.settings import Settings


@dataclass(frozen=True, kw_only=True)
class WorkContext:
    """Dependencies of the work endpoints."""

    settings: Settings
    recording: RecordingContext
    queries: WorkQueries
    now: Callable[[], datetime]


def context_of(request: Request) -> WorkContext:
    """Return the work context of the application that serves the request."""
    return cast("WorkContext", request.app.state.context.work)
