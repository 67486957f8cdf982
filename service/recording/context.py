from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from starlette.requests import Request

from domain.billing import Billing
from eventlog.async_store import AsyncStore
from eventlog.follow.tail import Tail
from eventlog.log import Log
from projections.invoices.queries import InvoiceQueries
from service.auth.access_cache import AccessCache
from service.operations.metrics import Metrics
from service.recording.streams import Streams
from service.recording.waits import Waits
from service.settings import Settings


@dataclass(frozen=True, kw_only=True)
class RecordingContext:
    """Dependencies of every write to the log and every consistent read."""

    settings: Settings
    log: Log
    store: AsyncStore
    tail: Tail
    streams: Streams
    billing: Billing
    waits: Waits
    metrics: Metrics
    read_model: InvoiceQueries
    """Positions of all projections, and the rows of invoices."""
    access: AccessCache
    now: Callable[[], datetime]


def context_of(request: Request) -> RecordingContext:
    """Return the recording context of the application that serves the request."""
    return cast("RecordingContext", request.app.state.context.recording)
