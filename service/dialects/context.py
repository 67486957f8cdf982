from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from starlette.requests import Request

from projections.invoices.queries import InvoiceQueries
from service.auth.access_cache import AccessCache
from service.invoices.documents import Links
from service.operations.readiness import Readiness
from service.recording.context import RecordingContext
from service.recording.provider_lookup import ProviderLookups
from service.settings import Settings
from service.tenants.registry import KnownTenants


@dataclass(frozen=True, kw_only=True)
class DialectsContext:
    """Dependencies of the endpoints of seeds 000, 001, 003 and 004."""

    settings: Settings
    access: AccessCache
    recording: RecordingContext
    known_tenants: KnownTenants
    readiness: Readiness
    invoices: InvoiceQueries
    provider_lookups: ProviderLookups
    links: Links
    now: Callable[[], datetime]


def context_of(request: Request) -> DialectsContext:
    """Return the dialects context of the application that serves the request."""
    return cast("DialectsContext", request.app.state.context.dialects)
