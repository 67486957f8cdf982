from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from starlette.requests import Request

from projections.invoices.queries import InvoiceQueries
from service.auth.access_cache import AccessCache
from service.invoices.documents import Documents, Links
from service.operations.readiness import Readiness
from service.recording.context import RecordingContext
from service.settings import Settings
from service.tenants.registry import KnownTenants


@dataclass(frozen=True, kw_only=True)
class InvoicesContext:
    """Dependencies of the invoice endpoints."""

    settings: Settings
    access: AccessCache
    recording: RecordingContext
    known_tenants: KnownTenants
    readiness: Readiness
    queries: InvoiceQueries
    documents: Documents
    links: Links
    now: Callable[[], datetime]


def context_of(request: Request) -> InvoicesContext:
    """Return the invoices context of the application that serves the request."""
    return cast("InvoicesContext", request.app.state.context.invoices)
